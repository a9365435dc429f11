package engine

import (
	"fmt"
	"testing"
)

// telling is one collection of the busiest queries, over shards that are driven by hand.
type telling struct {
	*testing.T
	e *Engine
	// told is, by pool, how many queries of it were counted when it was copied, on all shards.
	told map[string]uint64
}

// busyShards is shards of an engine on which pools have that many forms, each of which was asked for once.
func busyShards(t *testing.T, shards int, forms map[string]int) *telling {
	e := New(shards, &benchHost{})
	for _, s := range e.shards {
		for pool, n := range forms {
			for i := range n {
				s.busiestOf(pool).asksForm(uint64(i+1), 1000)
			}
		}
	}
	return &telling{t, e, map[string]uint64{}}
}

// turn has a shard read its mail once, and returns how many forms it has copied and which pools it has left.
func (a *telling) turn(s *Shard) (copied int, left []string) {
	messages := s.mail.Take()
	for i := range messages {
		t := messages[i].queries
		before := len(t.pools)
		s.receive(&messages[i])
		for _, p := range t.pools[before:] {
			b := s.busiest[p.pool]
			copied += 1 + len(p.forms)
			a.told[p.pool] += b.all().calls
			if got := (&busiest{forms: p.forms, other: p.other}).all(); got.calls != b.all().calls {
				a.Errorf("%s has counted %d queries, of which %d are told", p.pool, b.all().calls, got.calls)
			}
		}
		left = t.left
	}
	return copied, left
}

// goesOn has every pool of a shard count a query that it knows, and those that are full one that takes the place of another.
func (a *telling) goesOn(s *Shard, turn int) {
	for _, b := range s.busiest {
		b.asksForm(1, 1000)
		if len(b.forms) == maxForms {
			b.asksForm(uint64(1_000_000+turn), 1000)
		}
	}
}

// However many pools there are, what is copied in one turn is bounded; and though queries are counted in between, those of a pool are told as they
// were at one moment, each with its text.
func TestFormsAreToldSomePoolsInATurn(t *testing.T) {
	forms := map[string]int{"empty": 0}
	for i := range 6 {
		forms[fmt.Sprint("full", i)] = maxForms
	}
	for i := range 3 * maxForms {
		forms[fmt.Sprint("small", i)] = 1
	}
	a := busyShards(t, 2, forms)
	asked := a.e.Queries()
	turns, most, all := 0, 0, 0
	for _, n := range forms {
		all += 1 + n
	}
	for ; len(asked) == 0; turns++ {
		for _, s := range a.e.shards {
			copied, _ := a.turn(s)
			most = max(most, copied)
			a.goesOn(s, turns)
		}
	}
	if most > formsPerTurn || most < maxForms || turns > 2*all/formsPerTurn+1 {
		t.Errorf("%d turns for %d forms, in one of them %d", turns, all, most)
	}
	sums := map[string]uint64{}
	for _, q := range (<-asked)() {
		sums[q.Pool] += q.Calls
		if q.Form != fmt.Sprint("select ", q.Fingerprint) && q.Form != OtherQueries {
			t.Fatalf("the form of fingerprint %d is %q", q.Fingerprint, q.Form)
		}
	}
	for pool := range forms {
		if sums[pool] != a.told[pool] || pool != "empty" && sums[pool] < 2*uint64(forms[pool]) {
			t.Errorf("%s has counted %d queries, of which %d are told", pool, a.told[pool], sums[pool])
		}
	}
}

// A pool that goes while forms are told is left out, and a loop that stops tells what it has.
func TestFormsOfWhatGoesWhileTheyAreTold(t *testing.T) {
	a := busyShards(t, 2, map[string]int{"a": maxForms, "b": maxForms, "c": maxForms})
	asked := a.e.Queries()
	goes, stops := a.e.shards[0], a.e.shards[1]
	a.turn(stops)
	stops.stop()
	_, left := a.turn(goes)
	if len(left) != 2 {
		t.Fatalf("after one pool, %q are left", left)
	}
	delete(goes.busiest, left[0])
	for turns := 0; len(asked) == 0; turns++ {
		if a.turn(goes); turns > 3 {
			t.Fatal("the collection does not end")
		}
	}
	var sum uint64
	for _, q := range (<-asked)() {
		sum += q.Calls
	}
	if sum != 3*maxForms {
		t.Errorf("%d queries are told, of %d of each of one pool and two", sum, maxForms)
	}
}

// BenchmarkTellForms is the longest turn: of a pool that has as many forms as one can have.
func BenchmarkTellForms(b *testing.B) {
	s := New(1, &benchHost{}).Shard(0)
	text := make([]byte, maxFormText)
	for i := range maxForms {
		s.busiestOf("a").admit(uint64(i+1), text)
	}
	b.ReportAllocs()
	for b.Loop() {
		q := &queryCollector{missing: 1, out: make(chan func() []QueryStats, 1)}
		s.tellForms(&toldForms{to: q, begun: true, left: []string{"a"}})
	}
}
