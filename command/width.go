package command

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// ellipsis stands where text was cut.
const ellipsis = "…"

// clean makes text of others harmless on a terminal: control characters, with which it could be taken over, and those that change the direction
// of writing become a replacement, and space of any kind one blank.
func clean(text string) string {
	words := strings.Fields(strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.Join(words, " "))
}

// cells is how many columns of a terminal a text takes.
func cells(text string) int {
	n := 0
	for _, r := range text {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	if r < 0x300 { // neither wide nor combining
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens text to at most n cells, and says so with an ellipsis.
func cut(text string, n int) string {
	if cells(text) <= n {
		return text
	}
	if n < 1 {
		return ""
	}
	taken := 0
	for i, r := range text {
		if taken += cellsOf(r); taken > n-1 {
			return text[:i] + ellipsis
		}
	}
	panic("bug: a text that is too long fits")
}

// pad fills text up to n cells, on its left if it is a number.
func pad(text string, n int, right bool) string {
	blanks := strings.Repeat(" ", max(0, n-cells(text)))
	if right {
		return blanks + text
	}
	return text + blanks
}
