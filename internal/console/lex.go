package console

import "strings"

// token is a piece of a command.
type token struct {
	kind tokenKind
	text string // without quotes
}

type tokenKind uint8

const (
	word   tokenKind = iota // letters, digits and _, of whatever case
	quoted                  // a name in double quotes
	text                    // in single quotes
	symbol                  // anything else, one byte
)

// lex takes a command apart; comments and white space are between tokens. ok: every quote and comment is closed.
func lex(s string) (tokens []token, ok bool) {
	for {
		s, ok = skipSpace(s)
		if !ok || s == "" {
			return tokens, ok
		}
		var t token
		if t, s, ok = next(s); !ok {
			return tokens, false
		}
		tokens = append(tokens, t)
	}
}

func next(s string) (t token, rest string, ok bool) {
	switch {
	case s[0] == '"':
		return cutQuotes(s, quoted)
	case s[0] == '\'':
		return cutQuotes(s, text)
	}
	n := 0
	for n < len(s) && isWordByte(s[n]) {
		n++
	}
	if n > 0 {
		return token{word, s[:n]}, s[n:], true
	}
	return token{symbol, s[:1]}, s[1:], true
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// cutQuotes reads what the first byte quotes; that byte twice is itself.
func cutQuotes(s string, kind tokenKind) (t token, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != s[0] {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != s[0] {
			return token{kind, b.String()}, s[i+1:], true
		}
		b.WriteByte(s[0])
		i++
	}
	return token{}, "", false
}

// skipSpace leaves white space and comments out; not ok: a comment does not end.
func skipSpace(s string) (rest string, ok bool) {
	for {
		s = strings.TrimLeft(s, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(s, "--"):
			_, s, _ = strings.Cut(s, "\n")
		case strings.HasPrefix(s, "/*"):
			if s, ok = skipComment(s); !ok {
				return "", false
			}
		default:
			return s, true
		}
	}
}

// skipComment leaves out a comment with those inside it.
func skipComment(s string) (rest string, ok bool) {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
		}
		if depth == 0 {
			return s[i+1:], true
		}
	}
	return "", false
}
