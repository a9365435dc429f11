package adapters

import (
	"fmt"
	"strings"
)

// pair is one key=value of a connection string.
type pair struct{ key, value string }

// parsePairs reads a connection string as PgBouncer does: pairs with spaces between them, values that may stand in single quotes, where
// two quotes in a row are one. There is no backslash, and no value is empty.
func parsePairs(text string) (pairs []pair, err error) {
	for text = strings.TrimLeft(text, " \t"); text != ""; text = strings.TrimLeft(text, " \t") {
		var p pair
		if p, text, err = cutPair(text); err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

func cutPair(text string) (p pair, rest string, err error) {
	key, rest, found := strings.Cut(text, "=")
	if p.key = strings.TrimRight(key, " \t"); !found || p.key == "" || strings.ContainsAny(p.key, " \t") {
		word, _, _ := strings.Cut(text, " ")
		return p, "", fmt.Errorf("%q is no key=value; a value with spaces stands in single quotes", word)
	}
	rest = strings.TrimLeft(rest, " \t")
	if strings.HasPrefix(rest, "'") {
		p.value, rest, err = cutQuotedValue(rest[1:])
	} else {
		p.value, rest, _ = strings.Cut(rest, " ")
	}
	if err == nil && p.value == "" {
		err = fmt.Errorf("%s has no value; remove it", p.key)
	} else if err != nil {
		err = fmt.Errorf("%s: %w", p.key, err)
	}
	return p, rest, err
}

// cutQuotedValue takes what stands before the closing quote.
func cutQuotedValue(text string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\'':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '\'':
			b.WriteByte('\'')
			i++
		default:
			return b.String(), text[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("the quote is not closed; a quote inside is written ''")
}
