package console

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// What errors repeat is in whole characters, whatever the client has sent.
func TestExcerptsAreWholeCharacters(t *testing.T) {
	full := strings.Repeat("a", maxExcerpt)
	for text, want := range map[string]string{
		"PAUSE": "PAUSE", full: full, full + "b": full + "…",
		full[1:] + "é":                       full[1:] + "…", // it has two bytes
		full[2:] + "é":                       full[2:] + "é",
		full[2:] + "éa":                      full[2:] + "é…",
		"caf\xe9":                            "caf\uFFFD",
		full[1:] + "\xe9\xe9a":               full[1:] + "\uFFFD…",
		strings.Repeat("\x80", maxExcerpt+1): "…",
	} {
		got := excerpt(text)
		if got != want || !utf8.ValidString(got) {
			t.Errorf("%.20q… (%d bytes) is repeated as %q", text, len(text), got)
		}
	}
}
