package engine

import (
	"unicode/utf8"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// Which queries of a pool keep its servers busy: a shard counts them by normal form, for each declared pool, the busiest ones each for itself
// and all others together. Which are the busiest is not known before, and there may be millions of forms; so this is the Space-Saving
// of Metwally, Agrawal and El Abbadi ("Efficient computation of frequent and top-k elements in data streams", 2005), by server time:
//
//  1. A form that is known is counted.
//  2. A form that is not takes the place of the one that ranks last. It inherits that one's rank, as if all of that had been its own: so
//     whatever took more than 1/maxForms of the time of all is here, whenever it came.
//  3. Its figures are its own, and begin at nothing; those of the one that went are added to those of all others. So the sum over all is
//     what the pool has counted.
//
// One costs at most: figures and a place in the table, 0.6 KiB, and a text of 1 KiB. Together with maxForms: 0.8 MiB for a shard and
// pool, of which applications with a hundred forms take a tenth.
const (
	maxForms = 512
	// maxFormText bounds the text of a form, in bytes; longer ones are clipped.
	maxFormText = 1 << 10
	// recentForms is how many guesses there are.
	recentForms = 256
	// callRank is what a call counts for, in nanoseconds, beyond the time that it took: a loop takes replies in pieces, and of some that
	// come together, all but the first took no time.
	callRank = 1000
)

// busiest is the forms of one declared pool on one shard.
type busiest struct {
	at    map[uint64]int // by fingerprint
	forms []form
	// lately is where those are that were found lately, by the lower bits of their fingerprints: a guess, which saves looking in at.
	lately [recentForms]uint16
	ranks  []uint64 // of each: nanoseconds
	// other is those that have no place, and unread those whose form nobody has looked for; see reading.go.
	other, unread figures
}

// form is the queries of one normal form.
type form struct {
	fingerprint uint64
	text        []byte
	lent        bool              // the text has been told, and is not changed any more
	kind        session.QueryKind // of the last
	figures
}

// spare is the memory of a text that nobody looks at any more.
func (f *form) spare() []byte {
	if f.lent {
		return nil
	}
	return f.text[:0]
}

// figures is what is counted of queries.
type figures struct {
	calls, rows, hits, errors uint64
	nanos                     uint64 // of all that were no hits
	longest                   int64
	spread                    spread
	reasons                   [Reasons]uint64 // for which they went where they went
}

func newBusiest() *busiest { return &busiest{at: map[uint64]int{}} }

// find is the place of a form; false: it has none.
func (b *busiest) find(fingerprint uint64) (at int, has bool) {
	guess := &b.lately[fingerprint%recentForms]
	if at = int(*guess); at < len(b.forms) && b.forms[at].fingerprint == fingerprint {
		return at, true
	}
	if at, has = b.at[fingerprint]; has {
		*guess = uint16(at)
	}
	return at, has
}

// count counts a query of which there were so many.
func (f *figures) count(r *session.Ran, elapsed int64, times uint64, why Reason) {
	f.calls += times
	f.rows += times * r.Rows
	if r.Failed {
		f.errors += times
	}
	f.nanos += times * uint64(elapsed)
	f.longest = max(f.longest, elapsed)
	f.spread[spreadBucket(elapsed)] += times
	f.reasons[why] += times
}

func (f *figures) add(other *figures) {
	f.calls += other.calls
	f.rows += other.rows
	f.hits += other.hits
	f.errors += other.errors
	f.nanos += other.nanos
	f.longest = max(f.longest, other.longest)
	f.spread.add(&other.spread)
	for why, n := range other.reasons {
		f.reasons[why] += n
	}
}

// count counts a query of a form that has a place.
func (b *busiest) count(at int, r *session.Ran, elapsed int64, times uint64, why Reason) {
	f := &b.forms[at]
	if !r.Failed {
		f.kind = r.Kind
	}
	f.figures.count(r, elapsed, times, why)
	b.ranks[at] += times * uint64(elapsed+callRank)
}

// hit counts an answer from the cache. It takes no time of a server, so a form that has no place gets none for it where none is free: it had one,
// or will, for the misses.
func (b *busiest) hit(of *querycache.Form) {
	f := &b.other
	if of != nil && of.Fingerprint != 0 {
		at, known := b.find(of.Fingerprint)
		if !known && len(b.forms) < maxForms {
			at, known = b.admit(of.Fingerprint, clipped(of.Text)), true
			b.forms[at].kind = session.KindSelect
		}
		if known {
			f = &b.forms[at].figures
		}
	}
	f.calls++
	f.hits++
	f.reasons[ReasonCached]++
}

// clipped is a form as the cache knows it, as it is shown here; see readForm.
func clipped(form string) []byte {
	const most = maxFormText - len(missing)
	if len(form) <= most {
		return []byte(form)
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(form[end]) {
		end--
	}
	return []byte(form[:end] + missing)
}

// admit gives a form a place, of which it keeps a copy of the text.
func (b *busiest) admit(fingerprint uint64, text []byte) (at int) {
	if at = len(b.forms); at < maxForms {
		b.forms = append(b.forms, form{fingerprint: fingerprint, text: append([]byte(nil), text...)})
		b.ranks = append(b.ranks, 0)
	} else {
		at = b.last()
		old := &b.forms[at]
		b.other.add(&old.figures)
		delete(b.at, old.fingerprint)
		*old = form{fingerprint: fingerprint, text: append(old.spare(), text...)}
	}
	b.at[fingerprint] = at
	return at
}

// last is the form that ranks last.
func (b *busiest) last() (at int) {
	for i, rank := range b.ranks {
		if rank < b.ranks[at] {
			at = i
		}
	}
	return at
}

// countDeclared forgets the forms of pools that are not declared any more. One that is declared again begins anew.
func (s *Shard) countDeclared() {
	for name := range s.busiest {
		if t := s.engine.template(name); t == nil || t.removed.Load() {
			delete(s.busiest, name)
		}
	}
	for p := range s.eachPool {
		if !p.leaving() {
			p.busiest = s.busiestOf(p.shared.pool)
		}
	}
}

// busiestOf is that of a declared pool. It outlives the pools of databases and users, which are forgotten when nobody uses them.
func (s *Shard) busiestOf(pool string) *busiest {
	b := s.busiest[pool]
	if b == nil {
		b = newBusiest()
		s.busiest[pool] = b
	}
	return b
}
