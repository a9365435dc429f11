package sql

import "bytes"

// Route is where a text asks to go, in a comment anywhere in it: `/* route: primary */`, `-- route: replica`, or as sqlcommenter writes
// it, `/*route='replica'*/`. The first counts.
type Route uint8

// The routes. RouteNone: it asks for nothing.
const (
	RouteNone Route = iota
	RoutePrimary
	RouteReplica
)

// String is the route as a comment names it.
func (r Route) String() string {
	switch r {
	case RoutePrimary:
		return "primary"
	case RouteReplica:
		return "replica"
	}
	return ""
}

// RouteOf is the route by that name, in any case.
func RouteOf(name []byte) Route {
	switch {
	case is(name, "primary"):
		return RoutePrimary
	case is(name, "replica"):
		return RouteReplica
	}
	return RouteNone
}

// CommentValue is what the comments of a text say of a name: the word behind `name:` or `name=`, or what is between the quotes of
// `name='value'`; the first counts. The name, in lower case, stands in any case, and not behind a letter, digit, underscore, dot or hyphen. It is
// a part of the text, empty where nothing is said, and nil also where the text cannot be read for certain up to there.
func CommentValue(text []byte, name string) []byte {
	for i := 0; i < len(text); {
		comment := i
		switch classes[text[i]] {
		case classLetter:
			i = wordOrStringEnd(text, i)
		case classQuote:
			i = plainEnd(text, i+1)
		case classDoubleQuote:
			i = skipQuoted(text, i+1)
		case classDigit, classDollar:
			i = numberOrDollarEnd(text, i)
		default:
			if i = commentEnd(text, i); i > comment {
				if v := valueIn(text[comment:i], name); v != nil {
					return v
				}
				continue
			}
			if i >= 0 {
				i++
			}
		}
		if i < 0 {
			return nil
		}
	}
	return nil
}

// wordOrStringEnd is the end of what begins with a letter.
func wordOrStringEnd(text []byte, i int) int {
	j := wordEnd(text, i)
	if j == i+1 && j < len(text) {
		if end, is := prefixedEnd(text, i); is {
			return end
		}
	}
	return j
}

// numberOrDollarEnd is the end of a number, which may be anything that begins with a digit, or of what begins with a dollar sign; -1: a
// dollar sign behind digits and letters may begin a string, or not.
func numberOrDollarEnd(text []byte, i int) int {
	if classes[text[i]] == classDollar {
		return skipDollar(text, i)
	}
	j := wordEnd(text, i)
	if bytes.IndexByte(text[i:j], '$') >= 0 {
		return -1
	}
	return j
}

// commentEnd is the end of the comment at i; i itself, if there is none.
func commentEnd(text []byte, i int) int {
	switch {
	case isLineComment(text, i):
		return skipLineComment(text, i)
	case isBlockComment(text, i):
		return skipBlockComment(text, i)
	}
	return i
}

// valueIn is what one comment says of a name; nil: nothing.
func valueIn(comment []byte, name string) []byte {
	if name == "" {
		return nil
	}
	for i := 2; i+len(name) < len(comment); i++ {
		if fold(comment[i]) != name[0] || inKey(comment[i-1]) || !is(comment[i:i+len(name)], name) {
			continue
		}
		j := skipSpace(comment, i+len(name))
		if j < len(comment) && (comment[j] == ':' || comment[j] == '=') {
			return value(comment[skipSpace(comment, j+1):])
		}
	}
	return nil
}

// inKey reports whether a byte belongs to the name that follows it.
func inKey(b byte) bool {
	return classes[b] <= classDollar || b == '-' || b == '.'
}

// value is what b begins with: a string in quotes, or a word.
func value(b []byte) []byte {
	if len(b) > 0 && b[0] == '\'' {
		if n := bytes.IndexByte(b[1:], '\''); n >= 0 {
			return b[1 : 1+n]
		}
		return b[:0]
	}
	n := 0
	for n < len(b) && classes[b[n]] != classSpace && b[n] != ',' && b[n] != ';' && !bytes.HasPrefix(b[n:], []byte("*/")) {
		n++
	}
	return b[:n]
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && classes[b[i]] == classSpace {
		i++
	}
	return i
}
