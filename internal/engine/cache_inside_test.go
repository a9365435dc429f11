package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// committedRig is a cacheRig whose catalog says that transactions are at READ COMMITTED by default, or not.
func committedRig(t testing.TB, is string, pool PoolConfig) *cacheRig {
	w := newCacheRig(t, 1, pool)
	w.suspects = append(w.suspects, []string{"reads", "", "0"}, []string{beginsCommitted, "", is})
	w.knows("begin isolation level read committed", "begin read only", "begin isolation level repeatable read", "select from c")
	return w
}

// deferring is cachePool in which a BEGIN waits for the first statement.
func deferring(size int) PoolConfig {
	p := cachePool(size)
	p.DeferBegin = true
	return p
}

// within demands that a client is answered amid a transaction, from the cache or not.
func (w *cacheRig) within(c *rigSocket, hit bool, messages ...string) {
	w.Helper()
	answer, heard := w.exchange(c, messages)
	if len(heard) > 0 == hit || !strings.HasSuffix(what(answer), "ready T") {
		w.Fatalf("%s says %q, and servers are asked %q; it is told %s", c.name, messages, heard, what(answer))
	}
	w.isTrue(answer)
}

// A transaction that only reads is answered from the cache, and its replies are kept, for those inside one and outside. It sees what
// others commit.
func TestReadsInsideATransaction(t *testing.T) {
	for _, begin := range []string{"begin", "begin isolation level read committed", "begin read only"} {
		w := committedRig(t, "t", cachePool(2))
		a, b := w.client("a"), w.client("b")
		w.keeps(b, "select from a")
		w.says(a, begin)
		w.within(a, true, "select from a")
		w.within(a, false, "select from b")
		w.within(a, true, "select from b")
		w.within(a, false, batch("select from a")...)
		w.within(a, true, batch("select from a")...)
		w.within(a, true, "select from a", "select from b", "select from a")
		w.does(b, "insert into a")
		w.within(a, false, "select from a")
		w.within(a, true, "select from a")
		w.within(a, false, batch("select from a")...)
		w.misses(a, "commit")
		w.hits(b, "select from a")
		w.hits(b, "select from b")
		w.hits(b, batch("select from a")...) // of the unnamed statement that a left behind
	}
}

// A transaction that has written, or may have, or in which anything else was said, sees itself, or what it began with: nobody else's replies, and nobody its.
func TestTransactionsThatAreNotServed(t *testing.T) {
	for name, begins := range map[string][]string{
		"another isolation":            {"begin isolation level repeatable read"},
		"one that nobody reads":        {"begin deferrable"},
		"a begin behind something":     {"select from c", "begin"},
		"one that is begun again":      {"begin isolation level repeatable read", "begin"},
		"a write":                      {"begin", "insert into c"},
		"a setting":                    {"begin", "set local TimeZone to UTC"},
		"an isolation that is changed": {"begin", "set transaction isolation level repeatable read"},
		"a savepoint":                  {"begin", "savepoint s"},
		"what nobody can read":         {"begin", "garbage"},
		"a text that comes first":      {"begin", "select from a where new"},
	} {
		t.Run(name, func(t *testing.T) {
			w := committedRig(t, "t", cachePool(2))
			a, b := w.client("a"), w.client("b")
			w.keeps(b, "select from a")
			if name == "a begin behind something" {
				w.says(a, begins...) // at once, so that it is not known that the first is over
			} else {
				for _, text := range begins {
					w.says(a, text)
				}
			}
			w.within(a, false, "select from a")
			w.within(a, false, "select from a")
			w.within(a, false, "select from b")
			w.misses(a, "rollback")
			w.pass(50 * time.Millisecond)
			w.misses(b, "select from b") // nothing of that was kept
		})
	}
}

// Where the default is another, by the catalog or the session, a plain BEGIN is not enough; one that says so is.
func TestTheDefaultIsolation(t *testing.T) {
	for _, c := range []struct {
		catalog, session, begin string
		serves                  bool
	}{
		{"t", "", "begin", true},
		{"f", "", "begin", false},
		{"f", "", "begin isolation level read committed", true},
		{"t", "repeatable read", "begin", false},
		{"f", "Read Committed", "begin", true},
		{"t", "repeatable read", "begin isolation level read committed", true},
	} {
		w := committedRig(t, c.catalog, cachePool(2))
		var settings []Setting
		if c.session != "" {
			settings = []Setting{{"default_transaction_isolation", c.session}}
		}
		w.says(w.client("first"), "select from a") // and its server the catalog
		a := w.client("a", settings...)
		w.keeps(a, "select from b")
		w.says(a, c.begin)
		answer, heard := w.exchange(a, []string{"select from b"})
		if served := len(heard) == 0; served != c.serves || !strings.HasSuffix(what(answer), "ready T") {
			t.Errorf("%+v: servers are asked %q; it is told %s", c, heard, what(answer))
		}
	}
}

// Upstreams have to agree; what none has said nobody knows.
func TestAllAreCommitted(t *testing.T) {
	g := &catalog{}
	says := func(upstream, value string) {
		g.learnBeginnings(upstream, beginnings{committed: value, at: 1})
	}
	for i, step := range []struct {
		upstream, value string
		want            bool
	}{{"", "", false}, {"a", "t", true}, {"b", "f", false}, {"a", "t", false}, {"b", "t", true}} {
		if step.upstream != "" {
			says(step.upstream, step.value)
		}
		if got := g.committed.Load(); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	g.again(5) // somebody says what sessions begin with; what was asked before tells nothing of that
	for at, want := range []bool{4: false, 5: true} {
		if g.learnBeginnings("b", beginnings{committed: "t", at: int64(at)}); g.committed.Load() != want {
			t.Errorf("asked at %d, it is %v", at, !want)
		}
	}
}

// A transaction whose BEGIN waits for its first statement needs no server as long as the cache answers.
func TestATransactionThatNeedsNoServer(t *testing.T) {
	w := committedRig(t, "t", deferring(1))
	a, b := w.client("a"), w.client("b")
	w.keeps(b, "select from a")
	answer, heard := w.exchange(a, []string{"begin"})
	if len(heard) > 0 || what(answer) != "BEGIN, ready T" {
		t.Fatalf("begin: %q, %s", heard, what(answer))
	}
	w.within(a, true, "select from a")
	w.keeps(b, "select from b") // the only server is free
	w.within(a, true, "select from b")
	answer, heard = w.exchange(a, []string{"commit"})
	if len(heard) > 0 || what(answer) != "COMMIT, ready I" {
		t.Fatalf("commit: %q, %s", heard, what(answer))
	}
	w.note("what is not there takes a server for the rest of it, and is kept")
	w.says(a, "begin")
	w.within(a, true, "select from a")
	w.within(a, false, "select from c")
	w.within(a, true, "select from c")
	w.within(a, true, "select from a")
	w.misses(a, "insert into a")
	w.within(a, false, "select from c")
	w.misses(a, "commit")
	w.pass(50 * time.Millisecond)
	w.hits(b, "select from c")
	w.note("another isolation is not answered here")
	w.says(a, "begin isolation level repeatable read")
	w.within(a, false, "select from c")
	w.misses(a, "rollback")
}

// Postgres does not see who is answered here: its server hears of each transaction at least once in a second.
func TestATransactionThatIsAnsweredHereStaysAwake(t *testing.T) {
	w := committedRig(t, "t", cachePool(1))
	a := w.client("a")
	w.keeps(a, "select from a")
	w.says(a, "begin")
	w.within(a, true, "select from a")
	w.pass(maxUnheard - time.Millisecond)
	w.within(a, true, "select from a")
	w.pass(time.Millisecond)
	w.within(a, false, "select from a")
	w.within(a, true, "select from a")
}

// idle_transaction_timeout counts from the last answer, whoever gave it.
func TestIdleTransactionsAndTheCache(t *testing.T) {
	p := cachePool(1)
	p.IdleTransactionTimeout = 900 * time.Millisecond
	w := committedRig(t, "t", p)
	a := w.client("a")
	w.keeps(a, "select from a")
	w.says(a, "begin")
	for range 3 {
		w.pass(600 * time.Millisecond)
		w.says(a, "select from a")
	}
	if got := what(a.received); strings.Contains(got, "25P03") {
		t.Errorf("it is told %s", got)
	}
	w.pass(time.Second)
	if got := what(a.received); !strings.Contains(got, "25P03") {
		t.Errorf("it is told %s", got)
	}
}

// A large reply is passed on by reference, and ends as the transaction is.
func TestALargeReplyInsideATransaction(t *testing.T) {
	w := committedRig(t, "t", cachePool(1))
	w.wide = 30000
	w.knows("select from a wide")
	a := w.client("a")
	w.says(a, "select from a")
	w.keeps(a, "select from a wide")
	w.says(a, "begin")
	answer, heard := w.exchange(a, []string{"select from a wide"})
	if len(heard) > 0 || len(answer) < w.wide || answer[len(answer)-1] != pgwire.StatusActive {
		t.Errorf("servers are asked %q, and it is told %d bytes", heard, len(answer))
	}
	w.misses(a, "commit")
	answer, _ = w.exchange(a, []string{"select from a wide"})
	if len(answer) < w.wide || answer[len(answer)-1] != pgwire.StatusIdle {
		t.Errorf("outside it is told %d bytes, status %c", len(answer), answer[len(answer)-1])
	}
}

// A hit inside a transaction allocates nothing, and is sent at once.
func TestNoAllocationPerHitInsideATransaction(t *testing.T) {
	w := committedRig(t, "t", cachePool(1))
	w.quiet = true
	a := w.client("a")
	w.keeps(a, "select from a")
	w.says(a, "begin")
	data := said([]string{"select from a"})
	mustNotAllocate(t, func() {
		if ops := w.step(a, data); len(ops) != 1 || ops[0].Kind != loop.Send || uint64(ops[0].Conn) != uint64(a.id) {
			t.Fatal(ops)
		}
	})
}

// lateRig is a splitRig with a query cache, in which a BEGIN waits for its first statement or not.
func lateRig(t *testing.T, defers bool) *cacheRig {
	r := splitRig(t, 1, func(p *PoolConfig) { p.Cache, p.ReadYourWrites, p.DeferBegin = cachePool(1).Cache, true, defers })
	r.suspects = append(r.suspects, []string{beginsCommitted, "", "t"})
	w := &cacheRig{rig: r, lineage: cacheLineage, writes: map[string]int{}}
	w.facts, w.answers = cacheFacts, w.answer
	w.knows("select from a", "insert into a", "begin isolation level read committed", "begin read only", "commit", "select from b")
	return w
}

// asked is how often servers of an upstream were asked a text.
func (w *cacheRig) asked(upstream, text string) (n int) {
	for _, s := range w.servers {
		if strings.HasPrefix(s.socket.name, upstream) {
			n += len(slices.DeleteFunc(slices.Clone(s.queries), func(q string) bool { return q != text }))
		}
	}
	return n
}

// What a transaction on a replica has been told by that, it is not told otherwise by the cache and then again by the replica.
func TestATransactionOnALateReplica(t *testing.T) {
	w := lateRig(t, false)
	a, b, c := w.client("a"), w.client("b"), w.client("c")
	w.pass(2 * time.Second)
	w.keeps(a, "select from a")
	w.says(c, "begin read only")
	late, other := "two", "three"
	if w.asked(late, "begin read only") == 0 {
		late, other = other, late
	}
	w.within(c, true, "select from a")
	w.does(b, "insert into a")
	w.probe("one", false, 300)
	w.probe(other, true, 300)
	for range 3 {
		w.says(a, "select from a") // of three it is kept
	}
	w.hits(a, "select from a")
	w.within(c, false, "select from a")
	w.probe(late, true, 300)
	w.within(c, true, "select from a")
}

// Where no server is there yet, the one that comes has replayed what the cache has told.
func TestATransactionThatNeedsAServerLater(t *testing.T) {
	const apart = "select from b /* cache: off */"
	w := lateRig(t, true)
	a, b, c := w.client("a"), w.client("b"), w.client("c")
	w.pass(2 * time.Second)
	w.keeps(a, "select from a")
	w.says(a, "Query: "+apart) // so that it has been read
	w.does(b, "insert into a")
	w.probe("one", false, 300)
	w.probe("three", true, 300)
	for range 3 {
		w.says(a, "select from a")
	}
	w.hits(a, "select from a")
	for range 3 {
		w.says(c, "begin isolation level read committed")
		w.within(c, true, "select from a")
		before := w.asked("two", apart)
		w.within(c, false, "Query: "+apart)
		if w.asked("two", apart) > before {
			t.Error("a replica was asked that lacks what the transaction has seen")
		}
		w.says(c, "commit")
	}
}
