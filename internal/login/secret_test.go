package login

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func closeFD(fd int) error { return unix.Close(fd) }

func TestParseSecret(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "(no password)",
		"secret":                              "(a password)",
		"md5":                                 "(a password)",
		"md5" + strings.Repeat("0", 31):       "(a password)",
		"md5" + strings.Repeat("A", 32):       "(a password)", // Postgres writes lower case, and takes only that
		"md5" + strings.Repeat("0a", 16):      "(an md5 hash)",
		verifierOf("x", "y"):                  "(a SCRAM verifier)",
		"scram-sha-256$4096:AAAA$AAAA:AAAA":   "(a password)",
		"SCRAM-SHA-256$4096:AAAA$AAAA:AAAA":   "error",
		"SCRAM-SHA-256$4096:AAAA$very:secret": "error",
	} {
		s, err := ParseSecret(text)
		got := fmt.Sprintf("%v", s)
		if err != nil {
			got = "error"
			if strings.Contains(err.Error(), "very") || !strings.Contains(err.Error(), "pg_authid") {
				t.Errorf("%v", err)
			}
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
		if shown := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); len(text) > 5 && strings.Contains(shown, text) {
			t.Errorf("a secret shows: %s", shown)
		}
	}
}

func TestParseMethod(t *testing.T) {
	for _, m := range []Method{ScramSHA256, MD5, Plain, Trust} {
		if got, err := ParseMethod(m.String()); got != m || err != nil {
			t.Errorf("%s: %v, %v", m, got, err)
		}
	}
	if _, err := ParseMethod("password"); err == nil || !strings.Contains(err.Error(), "scram-sha-256, md5, plain, trust") {
		t.Error(err)
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	c := newKeyCache()
	for i := range maxCachedKeys + 10 {
		c.entry(keyIndex{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if n := len(c.entries.entries); n != maxCachedKeys {
		t.Fatalf("%d entries", n)
	}
	if c.entries.entries[keyIndex{0}] != nil || c.entries.entries[keyIndex{10}] == nil {
		t.Fatal("it was not the oldest that was forgotten")
	}
}
