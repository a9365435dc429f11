package sql

// ScanNext reads the one statement of text that begins at i, or behind semicolons there, and returns where the next one
// begins: behind its semicolon, or at the end. The places of names are those in the whole text.
func ScanNext(text []byte, i int, st *Statement) (next int) {
	st.reset()
	var s scanner
	s.text, s.st, s.ahead = text, st, aheadPerByte*(len(text)-i)
	if i = s.rest(s.beginning(i)); i < 0 {
		st.Effects |= Unknown
		return len(text)
	}
	return i
}
