package engine

import (
	"fmt"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// manyPools is shards that each have a part of so many pools, driven by hand; each part has counted a query.
func manyPools(t testing.TB, shards, pools int) *Engine {
	h := &benchHost{}
	e := New(shards, h)
	h.e = e
	e.Apply(&Config{Pools: []PoolConfig{onePool(5)}})
	for _, s := range e.shards {
		s.Bind(benchDriver{})
		s.Step(&loop.Event{Kind: loop.Woken})
		for i := range pools {
			s.join(poolKey{"app", fmt.Sprint("db", i), "u"}).counts.Queries = 1
		}
	}
	return e
}

// tellsSome has a shard read its mail once, and returns how many pools it has told of.
func tellsSome(s *Shard) (told int) {
	messages := s.mail.Take()
	for i := range messages {
		if t := messages[i].collect; t != nil {
			told -= len(t.pools)
			s.receive(&messages[i])
			told += len(t.pools)
		}
	}
	return told
}

// counted is what a collection tells was asked.
func counted(snap *Snapshot) (queries uint64) {
	for i := range snap.Pools {
		queries += snap.Pools[i].Queries
	}
	for _, counts := range snap.Forgotten {
		queries += counts.Queries
	}
	return queries
}

// However many pools there are, as many are told of in one turn as may be, and each once.
func TestPoolsAreToldSomeInATurn(t *testing.T) {
	for _, pools := range []int{0, 1, toldPerTurn, toldPerTurn + 1, 5 * toldPerTurn} {
		e := manyPools(t, 2, pools)
		asked := e.Snapshot()
		turns := 0
		for ; len(asked) == 0; turns++ {
			for _, s := range e.shards {
				if told := tellsSome(s); told > toldPerTurn {
					t.Fatalf("of %d pools, %d are told of in one turn", pools, told)
				}
			}
		}
		snap := (<-asked)()
		if want := max((pools+toldPerTurn-1)/toldPerTurn, 1); turns != want || len(snap.Pools) != pools || len(snap.Loops) != 2 {
			t.Errorf("of %d pools and 2 loops, %d and %d are told of, in %d turns of %d", pools, len(snap.Pools), len(snap.Loops), turns, want)
		}
		for i := range snap.Pools {
			if p := &snap.Pools[i]; p.Queries != 2 || p.MaxSize != 5 {
				t.Errorf("%s has %d queries and %d servers at most, and two loops have counted one each", p.Database, p.Queries, p.MaxSize)
			}
		}
		if len(e.shards[0].telling) != 0 {
			t.Error("a collection that is over is not forgotten")
		}
	}
}

// Pools that are forgotten while figures are told count once, be it as pools or as forgotten ones; and so do those that come instead.
func TestPoolsThatAreForgottenWhileFiguresAreTold(t *testing.T) {
	const pools = 3 * toldPerTurn
	e := manyPools(t, 1, pools)
	s := e.shards[0]
	asked := e.Snapshot()
	tellsSome(s)
	for p := range s.eachPool {
		if p.index%2 == 0 {
			p.clients++ // it is used
		}
	}
	s.forgetPools()
	s.join(poolKey{"app", "new", "u"}).counts.Queries = 1000
	for len(asked) == 0 {
		tellsSome(s)
	}
	snap := (<-asked)()
	// The new one has the place of the last that was forgotten, which had not been told.
	if n := counted(&snap); n != pools+1000 {
		t.Errorf("%d queries are told, of %d and 1000", n, pools)
	}
	again := e.Snapshot()
	for len(again) == 0 {
		tellsSome(s)
	}
	snap = (<-again)()
	if n := counted(&snap); n != pools+1000 || snap.Forgotten["app"].Queries != pools/2 {
		t.Errorf("then %d queries are told, %d of them of what is forgotten", n, snap.Forgotten["app"].Queries)
	}
}

// A loop that stops tells what it has, and one that has ended nothing.
func TestFiguresOfALoopThatStops(t *testing.T) {
	e := manyPools(t, 2, 2*toldPerTurn)
	asked := e.Snapshot()
	tellsSome(e.shards[0])
	tellsSome(e.shards[1])
	e.shards[1].stop()
	tellsSome(e.shards[0])
	if snap := (<-asked)(); counted(&snap) != 3*toldPerTurn {
		t.Errorf("%d queries are told", counted(&snap))
	}
	asked = e.Snapshot()
	tellsSome(e.shards[0])
	tellsSome(e.shards[0])
	if snap := (<-asked)(); counted(&snap) != 2*toldPerTurn {
		t.Errorf("%d queries are told by the loop that is left", counted(&snap))
	}
}

// BenchmarkTellPools is one turn of a shard that has many pools.
func BenchmarkTellPools(b *testing.B) {
	s := manyPools(b, 1, toldPerTurn).shards[0]
	b.ReportAllocs()
	for b.Loop() {
		s.tellPools(&toldPools{to: &collector{missing: 1, out: make(chan func() Snapshot, 1)}})
	}
}
