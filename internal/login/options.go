package login

import (
	"fmt"
	"strings"
)

// parseOptions turns the `options` of a StartupMessage into settings, as Postgres does: words as pg_split_opts makes
// them, then -c name=value and --name=value, where dashes in names stand for underscores. Whatever else a server
// takes there (-F, -S 1024, …) is refused, with a cure: a pool cannot pass words on to servers that run already,
// and dropping them would change what the client's queries mean.
func parseOptions(options string) ([]Setting, *Refusal) {
	var settings []Setting
	words := splitOptions(options)
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		var assignment, shown string
		switch {
		case word == "--" || len(word) < 2 || word[0] != '-':
			return nil, badOption(word)
		case strings.HasPrefix(word, "--"):
			assignment = word[2:]
			shown = "--" + assignment
		case word == "-c":
			if len(words) == 0 {
				return nil, badOption(word)
			}
			assignment, words = words[0], words[1:]
			shown = "-c " + assignment
		case strings.HasPrefix(word, "-c"):
			assignment = word[2:]
			shown = "-c " + assignment
		default:
			return nil, &Refusal{
				SQLState: featureNotSupported,
				Message:  fmt.Sprintf("command-line argument %q in startup parameter \"options\" is not supported by this pool", word),
				Hint:     "Write it as a setting: -c name=value or --name=value.",
			}
		}
		name, value, found := strings.Cut(assignment, "=")
		if !found {
			return nil, &Refusal{SQLState: syntaxError, Message: shown + " requires a value"}
		}
		if name == "" {
			return nil, &Refusal{SQLState: undefinedObject, Message: `unrecognized configuration parameter ""`}
		}
		settings = append(settings, Setting{strings.ReplaceAll(name, "-", "_"), value})
	}
	return settings, nil
}

func badOption(word string) *Refusal {
	return &Refusal{
		SQLState: syntaxError,
		Message:  "invalid command-line argument for server process: " + word,
		Hint:     "Write settings as -c name=value or --name=value.",
	}
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
