package login

import (
	"fmt"
	"strings"
)

// parseOptions turns the `options` of a StartupMessage into settings, as Postgres does: words as pg_split_opts makes
// them, then switches as getopt reads them, of which most stand for settings (switches.go). What does not is refused, with
// a cure: a pool cannot pass words on to servers that run already, and dropping them would change what the client's
// queries mean.
func parseOptions(options string) ([]Setting, *Refusal) {
	r := switchReader{words: splitOptions(options)}
	var settings []Setting
	for {
		letter, argument, refusal := r.next()
		if refusal != nil {
			return nil, refusal
		}
		if letter == 0 {
			return settings, r.extra()
		}
		meant, refusal := r.settingsOf(letter, argument)
		if refusal != nil {
			return nil, refusal
		}
		settings = append(settings, meant...)
	}
}

// switchReader reads switches as getopt does: several letters may stand in one word, an argument behind its letter or in
// the next word; what is no switch is passed over and complained of at the end; -- ends them.
type switchReader struct {
	words []string
	at    int    // the word that is read
	rest  string // what is left of its letters
	other string // the first word that is no switch
	found bool   // there is one
}

// next is the next switch, 0 if there is none, and its argument.
func (r *switchReader) next() (letter byte, argument string, _ *Refusal) {
	for r.rest == "" {
		if r.at == len(r.words) {
			return 0, "", nil
		}
		word := r.words[r.at]
		r.at++
		switch {
		case word == "--":
			if r.at < len(r.words) {
				r.pass(r.words[r.at])
			}
			r.at = len(r.words)
		case len(word) < 2 || word[0] != '-':
			r.pass(word)
		default:
			r.rest = word[1:]
		}
	}
	letter, r.rest = r.rest[0], r.rest[1:]
	switch {
	case strings.IndexByte(withoutArgument, letter) >= 0:
		return letter, "", nil
	case strings.IndexByte(withArgument, letter) < 0:
		return 0, "", r.bad()
	case r.rest != "":
		argument, r.rest = r.rest, ""
	case r.at == len(r.words):
		return 0, "", r.bad()
	default:
		argument = r.words[r.at]
		r.at++
	}
	return letter, argument, nil
}

func (r *switchReader) pass(word string) {
	if !r.found {
		r.other, r.found = word, true
	}
}

// extra complains of what is no switch.
func (r *switchReader) extra() *Refusal {
	if r.found {
		return badOption(r.other)
	}
	return nil
}

// bad complains as Postgres does: of the last word that has been read to its end.
func (r *switchReader) bad() *Refusal {
	at := r.at
	if r.rest != "" {
		at--
	}
	if at == 0 {
		return badOption("postgres")
	}
	return badOption(r.words[at-1])
}

func badOption(word string) *Refusal {
	return &Refusal{
		SQLState: syntaxError,
		Message:  "invalid command-line argument for server process: " + word,
		Hint:     "Write settings as -c name=value or --name=value.",
	}
}

// assignment is the setting that -c name=value and --name=value say; dashes in names stand for underscores.
func assignment(said, text string) (Setting, *Refusal) {
	name, value, found := strings.Cut(text, "=")
	switch {
	case !found:
		return Setting{}, &Refusal{SQLState: syntaxError, Message: fmt.Sprintf("%s%s requires a value", said, text)}
	case name == "":
		return Setting{}, &Refusal{SQLState: undefinedObject, Message: `unrecognized configuration parameter ""`}
	}
	return Setting{strings.ReplaceAll(name, "-", "_"), value}, nil
}

// splitOptions cuts at white space; a backslash takes the next character as it is, also white space or a
// backslash.
func splitOptions(options string) []string {
	var words []string
	var word []byte
	inWord, escaped := false, false
	for i := 0; i < len(options); i++ {
		c := options[i]
		switch {
		case escaped:
			word, escaped = append(word, c), false
		case isSpace(c):
			if inWord {
				words, word, inWord = append(words, string(word)), word[:0], false
			}
			continue
		case c == '\\':
			escaped = true
		default:
			word = append(word, c)
		}
		inWord = true
	}
	if inWord {
		words = append(words, string(word))
	}
	return words
}

// isSpace is C's isspace in the C locale.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
