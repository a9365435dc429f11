package engine

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// manyTables is a ledger, and so many tables of it.
func manyTables(n int) (l *ledger, tables []*querycache.Table) {
	l = &ledger{Ledger: querycache.NewLedger()}
	for i := range n {
		tables = append(tables, l.Table(fmt.Sprint("t", i)))
	}
	return l, tables
}

// invalid is how many of the tables nothing could be kept of.
func invalid(l *ledger, tables []*querycache.Table) (n int) {
	for i := range tables {
		if _, ok := l.Evidence(tables[i : i+1]); !ok {
			n++
		}
	}
	return n
}

// A transaction that changes maxChanges tables changes those; one that changes more changes the database, be it before its commit is on its way
// or behind that.
func TestTheTablesThatATransactionChangesAreBounded(t *testing.T) {
	for _, begun := range []bool{false, true} {
		l, tables := manyTables(maxChanges + 2)
		var w writes
		if begun {
			w.begin()
		}
		w.add(l, effect{tables: tables[:maxChanges]})
		w.add(l, effect{tables: tables[:maxChanges]}) // each counts once
		w.begin()
		if n := invalid(l, tables); n != maxChanges || l.All.Pending() != 0 {
			t.Errorf("begun %v: at the limit %d tables are being changed, and the database %d times", begun, n, l.All.Pending())
		}
		w.add(l, effect{tables: tables[maxChanges:]})
		if n := invalid(l, tables); n != len(tables) || l.All.Pending() != 1 || len(w.tables) != maxChanges {
			t.Errorf("begun %v: past it %d are, and the database %d times, by %d changes", begun, n, l.All.Pending(), len(w.tables))
		}
		w.end(1)
		if n := invalid(l, tables); n != 0 || l.All.Changes() != 1 || l.All.Mark() != 1 {
			t.Errorf("begun %v: when it is over %d are being changed; the database was %d times", begun, n, l.All.Changes())
		}
	}
}

// What is kept of the table in whose place the database is put does not hold for one moment in between.
func TestNothingHoldsWhileChangesAreWidened(t *testing.T) {
	l, tables := manyTables(maxChanges + 1)
	last := tables[maxChanges-1 : maxChanges]
	for round := range 5000 {
		before, _ := l.Evidence(last)
		var w writes
		w.add(l, effect{tables: tables[:maxChanges]})
		w.begin()
		watched, wrong := make(chan bool), make(chan bool)
		over := &atomic.Bool{}
		go func() {
			close(watched)
			found := false
			for !over.Load() {
				found = found || before.Holds()
			}
			wrong <- found
		}()
		<-watched
		w.add(l, effect{tables: tables[maxChanges:]})
		if over.Store(true); <-wrong {
			t.Fatalf("round %d: what was kept of %s holds while it is being changed", round, last[0].Name)
		}
		if w.end(0); before.Holds() {
			t.Fatalf("round %d: when it is over, what was kept of %s holds", round, last[0].Name)
		}
	}
}

// So many texts as maxGuesses may be on their way to be read: what is cached of other tables holds again when they have been. One more counts as a
// write of everything at once, however it is read.
func TestGuessesAreBounded(t *testing.T) {
	for _, past := range []int{0, 1} {
		w := newCacheRig(t, 1, cachePool(2))
		a, b := w.client("a"), w.client("b")
		w.keeps(a, "select from b")
		s := w.e.shards[0]
		srv := someServer(s)
		for i := range maxGuesses - 1 + past {
			srv.Guesses++
			s.guessed++
			srv.pool.shared.ledger.All.Begin()
			s.guesses[uint64(i+1)] = []guess{{srv.pool.shared.ledger, srv.pool.shared.catalog, srv.Conn, srv.writes.turn, nil, session.MayDefine}}
		}
		w.holdFacts = true
		w.says(b, "insert into a values (1)")
		if s.guessed != maxGuesses {
			t.Fatalf("%d texts are being read", s.guessed)
		}
		w.classify()
		for i := range maxGuesses - 1 + past {
			s.guessedRight(uint64(i+1), &sql.Facts{Class: sql.ClassReads, Traits: sql.Understood})
		}
		if s.guessed != 0 || srv.Guesses != 0 {
			t.Fatalf("when all have been read, %d have not", s.guessed)
		}
		if past == 0 {
			w.hits(a, "select from b")
		} else {
			w.misses(a, "select from b")
		}
	}
}

func someServer(s *Shard) *server {
	i := slices.IndexFunc(s.slots.servers, func(srv *server) bool { return srv != nil })
	return s.slots.servers[i]
}

// A server that knows statements by its client's own names is asked what they stand for, behind code that nobody can read. What executes them is
// then no write of everything.
func TestWhatNativeNamesStandForIsAsked(t *testing.T) {
	p := cachePool(3)
	p.HiddenState, p.MaxPreparedStatements = true, 0
	w := newCacheRig(t, 1, p)
	w.suspects = [][]string{{"reads", "", "0"}}
	a, b := w.client("a"), w.client("b")
	w.keeps(a, "select from a")
	w.says(b, "Parse: s select from b", "Sync:")
	w.says(b, "Bind: s", "Execute:", "Sync:")
	w.hits(a, "select from a")
	w.note("what nobody can read: Postgres is asked, and says what s is now")
	asked := 0
	answer := w.answers
	w.answers = func(srv *rigServer, typ byte, body string) bool {
		if body != session.TextsQuestion {
			return answer(srv, typ, body)
		}
		asked++
		srv.answer(dataRow("s", "insert into a", "f"), frame('C', "SELECT 1\x00"), srv.ready())
		return true
	}
	w.says(b, "garbage")
	w.says(a, "select from b")
	w.keeps(a, "select from b")
	w.keeps(a, "select from a")
	w.says(b, "Bind: s", "Execute:", "Sync:")
	w.misses(a, "select from a")
	w.hits(a, "select from b")
	if asked != 1 {
		t.Errorf("Postgres was asked %d times", asked)
	}
}
