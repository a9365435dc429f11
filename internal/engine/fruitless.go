package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// Queries of one form that are asked with other parameters each time are never in the cache, and to look for each costs twice what it costs to
// find out what it is. So a shard counts for each form the lookups since the last that found something, or found that the same had been
// asked for lately; past fruitlessAfter, one in fruitlessShare is looked up, as long as that comes to nothing either.
//
// What is lost are the most of the hits of a form that has fewer than one in fruitlessAfter. However dear a query is, that is less than one
// in fruitlessAfter of what its form costs; and forms do not share their counts: the report that is asked for once a minute is found among
// a million others.

const (
	fruitlessAfter = 4096
	fruitlessShare = 8
	// fruitlessForms is how many forms are counted. Two that want the same place begin anew each time, and are looked up.
	fruitlessForms = 256
)

// fruitless is the forms that were looked up lately.
type fruitless [fruitlessForms]struct {
	form uint64
	n    uint32 // lookups without fruit
}

// skips counts a lookup for a form, and reports whether it is one that would come to nothing. What has no form is looked up.
func (f *fruitless) skips(form uint64) bool {
	if form == 0 {
		return false
	}
	x := &f[form%fruitlessForms]
	if x.form != form {
		x.form, x.n = form, 0
	}
	x.n++
	if x.n <= fruitlessAfter {
		return false
	}
	if x.n < fruitlessAfter+fruitlessShare {
		return true
	}
	x.n = fruitlessAfter
	return false
}

// bears notes that a lookup has borne fruit.
func (f *fruitless) bears(form uint64) { f[form%fruitlessForms].n = 0 }

// formOf is the form of a unit, in a pool: of texts with parameters the text, of others the fingerprint, which whoever sends it to a server
// needs anyway; 0 if that is none, or too long to be worth it.
func (s *Shard) formOf(p *shardPool, a *session.Asked) uint64 {
	switch {
	case a.Kind == session.AskedStatement:
		return 0
	case a.Kind != session.AskedQuery:
		return querycache.Hash(a.Text) ^ p.shared.id
	}
	form, known := s.env.Fingerprint(a.Text)
	if !known {
		return 0
	}
	return form ^ p.shared.id
}
