package engine

import (
	"hash/maphash"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// To find out which form a query is of takes a look at a table where a statement has been prepared: its fingerprint is known. Of a simple
// Query the text has to be read, which costs about 3 ns a byte, or as much as all else that a loop does for it. So:
//
//  1. What took longReading or longer is always read: next to its time, that is nothing.
//  2. Of all else, so much is read that it costs a loop less than a hundredth of its time, and where nobody is in a hurry, everything:
//     there is an allowance of so many bytes, which grows with time.
//  3. Where it is used up, queries pass unread until there is one again. The next that is read counts for all that have not been since.
//     Which that is has nothing to do with what it is; so what is told of forms is right on the average, and how often is known exactly.
//
// A form that has no place costs more than its text; so the allowance bounds also what it costs when no two queries are alike.

const (
	longReading = int64(10 * time.Millisecond)
	// readingNanos is in which time the allowance grows by a byte: 2 MB a second.
	readingNanos = 500
	// maxAllowance is up to where it grows.
	maxAllowance = 256 << 10
	// placeCost is what it costs, in bytes, to give a form a place, beyond the text, which is read again.
	placeCost = 512
)

// allowedReading is how many bytes a shard may read now; negative: it has read more.
type allowedReading struct{ bytes, at int64 }

// any reports whether there is some left.
func (a *allowedReading) any(now int64) bool {
	if a.bytes > 0 {
		return true
	}
	if a.at == 0 {
		a.bytes, a.at = maxAllowance, now
	}
	if grown := (now - a.at) / readingNanos; grown > 0 {
		a.bytes = min(a.bytes+grown, maxAllowance)
		a.at = now
	}
	return a.bytes > 0
}

// countForm counts a query with those of its form.
func (s *Shard) countForm(b *busiest, r *session.Ran, elapsed int64, why Reason) {
	if of, known := s.env.FingerprintOf(r.Stmt); known {
		if at, has := b.find(of); has {
			b.count(at, r, elapsed, 1, why)
			return
		}
	}
	times := uint64(1)
	switch {
	case r.Text == nil:
		b.other.count(r, elapsed, 1, why)
		return
	case elapsed >= longReading:
	case !s.reading.any(s.now):
		b.unread.count(r, elapsed, 1, why)
		return
	case b.unread.calls > 0:
		times += b.unread.calls
		b.unread = figures{}
	}
	b.count(s.placeOf(b, r), r, elapsed, times, why)
}

// placeOf reads a query's text, and gives its form a place if it has none.
func (s *Shard) placeOf(b *busiest, r *session.Ran) (at int) {
	s.reading.bytes -= int64(len(r.Text))
	of := uint64(0)
	if !r.Cut() {
		of = s.env.ReadFingerprint(r.Text, r.Stmt)
	}
	if of == 0 {
		of = max(maphash.Bytes(formSeed, s.readForm(r)), 1)
	}
	at, has := b.find(of)
	if !has {
		s.reading.bytes -= int64(len(r.Text)) + placeCost
		at = b.admit(of, s.readForm(r))
	}
	return at
}

// formSeed is of the hashes of what can be read for certain only in part.
var formSeed = maphash.MakeSeed()

// missing stands where something of a form is not shown.
const missing = " …"

// readForm is the normal form of a query, as far as it is shown, without its literals. It is valid until the next is read.
func (s *Shard) readForm(r *session.Ran) []byte { return s.readFormOf(r.Text, r.Cut()) }

// readFormOf is that of a text, which may be cut.
func (s *Shard) readFormOf(text []byte, cut bool) []byte {
	form, whole := sql.Outline(s.formText[:0], text, maxFormText-len(missing))
	if !whole || cut {
		form = append(form, missing...)
	}
	s.formText = form
	return form
}
