package command

import (
	"slices"
	"testing"
)

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		sent string
		want []key
		rest string
	}{
		{"q", []key{keyQuit}, ""},
		{"\x03", []key{keyQuit}, ""},
		{"sp", []key{keySort, keyPause}, ""},
		{"\t\x1b[Z\x1b[C\x1b[D", []key{keyNext, keyPrevious, keyNext, keyPrevious}, ""},
		{"\x1bOA\x1b[B\x1b[5~\x1b[6~", []key{keyUp, keyDown, keyPageUp, keyPageDown}, ""},
		{"14", []key{keyFirst, keyFirst + 3}, ""},
		{"5x\x1b[1;5C\x1b[200~", []key{keyOther, keyOther, keyOther, keyOther}, ""},
		{"s\x1b", []key{keySort}, "\x1b"},
		{"\x1b[", nil, "\x1b["},
		{"\x1bq", []key{keyQuit}, ""},
		{"\x1b\x1b[A", []key{keyUp}, ""},
	} {
		keys, rest := keysOf([]byte(c.sent))
		if !slices.Equal(keys, c.want) || string(rest) != c.rest {
			t.Errorf("%q: got %v and %q, want %v and %q", c.sent, keys, rest, c.want, c.rest)
		}
	}
}

// A sequence that comes in pieces is the key that it is in one.
func TestKeysInPieces(t *testing.T) {
	const sent = "\x1b[5~q\x1b[C"
	var got []key
	var rest []byte
	for i := range len(sent) {
		var keys []key
		keys, rest = keysOf(append(rest, sent[i]))
		got = append(got, keys...)
	}
	if want := []key{keyPageUp, keyQuit, keyNext}; !slices.Equal(got, want) || len(rest) > 0 {
		t.Errorf("got %v and %q, want %v", got, rest, want)
	}
}
