package querycache

import (
	"bytes"
	"testing"
)

// What differs in any part has another key, also where the parts one after the other are the same bytes.
func TestKeysOfDifferentReadsDiffer(t *testing.T) {
	key := func(pool, settings uint64, kind Kind, types, text, tail string) string {
		return string(AppendKey(nil, pool, settings, kind, []byte(types), []byte(text), []byte(tail)))
	}
	seen := map[string]int{}
	for i, k := range []string{
		key(1, 2, Executed, "ab", "cd", "ef"),
		key(2, 2, Executed, "ab", "cd", "ef"),
		key(1, 1, Executed, "ab", "cd", "ef"),
		key(1, 2, Described, "ab", "cd", "ef"),
		key(1, 2, Executed, "abc", "d", "ef"),
		key(1, 2, Executed, "a", "bcd", "ef"),
		key(1, 2, Executed, "ab", "cde", "f"),
		key(1, 2, Executed, "ab", "c", "def"),
		key(1, 2, Executed, "", "abcdef", ""),
		key(1, 2, Executed, "", "", "abcdef"),
		key(1, 2, Executed, "abcdef", "", ""),
		key(1, 2, Executed, "", "", ""),
	} {
		if first, found := seen[k]; found {
			t.Errorf("keys %d and %d are the same: %q", first, i, k)
		}
		seen[k] = i
	}
}

// FuzzKey takes keys apart again.
func FuzzKey(f *testing.F) {
	f.Add(uint64(1), uint64(2), byte(3), []byte("\x00\x01\x00\x00\x00\x17"), []byte("SELECT $1"), []byte("\x00\x00"))
	f.Add(uint64(0), uint64(0), byte(0), []byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, pool, settings uint64, kind byte, types, text, tail []byte) {
		k := AppendKey([]byte("before"), pool, settings, Kind(kind), types, text, tail)
		parts := AppendKey(nil, pool, settings, Kind(kind), types, text, nil)
		if !bytes.HasPrefix(k, []byte("before")) || !bytes.Equal(k[len("before"):len("before")+len(parts)], parts) {
			t.Fatalf("%q does not begin with %q", k, parts)
		}
		if head := len("before") + 8 + 8 + 1 + 4 + 4; !bytes.Equal(k[head:], bytes.Join([][]byte{types, text, tail}, nil)) {
			t.Fatalf("%q does not end with its parts", k)
		}
		if Hash(k) == 0 {
			t.Fatal("a hash of 0")
		}
	})
}

func TestKeysDoNotAllocate(t *testing.T) {
	dst, text := make([]byte, 0, 256), []byte("SELECT * FROM t WHERE id = $1")
	if n := testing.AllocsPerRun(100, func() { dst = AppendKey(dst[:0], 1, 2, Executed, nil, text, text); Hash(dst) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
