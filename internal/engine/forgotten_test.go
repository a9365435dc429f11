package engine

import (
	"strconv"
	"testing"
	"time"
)

// What a database has counted is told when all of its users are gone, and comes back with them.
func TestTotalsOutliveTheUsersOfADatabase(t *testing.T) {
	p := onePool(2)
	p.ServerIdleTimeout = time.Minute
	r := newRig(t, 2, p)
	r.quiet = true
	all := func() (all Totals) {
		s := r.snapshot()
		for i := range s.Pools {
			all.Add(s.Pools[i].Totals())
		}
		for at, of := range s.ForgottenTotals {
			if at != (Target{"app", "db"}) {
				r.Errorf("totals of %+v", at)
			}
			all.Add(of)
		}
		return all
	}
	before := Totals{}
	for range 3 {
		for _, name := range []string{"a", "b"} {
			c := r.client(name)
			r.says(c, "one")
			r.leaves(c)
		}
		busy := all()
		if busy.Queries != before.Queries+2 || busy.Assignments != before.Assignments+2 || busy.BytesReceived <= before.BytesReceived {
			r.Fatalf("they have counted %+v, and before %+v", busy, before)
		}
		r.pass(3 * time.Minute)
		if n := r.knownPools(); n != 0 {
			r.Fatalf("%d pools that nobody uses", n)
		}
		if before = all(); before != busy {
			r.Fatalf("forgotten, they have counted %+v, and there %+v", before, busy)
		}
	}
	r.apply()
	if s := r.snapshot(); len(s.ForgottenTotals) != 0 {
		r.Errorf("of a pool that was removed there is %+v", s.ForgottenTotals)
	}
}

// Clients choose the names of databases: past the most that are kept, those go that nobody uses, and no other.
func TestTotalsAreBounded(t *testing.T) {
	r := newRig(t, 1, onePool(2))
	s := r.e.shards[0]
	r.client("a") // of db
	used := Target{"app", "db"}
	s.totalsOf(used).Add(Totals{Queries: 7})
	for i := range maxForgotten - 1 {
		s.totalsOf(Target{"app", strconv.Itoa(i)})
	}
	if n := len(s.totals); n != maxForgotten {
		t.Fatalf("%d are kept", n)
	}
	s.totalsOf(Target{"app", "one more"}).Add(Totals{Queries: 1})
	if got := s.totals[used]; len(s.totals) != 2 || got == nil || got.Queries != 7 {
		t.Errorf("%d are kept, and what is used has %+v", len(s.totals), got)
	}
}
