package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// numbersRig is a rig with a pool of so many servers, whose clients draw numbers and ask for them.
func numbersRig(t *testing.T, shards, size int) *rig {
	t.Helper()
	r := newRig(t, shards, onePool(size))
	r.quiet = true
	return r
}

// A program that draws, and asks in its next transaction, is right the first time, however many others wait for the server; and
// who comes then does not see its numbers.
func TestNumbersAreAskedForBehindTheirTransaction(t *testing.T) {
	r := numbersRig(t, 1, 1)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	s.queries = nil
	r.says(a, "insert into t values (1)")
	r.says(b, "select 'b'")
	s.mustHaveHeard("insert into t values (1)")
	r.says(a, "select lastval()")
	r.says(a, "select currval('s')")
	s.mustHaveHeard("select lastval()", "select currval('s')")
	r.pass(time.Duration(asksAgain) + time.Millisecond)
	s.mustHaveHeard("select 'b'")
	r.says(b, "select lastval()")
	s.mustHaveHeard("DISCARD SEQUENCES", "select lastval()")
}

// A client that draws and then says no more keeps the server for a moment; then it is free, and its own as long as nobody else
// wants it.
func TestAServerRestsWithWhoHasDrawn(t *testing.T) {
	r := numbersRig(t, 1, 1)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	s.queries = nil
	r.says(a, "insert into t values (1)")
	r.says(b, "select 'b'")
	r.pass(time.Duration(numbersRest) - time.Millisecond)
	s.mustHaveHeard("insert into t values (1)")
	r.pass(2 * time.Millisecond)
	s.mustHaveHeard("select 'b'")
	r.says(a, "insert into t values (2)")
	r.pass(time.Duration(numbersRest) - time.Millisecond)
	if s.purpose() != linked {
		t.Fatal("the server has left at once")
	}
	r.pass(2 * time.Millisecond)
	if s.purpose() != idle {
		t.Fatal("the server stays with its client")
	}
	r.pass(time.Hour)
	r.says(a, "select lastval()")
	s.mustHaveHeard("DISCARD SEQUENCES", "insert into t values (2)", "select lastval()")
}

// A client that asks, but later than the server rests, is waited for longer from then on.
func TestSlowClientsAreWaitedForLonger(t *testing.T) {
	r := numbersRig(t, 1, 1)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	draws := func() {
		r.says(a, "insert into t values (1)")
		s.queries = nil
		r.says(b, "select 'b'")
		r.pass(time.Duration(numbersLonger) - 10*time.Millisecond)
		r.says(a, "select lastval()")
	}
	draws()
	s.mustHaveHeard("select 'b'", "DISCARD SEQUENCES", "select lastval()")
	r.pass(time.Second)
	draws()
	s.mustHaveHeard("select lastval()")
	r.pass(time.Duration(asksAgain) + time.Millisecond)
	s.mustHaveHeard("select 'b'")
}

// purpose is what the engine has it for.
func (s *rigServer) purpose() purpose { return s.socket.loop.shard.server(s.socket.id.Slot()).purpose }

// What is free and nobody else has used goes to the client whose numbers it knows, rather than the one used last.
func TestAClientGetsTheServerOfItsNumbers(t *testing.T) {
	r := numbersRig(t, 1, 2)
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.says(b, "begin", "insert into t values ('b')")
	r.says(a, "insert into t values ('a')", "commit")
	r.pass(time.Second)
	r.says(b, "commit")
	r.pass(time.Second)
	first, second := r.servers[0], r.servers[1]
	first.queries, second.queries = nil, nil
	r.says(a, "select 'x'")
	r.pass(time.Minute)
	r.says(a, "select lastval()")
	first.mustHaveHeard("select 'x'", "select lastval()")
	r.says(b, "select lastval()")
	second.mustHaveHeard("select lastval()")
}

// Who wants any server gets one that has nobody's numbers, if there is one.
func TestOthersGetTheServerOfNumbersLast(t *testing.T) {
	r := numbersRig(t, 1, 2)
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.says(b, "begin", "commit")
	r.says(a, "insert into t values ('a')", "commit")
	r.pass(time.Second)
	drawn, other := r.servers[0], r.servers[1]
	drawn.queries, other.queries = nil, nil
	r.says(b, "select 'b'")
	r.says(a, "select lastval()")
	other.mustHaveHeard("select 'b'")
	drawn.mustHaveHeard("select lastval()")
	r.says(a, "insert into t values ('a')")
	r.pass(time.Second)
	r.says(b, "begin")
	c := r.client("c")
	r.says(c, "select 'c'") // rather than wait
	drawn.mustHaveHeard("insert into t values ('a')", "select 'c'")
}

// One that draws and asks in turn lets those go first who wait, before each round; with a question in sight it does not.
func TestWhoHasAskedLetsOthersGoFirst(t *testing.T) {
	r := numbersRig(t, 1, 1)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	r.says(a, "insert into t values (1)")
	r.says(a, "select lastval()")
	s.queries = nil
	r.says(b, "select 'b'")
	r.says(a, "insert into t values (2)")
	s.mustHaveHeard("select 'b'", "DISCARD SEQUENCES", "insert into t values (2)")
	r.says(b, "select 'b'")
	r.says(a, "insert into t values (3)")
	r.says(a, "insert into u values (currval('s'))")
	s.mustHaveHeard("insert into t values (3)", "insert into u values (currval('s'))")
	r.says(a, "insert into t values (4)")
	s.mustHaveHeard("select 'b'", "DISCARD SEQUENCES", "insert into t values (4)")
}

// One that draws and draws, and asks for nothing, has the server for some transactions, and then others have.
func TestWhoDrawsOnAndOnLetsOthersGoFirst(t *testing.T) {
	r := numbersRig(t, 1, 1)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	r.says(a, "insert into t values (0)")
	r.says(b, "select 'b'")
	s.queries = nil
	for n := 1; len(s.queries) == n-1 && n < 100; n++ {
		r.says(a, "insert into t values (1)")
	}
	if n := len(s.queries); n < 2 || n > 9 || s.queries[n-1] != "select 'b'" {
		t.Fatalf("while b waits: %q", s.queries)
	}
}

// After a client has discarded its numbers, none that it may have on any server is its own any more.
func TestDiscardedNumbersAreGoneEverywhere(t *testing.T) {
	r := numbersRig(t, 1, 1)
	a := r.client("a")
	s := r.servers[0]
	s.queries = nil
	r.says(a, "insert into t values (1)", "DISCARD SEQUENCES")
	r.pass(time.Second)
	r.says(a, "select lastval()")
	s.mustHaveHeard("insert into t values (1)", "DISCARD SEQUENCES", "DISCARD SEQUENCES", "select lastval()")
}

// After a server has gone to another shard nobody there has its numbers, whatever its number.
func TestNumbersDoNotMove(t *testing.T) {
	r := numbersRig(t, 2, 1)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	r.says(a, "insert into t values (1)")
	r.pass(time.Second)
	s.queries = nil
	r.says(b, "select lastval()")
	s.mustHaveHeard("DISCARD SEQUENCES", "select lastval()")
	r.says(a, "select lastval()")
	r.pass(time.Second)
	s.mustHaveHeard("DISCARD SEQUENCES", "select lastval()")
}

// Once a thousand transactions have drawn and nobody has asked, nothing is done for questions; with the first, it is again.
func TestWhereNobodyAsksNothingIsDone(t *testing.T) {
	r := numbersRig(t, 1, 1)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	for range 1000 {
		r.says(a, "insert into t values (1)")
	}
	r.pass(time.Second)
	s.queries = nil
	r.says(a, "insert into t values (1)")
	r.says(b, "insert into t values (1)", "begin", "insert into t values (1)", "select lastval()", "commit")
	s.mustHaveHeard("insert into t values (1)", "insert into t values (1)", "begin", "DISCARD SEQUENCES", "insert into t values (1)",
		"select lastval()", "commit")
	r.says(a, "begin", "insert into t values (1)", "select lastval()", "commit")
	s.mustHaveHeard("begin", "DISCARD SEQUENCES", "insert into t values (1)", "select lastval()", "commit")
}

// So many clients that draw all the time, and never ask, wait together for a second of one server, once: the rest of their work is
// done without any waiting.
func TestRestsInVainCostOthersASecondOnce(t *testing.T) {
	const clients, rounds = 40, 30
	r := numbersRig(t, 1, 1)
	var all []*rigSocket
	for n := range clients {
		c := r.client(fmt.Sprint("c", n))
		c.in = nil
		all = append(all, c)
	}
	s := r.servers[0]
	begun := r.now
	for round := range rounds {
		s.queries = nil
		for _, c := range all {
			r.says(c, "insert into t values (1)")
		}
		for n := 0; inserts(s) < clients; n++ {
			if r.pass(time.Millisecond); n > 2000 {
				t.Fatalf("round %d: %d inserts, %q", round, inserts(s), s.queries[len(s.queries)-1])
			}
		}
	}
	waited := time.Duration(r.now - begun)
	if most := 51 * time.Duration(numbersRest); waited > most {
		t.Errorf("%d inserts have waited for %v, not %v", clients*rounds, waited, most)
	}
	t.Logf("%d inserts by %d clients on one server have waited for %v", clients*rounds, clients, waited)
}

func inserts(s *rigServer) (n int) {
	for _, q := range s.queries {
		if strings.HasPrefix(q, "insert") {
			n++
		}
	}
	return n
}

// One that draws, asks and draws again makes those who wait for its server wait for what it says, and, once it is known not to ask
// twice, for nothing else.
func TestWhoAsksMakesOthersWaitForItsQuestionOnly(t *testing.T) {
	r := numbersRig(t, 1, 1)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	var waited time.Duration
	for round := range 100 {
		r.says(a, "insert into t values (1)")
		s.queries = nil
		r.says(b, "select 'b'")
		r.says(a, "select lastval()")
		begun := r.now
		for n := 0; len(s.queries) < 2; n++ {
			if r.pass(time.Millisecond); n > 100 {
				t.Fatalf("round %d: %q", round, s.queries)
			}
		}
		s.mustHaveHeard("select lastval()", "select 'b'")
		waited += time.Duration(r.now - begun)
		r.pass(time.Second)
	}
	if most := 8 * (time.Duration(asksAgain) + time.Millisecond); waited > most {
		t.Errorf("in 100 rounds others have waited for %v, not %v", waited, most)
	}
}

// A client draws, and asks behind its transaction, while another waits: the two take turns.
func TestTakingTurnsWithNumbers(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.note("b waits until a has asked")
	r.says(a, "insert into t values (1)")
	r.says(b, "select b")
	r.says(a, "select lastval()")
	r.pass(time.Second)
	r.note("a goes on instead of asking again: b is first")
	r.says(a, "insert into t values (1)")
	r.says(a, "select lastval()")
	r.says(b, "select b")
	r.says(a, "insert into t values (1)")
	r.pass(time.Second)
	r.note("a leaves while the server rests with it")
	r.says(a, "insert into t values (1)")
	r.says(b, "select b")
	r.leaves(a)
	r.compare()
}

// A cancel that comes while others' numbers are discarded ahead of a query is for the query.
func TestACancelAheadOfADraw(t *testing.T) {
	r := numbersRig(t, 1, 1)
	a, b := r.client("a"), r.client("b")
	r.says(b, "select b")
	r.holdCancels = true
	s := r.servers[0]
	s.mute = true
	r.says(a, "insert into t values (1)")
	r.e.Cancel(a.pid(), []byte{0, 0, 0, 7})
	r.settle()
	if len(r.cancels) > 0 {
		t.Fatal("it would hit what is ours")
	}
	s.answer(pgwire.AppendReady([]byte("C\x00\x00\x00\x16DISCARD SEQUENCES\x00"), 'I'))
	r.settle()
	if len(r.cancels) != 1 {
		t.Fatalf("%d cancels when that has been answered", len(r.cancels))
	}
}

// resting is a pool of one server that rests with b, for which a waits.
func resting(t *testing.T) (r *rig, srv *rigServer, a, b *rigSocket) {
	t.Helper()
	r = numbersRig(t, 1, 1)
	r.quiet = false
	a, b = r.client("a"), r.client("b")
	r.says(b, "begin")
	r.says(a, "select a")
	r.says(b, "insert into t values (1)", "commit")
	r.log = nil
	return r, r.servers[len(r.servers)-1], a, b
}

// A server that ends while it rests with a client was between two transactions: the client is not told.
func TestAServerEndsWhileItRests(t *testing.T) {
	for _, last := range [][]byte{nil, pgwire.AppendError(nil, "FATAL", "57P01", "terminating connection due to administrator command", "", "")} {
		r, srv, a, b := resting(t)
		srv.answer(last)
		srv.socket.ended = true
		r.settle()
		r.says(b, "select b")
		if told := strings.Join(r.log, "\n"); strings.Contains(told, "57P01") || strings.Contains(told, "08006") || a.gone || b.gone {
			t.Errorf("they are told\n%s", told)
		}
	}
}

// What a server reports while it rests its client is told at once; should it end then, the client is told what the next reports
// otherwise.
func TestWhatAServerReportsWhileItRests(t *testing.T) {
	r, srv, _, b := resting(t)
	told := func(what string) {
		t.Helper()
		if log := strings.Join(r.log, "\n"); !strings.Contains(log, "→ b  "+what) {
			t.Errorf("b is not told %s, but\n%s", what, log)
		}
		r.log = nil
	}
	srv.answer(pgwire.AppendParameterStatus(nil, "server_version", "14"))
	r.settle()
	told("server_version=14")
	srv.socket.ended = true
	r.settle()
	r.says(b, "select b")
	told("server_version=15")
}

// A client has drawn on one server, and then prepares what draws on another, by a name that is taken: whether it is has to be
// known first. The server discards its numbers once for that, and not again and again.
func TestNumbersAreDiscardedOnceWhereTheClientAwaitsThat(t *testing.T) {
	r := numbersRig(t, 1, 2)
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(a, "begin")
	r.says(b, "select b") // on the second server
	r.says(a, "Parse: s select nextval('x')", "Sync:", "commit")
	r.says(a, "insert into t values (1)")
	r.pass(time.Second)
	r.says(b, "begin")
	r.says(c, "begin") // on the first
	r.says(b, "select lastval()", "commit")
	r.pass(time.Second)
	s := r.servers[1]
	s.queries = nil
	r.says(a, "Parse: s select nextval('x')", "Sync:")
	s.mustHaveHeard("DISCARD SEQUENCES")
}
