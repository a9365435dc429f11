package querycache

import (
	"encoding/hex"
	"testing"
)

// whose is the names of some parts.
func whose(parts ...string) (names []byte) {
	for _, p := range parts {
		names = AppendName(names, p)
	}
	return names
}

// What is asked, and whose it is, make another key; what only this process understands does not.
func TestSharedKeys(t *testing.T) {
	key := func(pool, settings uint64, kind Kind, text string) []byte {
		return AppendKey(nil, pool, settings, kind, nil, []byte(text), nil)
	}
	one := SharedKeyOf(key(1, 2, SimpleQuery, "select 1"), whose("app", "db", "u"))
	if other := SharedKeyOf(key(8, 9, SimpleQuery, "select 1"), whose("app", "db", "u")); other != one {
		t.Error("another process makes another key")
	}
	seen := map[SharedKey]string{one: "the first"}
	for name, k := range map[string]SharedKey{
		"another text":       SharedKeyOf(key(1, 2, SimpleQuery, "select 2"), whose("app", "db", "u")),
		"another kind":       SharedKeyOf(key(1, 2, Executed, "select 1"), whose("app", "db", "u")),
		"another user":       SharedKeyOf(key(1, 2, SimpleQuery, "select 1"), whose("app", "db", "v")),
		"the same in pieces": SharedKeyOf(key(1, 2, SimpleQuery, "select 1"), whose("ap", "pdb", "u")),
		"nobody":             SharedKeyOf(key(1, 2, SimpleQuery, "select 1"), nil),
	} {
		if was, ok := seen[k]; ok {
			t.Errorf("%s has the key of %s", name, was)
		}
		seen[k] = name
	}
}

// Processes of one version agree, whatever they run on: if this fails, what they share has changed, and sharedVersion has to.
func TestASharedKeyIsWhatItWas(t *testing.T) {
	key := SharedKeyOf(AppendKey(nil, 1, 2, Executed, []byte("t"), []byte("select 1"), []byte("tail")), whose("app", "db", "u"))
	if got := hex.EncodeToString(key[:8]); got != "3f9d1e243e6f3a25" {
		t.Errorf("it begins %s", got)
	}
}
