package sql

// scanner is one pass over one text.
type scanner struct {
	text []byte
	st   *Statement

	// explained is true between EXPLAIN and the first word of what it explains.
	explained bool
	// statements that have begun so far.
	statements int
	// first is the packed first word of the current statement, where it begins at start.
	first uint64
	start int
	// prev is where the word before the current one begins.
	prev int
	// hasBody is true from a CREATE on that may have semicolons inside: statements are then not counted for certain.
	hasBody bool
	// local: the current statement is SET LOCAL.
	local bool
	// ended is how many of the changes have their End.
	ended int
	// ahead is how many more bytes may be looked at twice: it keeps the pass linear, whatever the text.
	ahead int
}

// aheadPerByte is how often a text may be looked at again, for what only a look ahead can tell.
const aheadPerByte = 4

// Scan reads text, without its terminating zero, and writes down what it found in st. It never allocates, except
// the first time a name is longer than any before.
func Scan(text []byte, st *Statement) {
	st.reset()
	var s scanner // filled field by field: a composite literal is built beside it and copied, 10 ns of every scan
	s.text, s.st, s.ahead = text, st, aheadPerByte*len(text)
	i := 0
	for within(i, text) {
		from := i
		i = s.beginning(i)
		i = s.rest(i)
		if s.ended < st.changed {
			s.endChanges(from, i)
		}
	}
	if i < 0 {
		st.Effects |= Unknown
	}
	if s.statements > 1 {
		st.Effects |= Multi
	}
}

// within reports whether there is a byte at i. There is none at -1, where what does not end leads.
func within(i int, text []byte) bool { return uint(i) < uint(len(text)) }

// rest passes a statement from behind its first word to behind its semicolon. This is the hot loop.
func (s *scanner) rest(i int) int {
	text := s.text
	prev := s.prev
	for uint(i) < uint(len(text)) {
		c := text[i]
		switch k := classes[c]; k {
		case classLetter:
			j := i + 1
			for j < len(text) && classes[text[j]] <= classDollar {
				j++
			}
			if notable[min(uint(j-i), longestWord)]>>(c&31)&1 != 0 {
				s.prev = prev
				s.notableWord(i, j)
			}
			prev, i = i, j
			if j >= len(text) || text[j] == ' ' {
				i++ // most words have one behind them
			} else if j == prev+1 {
				i = s.prefix(prev)
			}
		case classSpace, classOpen, classOther:
			i++
		case classSemicolon:
			return i + 1
		default:
			i = s.pass(k, i)
		}
	}
	return i
}

// pass goes behind the token at i that begins with a byte of class k.
func (s *scanner) pass(k class, i int) int {
	switch k {
	case classDigit:
		return s.number(i)
	case classQuote:
		return s.plainString(i + 1)
	case classDoubleQuote:
		return s.quoted(i)
	case classDollar:
		return skipDollar(s.text, i)
	case classMinus, classSlash:
		if end := commentEnd(s.text, i); end != i {
			return end
		}
	}
	return i + 1
}

// prefix passes a word of one letter at i that may belong to what follows it: E'…', U&'…' or U&"…". (In B'…', X'…' and
// N'…' the string is one like any other.)
func (s *scanner) prefix(i int) int {
	rest := s.text[i+1:]
	switch fold(s.text[i]) {
	case 'e':
		if rest[0] == '\'' {
			return skipEscapeString(s.text, i+2)
		}
	case 'u':
		if len(rest) > 1 && rest[0] == '&' && rest[1] == '"' {
			// Escapes may spell any name.
			s.st.Effects |= Unknown
			return skipQuoted(s.text, i+3)
		}
		if len(rest) > 1 && rest[0] == '&' && rest[1] == '\'' {
			return skipString(s.text, i+3)
		}
	}
	return i + 1
}

// plainString passes a '…' string; i is behind its opening quote.
func (s *scanner) plainString(i int) int {
	if s.st.BackslashQuotes {
		return skipEscapeString(s.text, i)
	}
	return skipString(s.text, i)
}

// quoted passes a quoted identifier, which may be the name of a function or a schema.
func (s *scanner) quoted(i int) int {
	j := skipQuoted(s.text, i+1)
	if j > i+2 && notable[min(j-i-2, longestWord)]>>(s.text[i+1]&31)&1 != 0 {
		s.nameOf(s.text[i+1:j-1], j)
	}
	return j
}

// number passes the digits at i; what else belongs to the number does no harm as a word of its own, but for one case:
// a dollar sign behind 1e5 or 0xff begins a dollar quote, and behind 1x or, before Postgres 16, 0xff it does not.
func (s *scanner) number(i int) int {
	i = skipDigits(s.text, i)
	if i == len(s.text) || classes[s.text[i]] != classLetter {
		return i
	}
	for j := i; j < len(s.text) && classes[s.text[j]] <= classDollar; j++ {
		if s.text[j] == '$' {
			s.st.Effects |= Unknown
			break
		}
	}
	return i
}
