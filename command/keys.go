package command

// key is what a person pressed.
type key uint8

const (
	keyOther key = iota
	keyQuit
	keySort
	keyPause
	keyNext
	keyPrevious
	keyUp
	keyDown
	keyPageUp
	keyPageDown
	keyFirst // the first of the views; the others follow
)

const (
	escape  = 0x1b
	control = 0x1f // clears all but what Ctrl leaves of a letter
)

// keysOf reads what a terminal in raw mode sends. What it returns as rest is the beginning of a sequence whose end is still to come.
func keysOf(sent []byte) (keys []key, rest []byte) {
	for len(sent) > 0 {
		if sent[0] != escape {
			keys = append(keys, letterKey(sent[0]))
			sent = sent[1:]
			continue
		}
		if len(sent) == 1 {
			return keys, sent
		}
		if sent[1] != '[' && sent[1] != 'O' { // Escape itself, or Alt and a key: that key
			sent = sent[1:]
			continue
		}
		n := sequence(sent)
		if n == 0 {
			return keys, sent
		}
		keys = append(keys, sequenceKey(string(sent[2:n])))
		sent = sent[n:]
	}
	return keys, nil
}

// sequence is the length of the control sequence (ECMA-48, 5.4) that something begins with, 0 if it is not complete.
func sequence(sent []byte) int {
	for i := 2; i < len(sent); i++ {
		if sent[i] >= 0x40 && sent[i] <= 0x7e {
			return i + 1
		}
	}
	return 0
}

func letterKey(b byte) key {
	switch b {
	case 'q', 'Q', 'c' & control, 'd' & control:
		return keyQuit
	case 's', 'S':
		return keySort
	case 'p', 'P', ' ':
		return keyPause
	case '\t', 'l':
		return keyNext
	case 'h':
		return keyPrevious
	case 'k':
		return keyUp
	case 'j':
		return keyDown
	}
	if b >= '1' && b < '1'+byte(views) {
		return keyFirst + key(b-'1')
	}
	return keyOther
}

func sequenceKey(s string) key {
	switch s {
	case "C":
		return keyNext
	case "D", "Z": // Z: Shift and Tab
		return keyPrevious
	case "A":
		return keyUp
	case "B":
		return keyDown
	case "5~":
		return keyPageUp
	case "6~":
		return keyPageDown
	}
	return keyOther
}
