package command

import (
	"strings"
	"testing"
	"unicode"
)

func TestTextIsHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                   "plain",
		"SELECT\n\t1  +\r\n 2":    "SELECT 1 + 2",
		"\x1b[2J\x1b]0;title\x07": "�[2J�]0;title�",
		"\u009b31m":               "�31m",
		"\u202egnp.exe":           "�gnp.exe",
		"\xff\xfe":                "�",
		"Zürich 東京 e\u0301":       "Zürich 東京 e\u0301",
		"":                        "",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestCellsAreWhatATerminalTakes(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "東京": 4, "e\u0301": 1, "…": 1, "ｱ": 1, "Ａ": 2, "µs": 2} {
		if got := cells(text); got != want {
			t.Errorf("%q takes %d cells, want %d", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"abcd", 1, "…"}, {"abcd", 0, ""}, {"abcd", -1, ""}, {"", 0, ""},
		{"東京都", 6, "東京都"}, {"東京都", 5, "東京…"}, {"東京都", 4, "東…"},
	} {
		if got := cut(c.text, c.n); got != c.want {
			t.Errorf("%q to %d: %q, want %q", c.text, c.n, got, c.want)
		}
	}
}

// Whatever somebody calls himself, it is harmless, and as wide as it is cut to.
func FuzzText(f *testing.F) {
	f.Add("\x1b[31m東京\u202e", 5)
	f.Fuzz(func(t *testing.T, text string, n int) {
		got := cut(clean(text), n)
		if cells(got) > max(0, n) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("%q to %d: %q", text, n, got)
		}
	})
}
