package sql

import "bytes"

// Each function of this file is given the place where something begins and returns the place behind it. Where
// it does not end, that is -1: the text is Unknown.

// skipString passes a string without escapes; i is behind its opening quote. A doubled quote is two strings next
// to each other, which ends in the same place.
func skipString(text []byte, i int) int {
	n := bytes.IndexByte(text[i:], '\'')
	if n < 0 {
		return -1
	}
	return i + n + 1
}

// skipEscapeString passes an E'…' string; i is behind its opening quote. A string that goes on after a line
// break keeps its escapes.
func skipEscapeString(text []byte, i int) int {
	for i < len(text) {
		switch text[i] {
		case '\\':
			i += 2
		case '\'':
			i++
			if i < len(text) && text[i] == '\'' {
				i++
				continue
			}
			next, ok := continuation(text, i)
			if !ok {
				return i
			}
			i = next
		default:
			i++
		}
	}
	return -1
}

// continuation finds the quote that continues a string which ended before i: scan.l's quotecontinue, white space and
// line comments with at least one line break in it.
func continuation(text []byte, i int) (int, bool) {
	broken := false
	for i < len(text) {
		switch text[i] {
		case '\n', '\r':
			broken = true
			i++
		case ' ', '\t', '\f', '\v':
			i++
		case '-':
			if !isLineComment(text, i) {
				return 0, false
			}
			i = skipLineComment(text, i)
		case '\'':
			return i + 1, broken
		default:
			return 0, false
		}
	}
	return 0, false
}

// skipQuoted passes a quoted identifier; i is behind its opening quote.
func skipQuoted(text []byte, i int) int {
	for {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return -1
		}
		i += n + 1
		if i == len(text) || text[i] != '"' {
			return i
		}
		i++
	}
}

func isLineComment(text []byte, i int) bool {
	return i+1 < len(text) && text[i] == '-' && text[i+1] == '-'
}

func isBlockComment(text []byte, i int) bool {
	return i+1 < len(text) && text[i] == '/' && text[i+1] == '*'
}

// skipLineComment stops at the line break.
func skipLineComment(text []byte, i int) int {
	for i < len(text) && text[i] != '\n' && text[i] != '\r' {
		i++
	}
	return i
}

// skipBlockComment passes a comment and those nested in it.
func skipBlockComment(text []byte, i int) int {
	depth := 0
	for i+1 < len(text) {
		switch {
		case text[i] == '/' && text[i+1] == '*':
			depth++
			i += 2
		case text[i] == '*' && text[i+1] == '/':
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return -1
}

// skipDollar passes what begins with a dollar sign: a dollar-quoted string, else a parameter, else the sign alone.
func skipDollar(text []byte, i int) int {
	j := i + 1
	for j < len(text) && classes[text[j]] <= classDigit {
		j++
	}
	tag := text[i+1 : j]
	if len(tag) > 0 && classes[tag[0]] == classDigit {
		return skipDigits(text, i+1)
	}
	if j == len(text) || text[j] != '$' {
		return i + 1
	}
	delimiter := text[i : j+1]
	n := bytes.Index(text[j+1:], delimiter)
	if n < 0 {
		return -1
	}
	return j + 1 + n + len(delimiter)
}

// wordEnd is where the word ends that begins at i.
func wordEnd(text []byte, i int) int {
	for i < len(text) && classes[text[i]] <= classDollar {
		i++
	}
	return i
}

func skipDigits(text []byte, i int) int {
	for i < len(text) && classes[text[i]] == classDigit {
		i++
	}
	return i
}

// skipBlank passes white space and comments.
func skipBlank(text []byte, i int) int {
	for i < len(text) {
		switch {
		case classes[text[i]] == classSpace:
			i++
		case isLineComment(text, i):
			i = skipLineComment(text, i)
		case isBlockComment(text, i):
			if i = skipBlockComment(text, i); i < 0 {
				return len(text)
			}
		default:
			return i
		}
	}
	return i
}
