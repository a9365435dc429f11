package grammar

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/wasilibs/go-pgquery/parser"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// MaxText is the longest text that is parsed, in bytes: its tree takes hundreds of times as much memory for a moment.
const MaxText = 32 << 10

// Why a text is not parsed.
var (
	ErrTooLong  = fmt.Errorf("the text is longer than %d bytes", MaxText)
	ErrTooDeep  = fmt.Errorf("the text is nested deeper than %d levels", maxDepth)
	ErrTooLarge = fmt.Errorf("the text is longer than %d bytes with all that its parse tree repeats", maxCopied)
	ErrUnclear  = errors.New("the text cannot be read for certain")
	ErrDisabled = errors.New("the parser has broken down before, and is not used any more")
)

// one parser is all there is: another would cost as much as the first. It is started by the first text.
var one struct {
	sync.Mutex
	broken bool
}

// statement is one of a text, as the parser gives it: the kind of the node, and its fields.
type statement map[string]any

// parse parses a text, unless the parser may not stand it.
func parse(text string) ([]statement, error) {
	if err := admit(text); err != nil {
		return nil, err
	}
	tree, err := parseJSON(text)
	if err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	var result struct {
		Stmts []struct{ Stmt statement }
	}
	if err := json.Unmarshal([]byte(tree), &result); err != nil {
		return nil, fmt.Errorf("reading the parse tree: %w", err)
	}
	list := make([]statement, len(result.Stmts))
	for i, s := range result.Stmts {
		list[i] = s.Stmt
	}
	return list, nil
}

// admit says why a text is not given to the parser, which ends at a zero, knows UTF-8 only, and has a small stack and
// little memory.
func admit(text string) error {
	switch {
	case len(text) > MaxText:
		return ErrTooLong
	case !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0:
		return ErrUnclear
	}
	form := sql.NormalForm(nil, []byte(text))
	if form == nil {
		return ErrUnclear
	}
	switch m := measured(form); {
	case m.deepest > maxDepth:
		return ErrTooDeep
	case m.copies > maxCopied/max(len(text), 1):
		return ErrTooLarge
	}
	return nil
}

// parseJSON calls the parser. Where that panics, its memory is in disorder.
func parseJSON(text string) (tree string, err error) {
	one.Lock()
	defer one.Unlock()
	if one.broken {
		return "", ErrDisabled
	}
	defer func() {
		if p := recover(); p != nil {
			one.broken = true
			err = fmt.Errorf("bug: the parser breaks down: %v", p)
		}
	}()
	return parser.ParseToJSON(text)
}
