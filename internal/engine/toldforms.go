package engine

import (
	"maps"
	"slices"
)

// A shard that is asked for its busiest queries copies them, some pools in a turn, and queries run in between. All of a pool are copied in one
// turn: so they are all the queries that it had counted then.

// formsPerTurn bounds the forms that are copied in one turn, a pool's others counting as one: the most that one pool has. That is 280 KiB, and
// takes a tenth of a millisecond.
const formsPerTurn = maxForms + 1

// toldForms is what one shard tells. It alone has it until it has answered.
type toldForms struct {
	to    *queryCollector
	begun bool
	left  []string // the pools that are to be copied
	pools []*poolForms
}

// poolForms is a copy of the forms of one declared pool on one shard.
type poolForms struct {
	pool  string
	forms []form
	other figures
}

// tellForms copies the next pools. One that is not declared any more is left out.
func (s *Shard) tellForms(t *toldForms) {
	if !t.begun {
		t.begun, t.left = true, slices.Collect(maps.Keys(s.busiest))
	}
	for copied := 0; len(t.left) > 0; t.left = t.left[1:] {
		b := s.busiest[t.left[0]]
		if b == nil {
			continue
		}
		if copied += 1 + len(b.forms); copied > formsPerTurn {
			s.post(mail{kind: mailQueries, queries: t}) // in the next turn
			return
		}
		t.pools = append(t.pools, b.copyOf(t.left[0]))
	}
	t.to.answered(t)
}

// copyOf is a copy, but for the texts, which are lent.
func (b *busiest) copyOf(pool string) *poolForms {
	b.other.add(&b.unread) // nobody is going to count for them any more
	b.unread = figures{}
	for i := range b.forms {
		b.forms[i].lent = true
	}
	return &poolForms{pool: pool, forms: slices.Clone(b.forms), other: b.other}
}
