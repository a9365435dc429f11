package session

import (
	"bytes"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Defining is whether a text may change the catalog, as far as its first words tell.
type Defining uint8

const (
	// DefinesNot: it does not.
	DefinesNot Defining = iota
	// DefinesPrepared: it commits a transaction that was prepared, which may.
	DefinesPrepared
	// MayDefine: it may.
	MayDefine
)

// definesKept reports whether a statement that is kept, with the effects that are kept with it, may change the catalog.
func definesKept(text []byte, effects sql.Effects) bool {
	return effects.Has(sql.Drops|sql.Multi|sql.Unknown|mayReshape) || effects.Has(sql.DoBlock) && namesDefinition(text)
}

// namesDefinition reports whether a text has a word that begins a definition, wherever.
func namesDefinition(text []byte) bool {
	return containsFold(text, "create") || containsFold(text, "alter") || containsFold(text, "drop") || containsFold(text, "grant")
}

// definingOf tells of a text of these effects whether it may change the catalog, if it is of a statement that package grammar does not
// understand.
func definingOf(text []byte, effects sql.Effects) Defining {
	switch {
	case effects.Has(sql.Multi | sql.Unknown):
		return MayDefine
	case effects.Has(sql.SQLExecute):
		return DefinesNot // only what reads and writes can be prepared
	case effects.Has(sql.DoBlock) && !namesDefinition(text):
		return DefinesNot
	case beginsWith(text, "commit", "prepared"):
		return DefinesPrepared
	case beginsWith(text, "rollback", "prepared"):
		return DefinesNot
	}
	return MayDefine
}

// PreparesTransaction reports whether a text is PREPARE TRANSACTION.
func PreparesTransaction(text []byte) bool { return beginsWith(text, "prepare", "transaction") }

// beginsWith reports whether a text begins with two words. One with comments in front does not.
func beginsWith(text []byte, first, second string) bool {
	if len(text) > 0 && text[0] > ' ' && text[0]|0x20 != first[0] {
		return false // as most
	}
	for len(text) > 0 && strings.IndexByte(blank, text[0]) >= 0 {
		text = text[1:]
	}
	if len(text) < len(first) || text[0]|0x20 != first[0] || !bytes.EqualFold(text[:len(first)], []byte(first)) {
		return false
	}
	rest := bytes.TrimLeft(text[len(first):], blank)
	return len(rest) < len(text)-len(first) && len(rest) >= len(second) && bytes.EqualFold(rest[:len(second)], []byte(second))
}
