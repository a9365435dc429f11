package sql

import (
	"encoding/binary"
	"hash/maphash"
)

// Fingerprint is the hash of a text's normal form, another one in every process; 0: the text cannot be read for certain, so nothing
// that is remembered by fingerprints is true of it. It reads the text once and does not allocate.
//
// What holds for Scan holds here: of a text that is the beginning of a longer one, or in an encoding that Scan cannot read, do not ask.
// How '…' is read does not have to be said: where a session's standard_conforming_strings would matter, the answer is 0.
func Fingerprint(text []byte) uint64 {
	f := former{text: text, n: hashLen, hashes: true}
	if !f.read() {
		return 0
	}
	return max(maphash.Bytes(seed, f.buf[:f.n]), 1)
}

// hashLen is the length of the hash of what came before, with which what is hashed next begins.
const hashLen = 8

// seed is of this process: who does not know it cannot make texts of equal fingerprints.
var seed = maphash.MakeSeed()

// NormalForm appends the normal form of a text to dst: every literal and parameter is $n, a list of them behind IN is one, comments are
// gone, what is between tokens is at most a space, words that are not quoted are in lower case, and there is no semicolon without
// a statement on both sides. Texts of equal normal forms have equal Facts. It is nil where Fingerprint is 0.
func NormalForm(dst, text []byte) []byte {
	f := former{text: text, form: dst}
	if !f.read() {
		return nil
	}
	f.fill()
	if f.form == nil {
		return []byte{}
	}
	return f.form
}

// Placeholder stands for a literal in a normal form: it is no token of Postgres, so nothing else looks like it.
const Placeholder = "$n"

// former is one pass over a text that writes its normal form.
type former struct {
	text []byte
	// What is written goes to buf, and from there to form, or, if it hashes, into the hash with which buf then begins.
	buf    [256]byte
	n      int
	form   []byte
	hashes bool

	// last is the token written last, and end is where it ended in the text.
	last shape
	end  int
	// semicolon is held back until a statement follows it. In a list, comma and the item behind it are held back until it is known
	// that the item is more than a literal.
	semicolon, comma, item bool
	list                   listing
}

// shape is what matters of a token for the space around it.
type shape uint8

const (
	nothing shape = iota
	wordShape
	literalShape
	operatorShape
	openShape // ( and [
	closeShape
	commaShape
	dotShape
)

// listing is where in a list of literals behind IN a text is.
type listing uint8

const (
	noList  listing = iota
	wasIn           // behind the word
	inList          // behind the parenthesis, or a comma
	hasItem         // behind a literal
)

// read reports whether the whole text could be read for certain.
func (f *former) read() bool {
	for i := 0; i >= 0; {
		if i == len(f.text) {
			f.flush()
			return true
		}
		i = f.token(i)
	}
	return false
}

// token passes what begins at i, and returns the place behind it; -1: it cannot be read for certain.
func (f *former) token(i int) int {
	switch classes[f.text[i]] {
	case classLetter:
		return f.word(i)
	case classSpace:
		return i + 1
	case classDigit:
		return f.literal(i, numberEnd(f.text, i))
	case classDollar:
		return f.dollar(i)
	case classQuote:
		return f.literal(i, plainEnd(f.text, i+1))
	case classDoubleQuote:
		return f.verbatim(wordShape, i, skipQuoted(f.text, i+1))
	case classMinus, classSlash:
		if end := commentEnd(f.text, i); end != i {
			return end
		}
	case classSemicolon:
		f.flush()
		f.semicolon, f.list = f.last != nothing, noList
		return i + 1
	}
	return f.mark(i)
}

// mark passes one byte of an operator or of punctuation, or a number that begins with its point.
func (f *former) mark(i int) int {
	k := operatorShape
	switch f.text[i] {
	case '(', '[':
		k = openShape
	case ')', ']':
		k = closeShape
		if f.list == hasItem {
			f.comma, f.item = false, false
		}
	case ',':
		if f.list == hasItem {
			f.list, f.comma, f.item, f.end = inList, true, false, i+1
			return i + 1
		}
		k = commaShape
	case '.':
		switch after := f.text[i+1:]; {
		case len(after) > 0 && after[0] == '.':
			return -1 // two are a token, of PL/pgSQL
		case len(after) > 0 && classes[after[0]] == classDigit:
			return f.literal(i, numberEnd(f.text, i))
		}
		k = dotShape
	}
	return f.verbatim(k, i, i+1)
}

// word passes an identifier or a keyword, or a string with a letter before it.
func (f *former) word(i int) int {
	j := wordEnd(f.text, i)
	if j == i+1 && j < len(f.text) {
		if end, is := prefixedEnd(f.text, i); is {
			return f.literal(i, end)
		}
	}
	f.before(wordShape, i)
	f.lower(f.text[i:j])
	f.list = noList
	if j == i+2 && is(f.text[i:j], "in") {
		f.list = wasIn
	}
	f.last, f.end = wordShape, j
	return j
}

// prefixedEnd is the end of a string that begins with a letter at i: E'…', B'…', X'…', N'…' or U&'…'. A name with Unicode escapes
// cannot be read: they may spell any.
func prefixedEnd(text []byte, i int) (end int, is bool) {
	rest := text[i+1:]
	switch letter := fold(text[i]); {
	case rest[0] == '\'' && letter == 'e':
		return skipEscapeString(text, i+2), true
	case rest[0] == '\'' && (letter == 'b' || letter == 'x'):
		return quoteEnd(text, i+2, false), true
	case rest[0] == '\'' && letter == 'n':
		return plainEnd(text, i+2), true
	case letter != 'u' || rest[0] != '&' || len(rest) < 2:
	case rest[1] == '\'':
		return quoteEnd(text, i+3, true), true
	case rest[1] == '"':
		return -1, true
	}
	return 0, false
}

// quoteEnd is the end of a string without escapes, with what continues it; i is behind its opening quote. In B'…' and X'…' a quote
// is not doubled.
func quoteEnd(text []byte, i int, doubles bool) int {
	for {
		if i = skipString(text, i); i < 0 {
			return -1
		}
		if doubles && i < len(text) && text[i] == '\'' {
			i++
			continue
		}
		next, ok := continuation(text, i)
		if !ok {
			return i
		}
		i = next
	}
}

// plainEnd is quoteEnd for '…', where a backslash may escape: before a quote, nobody knows without knowing the session.
func plainEnd(text []byte, i int) int {
	end := quoteEnd(text, i, true)
	for j := i; j < end; j++ {
		if text[j] == '\'' && text[j-1] == '\\' {
			return -1
		}
	}
	return end
}

// numberEnd is the end of a number; what versions of Postgres read differently, or not at all, has none: letters right behind it,
// underscores in it, other bases than ten.
func numberEnd(text []byte, i int) int {
	j := skipDigits(text, i)
	if j < len(text) && text[j] == '.' {
		if j++; j < len(text) && text[j] == '.' {
			return -1
		}
		j = skipDigits(text, j)
	}
	if j < len(text) && fold(text[j]) == 'e' {
		digits := j + 1
		if digits < len(text) && (text[digits] == '+' || text[digits] == '-') {
			digits++
		}
		if j = skipDigits(text, digits); j == digits {
			return -1
		}
	}
	if j < len(text) && classes[text[j]] <= classDollar {
		return -1
	}
	return j
}

// dollar passes a parameter or a string in dollar quotes.
func (f *former) dollar(i int) int {
	j := skipDollar(f.text, i)
	if j == i+1 || j > 0 && j < len(f.text) && f.text[j-1] != '$' && classes[f.text[j]] <= classDollar {
		return -1
	}
	return f.literal(i, j)
}

// literal writes a placeholder for the literal text[i:j], unless it belongs to a list that has one.
func (f *former) literal(i, j int) int {
	if j < 0 {
		return -1
	}
	if f.comma && f.list == inList {
		f.list, f.item, f.end = hasItem, true, j
		return j
	}
	list := f.list
	f.before(literalShape, i)
	f.write(Placeholder)
	if f.list = noList; list == inList {
		f.list = hasItem
	}
	f.last, f.end = literalShape, j
	return j
}

// verbatim writes the token text[i:j] as it is.
func (f *former) verbatim(k shape, i, j int) int {
	if j < 0 {
		return -1
	}
	list := f.list
	f.before(k, i)
	if j == i+1 {
		f.put(f.text[i])
	} else {
		f.copy(f.text[i:j])
	}
	if f.list = noList; list == wasIn && f.text[i] == '(' {
		f.list = inList
	}
	f.last, f.end = k, j
	return j
}

// before writes what is to come before the token at i: what was held back, and a space where one is wanted.
func (f *former) before(k shape, i int) {
	if f.comma {
		f.flush()
	}
	if f.semicolon {
		f.semicolon, f.last = false, commaShape
		f.put(';')
	}
	switch {
	case f.last == nothing || f.last == openShape || f.last == dotShape:
	case k == commaShape || k == closeShape || k == dotShape:
	case k == operatorShape && f.last == operatorShape && f.end == i: // it may be one operator
	default:
		f.put(' ')
	}
}

// flush writes what was held back of a list.
func (f *former) flush() {
	if f.comma {
		f.put(',')
		f.last = commaShape
	}
	if f.item {
		f.write(" " + Placeholder)
		f.last = literalShape
	}
	f.comma, f.item = false, false
}

// write writes what is as it is to be.
func (f *former) write(b string) {
	for len(b) > len(f.buf)-f.n {
		n := copy(f.buf[f.n:], b)
		f.n, b = f.n+n, b[n:]
		f.fill()
	}
	f.n += copy(f.buf[f.n:], b)
}

// copy writes a part of the text as it is.
func (f *former) copy(b []byte) {
	for len(b) > len(f.buf)-f.n {
		n := copy(f.buf[f.n:], b)
		f.n, b = f.n+n, b[n:]
		f.fill()
	}
	f.n += copy(f.buf[f.n:], b)
}

// put writes one byte.
func (f *former) put(b byte) {
	if f.n == len(f.buf) {
		f.fill()
	}
	f.buf[f.n] = b
	f.n++
}

// lower writes a part of the text in lower case.
func (f *former) lower(b []byte) {
	for len(b) > 0 {
		room := f.buf[f.n:]
		n := min(len(room), len(b))
		for i, c := range b[:n] {
			room[i] = lowered[c]
		}
		f.n, b = f.n+n, b[n:]
		if len(b) > 0 {
			f.fill()
		}
	}
}

// lowered is fold of every byte.
var lowered = func() (t [256]byte) {
	for b := range t {
		t[b] = fold(byte(b))
	}
	return t
}()

// fill makes room in buf.
func (f *former) fill() {
	if f.hashes {
		binary.LittleEndian.PutUint64(f.buf[:], maphash.Bytes(seed, f.buf[:f.n]))
		f.n = hashLen
		return
	}
	f.form = append(f.form, f.buf[:f.n]...)
	f.n = 0
}
