package sql

// class is what a byte begins when a token begins with it.
type class uint8

const (
	classLetter class = iota // a word; also every byte from 0x80
	classDigit               // a number, or the inside of a word
	classDollar              // a parameter, a dollar quote, or the inside of a word
	classSpace
	classOther // operators and whatever else takes part in nothing
	classQuote
	classDoubleQuote
	classMinus
	classSlash
	classOpen
	classSemicolon
)

// classes is the class of every byte. Classes up to classDollar are what scan.l calls ident_cont.
var classes = func() (t [256]class) {
	for b := range t {
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '_', b >= 0x80:
			t[b] = classLetter
		case b >= '0' && b <= '9':
			t[b] = classDigit
		default:
			t[b] = classOther
		}
	}
	for _, b := range " \t\n\r\f\v" { // \v since Postgres 16; an error before
		t[b] = classSpace
	}
	t['$'] = classDollar
	t['\''] = classQuote
	t['"'] = classDoubleQuote
	t['-'] = classMinus
	t['/'] = classSlash
	t['('] = classOpen
	t[';'] = classSemicolon
	return t
}()

// longestWord is longer than any word that means something here.
const longestWord = 31

// notable has, for a word's length, one bit per first letter: those that may mean something in the middle of a
// statement. Most words of most texts are passed over with this one look.
var notable = func() (t [longestWord + 1]uint32) {
	note := func(word string) { t[len(word)] |= 1 << (word[0] & 31) }
	for _, w := range []string{
		"temp", "temporary", "hold", "execute", "stdin", "stdout",
		"set_config", "setval", "currval", "lastval", "nextval", "setseed", "current_setting",
	} {
		note(w)
	}
	for n := len("pg_temp"); n < longestWord; n++ { // pg_temp_3, pg_advisory_lock
		t[n] |= 1 << ('p' & 31)
	}
	return t
}()
