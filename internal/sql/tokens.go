package sql

// token is what a look ahead finds. Only few texts need one; the scan itself knows no tokens.
type token struct {
	kind       tokenKind
	start, end int
}

type tokenKind uint8

const (
	endToken tokenKind = iota // nothing more, or nothing that could be read
	wordToken
	quotedToken  // a quoted identifier
	unicodeToken // a quoted identifier with Unicode escapes
	stringToken  // a string of any form
	byteToken    // anything else, one byte of it
)

// next is the token at or behind i. The look ahead has a bound; beyond it the text is Unknown.
func (s *scanner) next(i int) token {
	begin := i
	i = skipBlank(s.text, i)
	t := s.cut(i)
	s.ahead -= t.end - begin
	if s.ahead < 0 {
		s.st.Effects |= Unknown
		return token{end: len(s.text), start: len(s.text)}
	}
	return t
}

// cut reads the token that begins at i.
func (s *scanner) cut(i int) token {
	n := len(s.text)
	if i == n {
		return token{endToken, n, n}
	}
	t := token{byteToken, i, i + 1}
	switch classes[s.text[i]] {
	case classLetter:
		t.kind, t.end = wordToken, wordEnd(s.text, i)
		if t.end == i+1 && t.end < n {
			s.cutPrefixed(&t)
		}
	case classDigit:
		t.end = skipDigits(s.text, i)
	case classQuote:
		t.kind, t.end = stringToken, s.plainString(i+1)
	case classDoubleQuote:
		t.kind, t.end = quotedToken, skipQuoted(s.text, i+1)
	case classDollar:
		t.end = skipDollar(s.text, i)
	}
	if t.end < 0 {
		return token{endToken, n, n}
	}
	return t
}

// cutPrefixed makes more of a word of one letter, if what follows belongs to it.
func (s *scanner) cutPrefixed(t *token) {
	rest := s.text[t.end:]
	letter := fold(s.text[t.start])
	switch {
	case letter == 'e' && rest[0] == '\'':
		t.kind, t.end = stringToken, skipEscapeString(s.text, t.end+1)
	case letter == 'u' && len(rest) > 1 && rest[0] == '&' && rest[1] == '\'':
		t.kind, t.end = stringToken, skipString(s.text, t.end+2)
	case letter == 'u' && len(rest) > 1 && rest[0] == '&' && rest[1] == '"':
		t.kind, t.end = unicodeToken, skipQuoted(s.text, t.end+2)
	}
}

// isByte reports whether t is that byte.
func (s *scanner) isByte(t token, b byte) bool {
	return t.kind == byteToken && s.text[t.start] == b
}

// isWord reports whether t is that word, given in lower case, and not quoted.
func (s *scanner) isWord(t token, lower string) bool {
	return t.kind == wordToken && is(s.text[t.start:t.end], lower)
}

// packed is a short word as a number; 0 for all else.
func (s *scanner) packed(t token) uint64 {
	if t.kind != wordToken {
		return 0
	}
	return pack(s.text, t.start, t.end)
}
