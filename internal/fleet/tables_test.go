package fleet

import (
	"fmt"
	"testing"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// sendAll takes a record and reads it back at a position.
func (t *tables) sendAll(seq, position uint64) record {
	r := record{seq: seq, kind: tells}
	t.take(&r, 0)
	t.echoed(seq, position)
	return r
}

// TestATableIsBehindEveryPositionUntilItsLastOpIsReadBack is rule 4.
func TestATableIsBehindEveryPositionUntilItsLastOpIsReadBack(t *testing.T) {
	x := newTables()
	expect := func(when string, position uint64, want bool) {
		t.Helper()
		if got := x.current([]string{"t"}, position); got != want {
			t.Errorf("%s: a reply of position %d is current: %v", when, position, got)
		}
	}
	expect("nothing was written", 0, true)
	x.note(querycache.OpBegin, "t")
	expect("it was noted", 1<<60, false)
	x.take(&record{seq: 1}, 0)
	expect("it was sent", 1<<60, false)
	x.note(querycache.OpEnd, "t")
	x.echoed(1, 10)
	expect("the first was read back, and the second not", 1<<60, false)
	x.sendAll(2, 11)
	expect("all was read back", 11, true)
	expect("all was read back", 10, false)
	x.heard("t", 12)
	expect("another has written", 11, false)
	x.heard("", 13)
	expect("another has written anything", 12, false)
	expect("another has written anything", 13, true)
	x.joinedAt(20)
	expect("we have joined", 19, false)
}

// TestNoMoreTablesThanMay: what there is no room for counts for the whole database, and is over when it is over.
func TestNoMoreTablesThanMay(t *testing.T) {
	x := newTables()
	for i := range maxTables - 1 { // the whole database is one
		x.note(querycache.OpBegin, fmt.Sprint("t", i))
	}
	if x.whole.touched {
		t.Error("the whole database is touched at the bound")
	}
	for range 2 {
		x.note(querycache.OpBegin, "more")
	}
	if x.whole.pending != 2 || len(x.known) != maxTables {
		t.Errorf("%d changes are under way of the whole database, with %d tables", x.whole.pending, len(x.known))
	}
	x.note(querycache.OpEnd, "more")
	x.note(querycache.OpCancel, "more")
	if x.whole.pending != 0 || !x.whole.changed {
		t.Errorf("%d changes are under way of the whole database; it has changed: %v", x.whole.pending, x.whole.changed)
	}
}

// TestForgottenTablesWereWrittenAtTheFloor is what makes room.
func TestForgottenTablesWereWrittenAtTheFloor(t *testing.T) {
	x := newTables()
	for i := range maxTables {
		x.heard(fmt.Sprint("t", i), uint64(i+1))
	}
	if len(x.known) > maxTables || x.current([]string{"t0"}, maxTables-2) || !x.current([]string{"t0"}, maxTables) {
		t.Errorf("%d tables are known, and the floor is %d", len(x.known), x.floor)
	}
}

// TestNoMoreRecordsThanMay: while none is read back, no more are taken than the bound.
func TestNoMoreRecordsThanMay(t *testing.T) {
	x := newTables()
	n := uint64(0)
	for x.note(querycache.OpChange, "t"); x.isDue() && n < 2*maxSent; x.note(querycache.OpChange, "t") {
		n++
		x.take(&record{seq: n}, 0)
	}
	if n != maxSent {
		t.Errorf("%d records were taken", n)
	}
	x.echoed(1, 1)
	if !x.isDue() {
		t.Error("one was read back, and no other is taken")
	}
}

// TestNothingIsToldTwice: what others know already is no news.
func TestNothingIsToldTwice(t *testing.T) {
	x := newTables()
	x.note(querycache.OpBegin, "t")
	x.note(querycache.OpBegin, "t")
	if r := x.sendAll(1, 1); len(r.tables) != 1 || !r.tables[0].pending {
		t.Errorf("told is %+v", r.tables)
	}
	x.note(querycache.OpCancel, "t")
	x.note(querycache.OpSeen, "u")
	if r := x.sendAll(2, 2); len(r.tables) != 0 {
		t.Errorf("told is %+v", r.tables)
	}
	x.note(querycache.OpCancel, "t")
	if r := x.sendAll(3, 3); len(r.tables) != 1 || r.tables[0] != (told{name: "t"}) {
		t.Errorf("told is %+v", r.tables)
	}
	if x.current([]string{"u"}, 1) || !x.current([]string{"u"}, 2) {
		t.Error("what was seen has no position of its own")
	}
}
