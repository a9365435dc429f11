package login

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

//go:generate python3 saslprep_tables.py

// prepare is a password as SCRAM hashes it: after SASLprep (RFC 4013), or as it is where SASLprep forbids it or it
// is no UTF-8. That fallback is Postgres's and libpq's, and so is the order of the steps: what is forbidden is
// looked for before normalisation. Whoever does it otherwise derives other keys for some passwords.
func prepare(password string) string {
	if isASCII(password) || !utf8.ValidString(password) {
		return password
	}
	mapped := strings.Map(mapSpaces, password)
	if mapped == "" || strings.ContainsFunc(mapped, isForbidden) || !isBidiConsistent(mapped) {
		return password
	}
	return norm.NFKC.String(mapped)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func mapSpaces(r rune) rune {
	switch {
	case unicode.Is(spaces, r):
		return ' '
	case unicode.Is(mappedToNothing, r):
		return -1
	}
	return r
}

func isForbidden(r rune) bool { return unicode.Is(prohibited, r) || unicode.Is(unassigned, r) }

// isBidiConsistent is the rule of RFC 3454, section 6: text that is written right to left anywhere is so at both
// ends, and nowhere left to right.
func isBidiConsistent(s string) bool {
	rtl := func(r rune) bool { return unicode.Is(rightToLeft, r) }
	if !strings.ContainsFunc(s, rtl) {
		return true
	}
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	ltr := func(r rune) bool { return unicode.Is(leftToRight, r) }
	return rtl(first) && rtl(last) && !strings.ContainsFunc(s, ltr)
}
