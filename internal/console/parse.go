package console

import "strings"

// statement is one command, taken apart: word is what it does, arg to what; of SET, which setting. It is kept when it is prepared, so nothing of
// it is long.
type statement struct {
	text      string // an excerpt
	word, arg string // word is in lower case
	set       bool
}

// maxName bounds a name, in bytes: in a command, and of what is prepared. Postgres keeps 63 of those of databases, and so do pools.
const maxName = 256

// empty is the command of a text that says nothing: drivers ping with it.
func (s *statement) empty() bool { return s.word == "" }

// parse reads one command. Syntax, with a `;` behind it or not:
//
//	<word> [<name>]
//	SET <name> =|TO <value>
//
// PgBouncer's names in quotes may be empty, and name nothing; here they are an error.
func parse(text string) (*statement, error) {
	tokens, ok := lex(text)
	if n := len(tokens); ok && n > 0 && tokens[n-1] == (token{symbol, ";"}) {
		tokens = tokens[:n-1]
	}
	s := &statement{text: strings.Clone(excerpt(text))}
	switch {
	case ok && len(tokens) == 0:
		return s, nil
	case ok && s.readSet(tokens):
		return s, nil
	case ok && s.readCommand(tokens):
		return s, nil
	}
	return nil, notACommand(text)
}

func (s *statement) readCommand(tokens []token) bool {
	if len(tokens) > 2 || !tokens[0].isName() || len(tokens) == 2 && !tokens[1].isName() {
		return false
	}
	s.word = strings.Clone(strings.ToLower(tokens[0].text))
	if len(tokens) == 2 {
		s.arg = strings.Clone(tokens[1].text)
	}
	return true
}

// isName: a word, or something in double quotes.
func (t token) isName() bool {
	return t.text != "" && len(t.text) <= maxName && (t.kind == word || t.kind == quoted)
}

func (s *statement) readSet(tokens []token) bool {
	if len(tokens) != 4 || !strings.EqualFold(tokens[0].text, "set") || tokens[0].kind != word {
		return false
	}
	assigns := tokens[2] == token{symbol, "="} || tokens[2].kind == word && strings.EqualFold(tokens[2].text, "to")
	if !assigns || !tokens[1].isName() || tokens[3].kind == symbol {
		return false
	}
	s.word, s.set, s.arg = "set", true, strings.Clone(tokens[1].text)
	return true
}
