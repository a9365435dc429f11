package querycache

// inWord is the bytes of plain words of a normal form.
func inWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// eachAttribute calls f with the functions that a text may call as if they were columns, t.f: those of which it has the word, anywhere. One
// of which it has no word that could be looked for, it may always call.
func (l *Lineage) eachAttribute(form []byte, f func(n int32)) {
	if len(l.attributes) == 0 {
		return
	}
	eachWord(form, func(word []byte) {
		for _, n := range l.attributes[string(word)] {
			f(n)
		}
	})
	for _, n := range l.attributes[""] {
		f(n)
	}
}

// eachWord calls f with every plain word of a normal form, in lower case, valid during the call.
func eachWord(form []byte, f func(word []byte)) {
	var lower []byte
	for i := 0; i < len(form); {
		begin := i
		for lower = lower[:0]; i < len(form) && inWord(form[i]); i++ {
			lower = append(lower, lowered(form[i]))
		}
		if i == begin {
			i++
			continue
		}
		f(lower)
	}
}

func lowered(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// firstWord is the first plain word of a name, in lower case; empty if there is none, or the name is one that is not told.
func firstWord(name string) (word string) {
	if len(name) > 0 && name[0] == '?' {
		return ""
	}
	eachWord([]byte(name), func(w []byte) {
		if word == "" {
			word = string(w)
		}
	})
	return word
}
