package querycache

// NamesTime reports whether a text, or what is behind the names in a Bind, has a word that Postgres takes for a time of its own where a
// date is expected: now, today, tomorrow, yesterday. Such a word in a literal is read when the statement runs. It may as well be a column's
// name, or part of an ordinary text: that costs a reply that could have been kept.
func NamesTime(b []byte) bool {
	for i := 0; i < len(b); {
		if !isLetter(b[i]) {
			i++
			continue
		}
		j := i + 1
		for j < len(b) && isLetter(b[j]) {
			j++
		}
		if n := j - i; n == 3 || n == 5 || n == 8 || n == 9 {
			if isTime(b[i:j]) {
				return true
			}
		}
		i = j
	}
	return false
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isTime(word []byte) bool {
	var lower [9]byte
	for i, c := range word {
		lower[i] = c | 0x20
	}
	switch string(lower[:len(word)]) {
	case "now", "today", "tomorrow", "yesterday":
		return true
	}
	return false
}
