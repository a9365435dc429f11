package sql

import "unicode/utf8"

// Outline appends to dst what the normal form of a text begins with, for people to read: at most so many bytes of it, and nothing of what
// stands behind the first token that cannot be read for certain, or that is cut because the text is. So no literal is ever part of it.
// Whole is whether nothing is missing.
func Outline(dst, text []byte, most int) (form []byte, whole bool) {
	from := len(dst)
	f := former{text: text, form: dst}
	whole = f.read()
	f.fill()
	if len(f.form)-from <= most {
		return f.form, whole
	}
	return f.form[:from+clip(f.form[from:], most)], false
}

// clip is where b ends that may have so many bytes, and is not to end amid a character.
func clip(b []byte, most int) int {
	end := most
	for end > 0 && end > most-utf8.UTFMax && !utf8.RuneStart(b[end]) {
		end--
	}
	return end
}
