package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/routing"
)

// splitRig is a rig with a primary and replicas of a pool whose reads are split from its writes; all have been probed.
func splitRig(t testing.TB, shards int, change func(*PoolConfig)) *rig {
	t.Helper()
	p := onePool(3)
	p.HiddenState, p.Split, p.ReadYourWrites, p.QueryWaitTimeout = true, true, true, 30*time.Second
	p.Upstreams = []Upstream{{Address: "one:5432"}, {Address: "two:5432"}, {Address: "three:5432"}}
	p.Health = routing.Settings{Passes: 1, Fails: 2, Interval: 2 * time.Second, MaxLag: 10 * time.Second, BreakerFails: 5, BreakerOpen: 10 * time.Second}
	p.Policy = new(routing.RoundRobin)
	if change != nil {
		change(&p)
	}
	r := newRig(t, shards, p)
	r.byUpstream, r.facts, r.suspects = true, plainFacts, [][]string{{"reads", "", "0"}}
	r.knows("select 1", "select 2", "select 3", "begin read only", "begin", "insert")
	r.probe("one", false, 100)
	r.probe("two", true, 100)
	r.probe("three", true, 100)
	return r
}

// plainFacts is what the grammar says of the texts of these tests.
func plainFacts(text string) *sql.Facts {
	switch _, text, _ = strings.Cut("*/ "+text, "*/ "); {
	case strings.HasPrefix(text, "select"), strings.HasPrefix(text, "show"):
		return &sql.Facts{Class: sql.ClassReads}
	case text == "begin read only":
		return &sql.Facts{Class: sql.ClassBeginsReadOnly}
	case text == "begin":
		return &sql.Facts{Class: sql.ClassBegins}
	}
	return &sql.Facts{}
}

// probe has a probe find what an upstream is, and up to where it has written or replayed.
func (r *rig) probe(name string, inRecovery bool, position routing.LSN) {
	r.Helper()
	r.report(routing.Report{Address: name + ":5432", InRecovery: inRecovery, Timeline: 1, System: 7, Position: position})
}

func (r *rig) report(q routing.Report) {
	r.Helper()
	if !q.InRecovery && q.Failed == "" {
		q.Mark = r.e.Mark()
	}
	r.e.Probed("app", r.now, q)
	r.settle()
}

// knows lets a text be known to the grammar.
func (r *rig) knows(texts ...string) {
	r.Helper()
	for _, l := range r.loops {
		for _, text := range texts {
			new(session.Client).Unit(l.shard.env, clientSays(text), new(session.SuspectList))
		}
	}
	r.settle()
}

// What reads goes to replicas in turn, what writes to the primary, and so does what nobody has looked at yet.
func TestReadsGoToReplicas(t *testing.T) {
	r := splitRig(t, 1, nil)
	r.note("the first to log in learns from the primary what clients are told")
	c := r.client("c")
	r.says(c, "select 1")
	r.says(c, "select 2")
	r.says(c, "insert")
	r.note("new to the grammar: it is taken for a write, once")
	d := r.client("d")
	r.says(d, "select new")
	r.says(d, "select new")
	r.note("a transaction goes to the primary from its first statement; one that is read only, to a replica")
	e := r.client("e")
	r.says(e, "begin", "select 1", "commit")
	f := r.client("f")
	r.says(f, "begin read only")
	r.says(f, "select 1")
	r.says(f, "commit")
	r.compare()
}

// After its write a session reads from the primary, until a replica has replayed what the primary had written after that.
func TestASessionReadsWhatItHasWritten(t *testing.T) {
	r := splitRig(t, 1, nil)
	c := r.client("c")
	r.says(c, "select 1")
	r.says(c, "insert")
	r.pass(50 * time.Millisecond) // its server rests with it for its numbers
	r.note("no replica is known to have it")
	r.says(c, "select 1")
	r.note("a sample asked for before the write does not count, nor does one that no replica has replayed")
	r.probe("two", true, 200)
	r.says(c, "select 2")
	r.probe("one", false, 300)
	r.says(c, "select 3")
	r.note("three has it, two has not")
	r.probe("two", true, 299)
	r.probe("three", true, 300)
	r.says(c, "select 1")
	r.says(c, "select 1")
	r.note("who has not written reads anywhere")
	d := r.client("d")
	r.says(d, "select 1")
	r.says(d, "select 1")
	r.compare()
}

// A write counts also where its server ends before it has left the client.
func TestAWriteWhoseServerEndsWhileItRests(t *testing.T) {
	r := splitRig(t, 1, nil)
	c := r.client("c")
	r.says(c, "insert") // the server rests with the client for its numbers
	r.servers[0].socket.ended = true
	r.settle()
	r.says(c, "select 1")
	if last := r.servers[len(r.servers)-1]; last.dialed.Upstream != "one:5432" || !slices.Contains(last.queries, "select 1") {
		t.Errorf("the read behind the write is sent to %s", last.dialed.Upstream)
	}
}

// So does one from before reads were split from writes.
func TestAWriteBeforeTheSplit(t *testing.T) {
	var split PoolConfig
	r := splitRig(t, 1, func(p *PoolConfig) { split = *p; p.Split = false })
	c := r.client("c")
	r.says(c, "insert")
	r.pass(50 * time.Millisecond)
	split.Policy = new(routing.RoundRobin)
	r.apply(split)
	r.says(c, "select 1")
	for _, srv := range r.servers {
		if srv.dialed.Upstream != "one:5432" && slices.Contains(srv.queries, "select 1") {
			t.Errorf("the read behind the write is sent to %s", srv.dialed.Upstream)
		}
	}
}

// Pipelined behind a read, a write waits for the answer, and then for the primary; answers come in order.
func TestAWriteBehindAReadInAPipeline(t *testing.T) {
	r := splitRig(t, 1, nil)
	c := r.client("c")
	r.says(c, "select 1", "insert", "select 2", "insert")
	r.note("by the extended protocol")
	r.knows("insert b")
	d := r.client("d")
	r.says(d, "Parse: a select 1", "Bind: a", "Execute:", "Sync:", "Parse: b insert b", "Bind: b", "Execute:", "Sync:", "Bind: a", "Execute:", "Sync:")
	r.note("in a transaction that reads only, Postgres refuses it")
	e := r.client("e")
	r.says(e, "begin read only", "select 1", "insert", "commit")
	r.compare()
}

// Without a replica that may serve them, reads go to the primary, or wait for one, as the configuration prefers.
func TestWhereReadsPreferToGo(t *testing.T) {
	for _, prefer := range []routing.Reads{routing.ReadsPreferReplica, routing.ReadsReplica, routing.ReadsPrimary, routing.ReadsAny} {
		t.Run(prefer.String(), func(t *testing.T) {
			r := splitRig(t, 1, func(p *PoolConfig) { p.Reads = prefer })
			c := r.client("c")
			r.says(c, "select 1", "select 1", "select 1")
			r.note("both replicas are lost")
			for range 2 {
				r.report(routing.Report{Address: "two:5432", Failed: "no answer"})
				r.report(routing.Report{Address: "three:5432", Failed: "no answer"})
			}
			r.says(c, "select 2")
			r.pass(time.Second)
			r.note("one is back")
			r.probe("three", true, 100)
			r.says(c, "select 3")
			r.compare()
		})
	}
}

// Reads that wait for a replica wait for query_wait_timeout, and are told why.
func TestReadsThatWaitForAReplicaInVain(t *testing.T) {
	r := splitRig(t, 1, func(p *PoolConfig) { p.Reads = routing.ReadsReplica })
	c := r.client("c")
	for range 2 {
		r.report(routing.Report{Address: "two:5432", Failed: "no answer"})
		r.report(routing.Report{Address: "three:5432", Failed: "no answer"})
	}
	r.wordy = true
	r.says(c, "select 1")
	r.pass(31 * time.Second)
	r.compare()
}

// When the primary fails, its idle servers are closed, reads go on, and writes wait for the next primary: trap 51.
func TestTrap51WritesWaitForTheNextPrimary(t *testing.T) {
	r := splitRig(t, 1, nil)
	c, d, amid := r.client("c"), r.client("d"), r.client("amid")
	r.says(amid, "begin")
	r.says(c, "insert")
	r.note("one fails: its servers at rest go, the transaction that runs there goes on")
	r.report(routing.Report{Address: "one:5432", Failed: "no answer"})
	r.report(routing.Report{Address: "one:5432", Failed: "no answer"})
	r.says(d, "select 1")
	r.says(c, "insert")
	r.says(amid, "insert")
	r.note("two is promoted")
	r.report(routing.Report{Address: "two:5432", Timeline: 2, System: 7, Position: 500})
	r.note("one returns, and claims to be what it was")
	r.says(amid, "commit")
	r.probe("one", false, 400)
	r.says(amid, "insert")
	r.says(c, "insert")
	r.note("three follows two")
	r.report(routing.Report{Address: "three:5432", InRecovery: true, Timeline: 2, System: 7, Position: 600})
	r.says(d, "select 2")
	r.compare()
}

// No primary in time: the client is told what is known of all upstreams, and goes on reading.
func TestWritesThatWaitForAPrimaryInVain(t *testing.T) {
	r := splitRig(t, 1, nil)
	c := r.client("c")
	r.report(routing.Report{Address: "one:5432", Failed: "no answer"})
	r.report(routing.Report{Address: "one:5432", Failed: "no answer"})
	r.wordy = true
	r.says(c, "insert")
	r.pass(31 * time.Second)
	r.says(c, "select 1")
	r.compare()
}

// A hint in a comment, or of the session, goes before what the statement does.
func TestHints(t *testing.T) {
	r := splitRig(t, 1, nil)
	r.knows("Query: /* route: primary */ select 1", "Query: /* route: replica */ call f()")
	c := r.client("c")
	r.says(c, "Query: /* route: primary */ select 1")
	r.says(c, "Query: /* route: replica */ call f()")
	d := r.client("d", Setting{"pgmux.route", "replica"})
	r.says(d, "insert")
	e := r.client("e", Setting{"pgmux.route", "primary"})
	r.says(e, "select 1")
	r.compare()
}

// What a replica has written counts: it has become the primary, and nobody has known that yet.
func TestAWriteOnAReplica(t *testing.T) {
	r := splitRig(t, 1, func(p *PoolConfig) { p.DeferBegin = true })
	r.knows("Query: /* route: replica */ insert")
	for name, says := range map[string][]string{
		"with a hint": {"Query: /* route: replica */ insert"}, "behind a read": {"begin", "select 1", "insert", "commit"},
	} {
		c := r.client("c")
		before := r.asked("select 3")
		for _, text := range says {
			r.says(c, text)
		}
		r.pass(50 * time.Millisecond) // its server rests with it for its numbers
		if r.says(c, "select 3"); r.asked("select 3") != before {
			t.Errorf("%s: the read behind it goes to a replica", name)
		}
	}
}

// A server that rests, whose upstream is the primary no longer, serves nobody, also before the shard has looked through those that rest.
func TestAServerThatRestsAsItsUpstreamIsReplaced(t *testing.T) {
	r := splitRig(t, 1, nil)
	c := r.client("c")
	r.says(c, "insert")
	r.pass(50 * time.Millisecond)
	r.e.Probed("app", r.now, routing.Report{Address: "two:5432", Timeline: 2, System: 7, Position: 500, Mark: r.e.Mark()})
	r.loops[0].woken = false // it takes its mail later
	c.in = append(c.in, clientSays("insert again")...)
	r.settle()
	r.loops[0].woken = true
	r.settle()
	for _, srv := range r.servers {
		if slices.Contains(srv.queries, "insert again") != (srv.dialed.Upstream == "two:5432" && srv == r.servers[len(r.servers)-1]) {
			t.Errorf("a server of %s is told %q", srv.dialed.Upstream, srv.queries)
		}
	}
}

// A client that listens has its transactions on the primary, whatever they are begun as: no replica listens.
func TestWhoListensHasItsTransactionsOnThePrimary(t *testing.T) {
	r := splitRig(t, 1, func(p *PoolConfig) { p.DeferBegin = true })
	r.knows("Query: /* route: replica */ begin")
	c := r.client("c")
	r.says(c, "listen x")
	for _, begin := range []string{"begin read only", "begin", "Query: /* route: replica */ begin"} {
		r.says(c, begin, "select 1", "commit")
	}
	r.says(c, "select 2")
	reads := 0
	for _, srv := range r.servers {
		replica := srv.dialed.Upstream != "one:5432"
		for _, text := range srv.queries {
			if replica && text == "select 2" {
				reads++
			} else if replica && text != suspectsQuestion {
				t.Errorf("%s is told %q", srv.dialed.Upstream, text)
			}
		}
	}
	if reads != 1 || c.gone {
		t.Errorf("%d reads at replicas, and the client is closed: %v", reads, c.gone)
	}
}

// shared is the clients of a splitRig of two shards and one server each, by shard; those of the second have a server of each replica.
func shared(t *testing.T) (r *rig, here, there []*rigSocket) {
	t.Helper()
	r = splitRig(t, 2, func(p *PoolConfig) { p.PoolSize = 1 })
	for _, name := range []string{"c", "d", "e", "f", "g", "h"} {
		c := r.client(name)
		if c.loop == r.loops[0] {
			here = append(here, c)
		} else {
			there = append(there, c)
		}
	}
	return r, here, there
}

// asked is how often replicas have been asked that.
func (r *rig) asked(text string) (n int) {
	for _, srv := range r.servers {
		for _, q := range srv.queries {
			if q == text && srv.dialed.Upstream != "one:5432" {
				n++
			}
		}
	}
	return n
}

// A read that is sent to a replica whose servers another shard has all taken, and finds one of the other replica at rest, is not lost.
func TestAReadThatSpillsAtOnce(t *testing.T) {
	r, here, there := shared(t)
	r.says(here[0], "select 1")
	r.says(there[0], "select 1")
	r.says(here[0], "begin read only")
	for range 4 {
		r.says(there[0], "select 2")
	}
	if n := r.asked("select 2"); n != 4 {
		t.Errorf("%d reads of 4 are answered", n)
	}
}

// Several that wait for the servers of two replicas, which rest on another shard, are not passed to and fro between the two.
func TestWaitersAreNotPassedToAndFro(t *testing.T) {
	r, here, there := shared(t)
	r.says(there[0], "select 1")
	r.says(there[0], "select 1")
	for _, c := range here {
		c.in = append(c.in, clientSays("select 2")...)
	}
	r.settle()
	r.pass(time.Second)
	if n := r.asked("select 2"); n != len(here) {
		t.Errorf("%d reads of %d are answered", n, len(here))
	}
}

// Several primaries, or replicas alone, share all transactions.
func TestTransactionsAreBalanced(t *testing.T) {
	for _, role := range []Role{RolePrimary, RoleReplica} {
		t.Run(role.String(), func(t *testing.T) {
			p := onePool(2)
			p.Upstreams = []Upstream{{Address: "one:5432", Role: role}, {Address: "two:5432", Role: role}}
			p.Policy = new(routing.RoundRobin)
			r := newRig(t, 1, p)
			r.byUpstream = true
			c, d := r.client("c"), r.client("d")
			for range 4 {
				r.says(c, "select 1")
			}
			r.note("where all of one are taken, the other serves")
			r.says(c, "begin")
			r.says(d, "begin")
			e, f := r.client("e"), r.client("f")
			r.says(e, "begin")
			r.says(f, "begin")
			r.says(d, "commit")
			r.says(d, "begin")
			r.within(4)
			r.compare()
		})
	}
}

// max_waiting_clients bounds those who wait for any upstream, not those of each.
func TestMaxWaitingClientsOfSeveralUpstreams(t *testing.T) {
	p := onePool(1)
	p.MaxWaitingClients = 1
	p.Upstreams = []Upstream{{Address: "one:5432", Role: RolePrimary}, {Address: "two:5432", Role: RolePrimary}}
	p.Policy = new(routing.RoundRobin)
	r := newRig(t, 1, p)
	r.byUpstream = true
	a, b, c, d := r.client("a"), r.client("b"), r.client("c"), r.client("d")
	r.says(a, "begin")
	r.says(b, "begin")
	r.note("c waits, and d is one too many, wherever it would wait")
	r.says(c, "select c")
	r.says(d, "select d", "select d")
	r.note("there is room again")
	r.says(a, "commit")
	r.says(d, "select d")
	r.compare()
}

// Failure after failure opens the breaker: clients are told at once, until one connection, tried later, is made.
func TestTheCircuitBreaker(t *testing.T) {
	p := onePool(2)
	p.QueryWaitTimeout = time.Minute
	p.Health = routing.Settings{BreakerFails: 3, BreakerOpen: 10 * time.Second}
	r := newRig(t, 1, p)
	c, d := r.client("c"), r.client("d")
	r.servers[0].socket.ended = true
	r.settle()
	r.wordy = true
	r.refuse = &Refusal{SQLState: "08006", Message: "connection refused"}
	r.note("two failures: who asks waits")
	r.says(c, "select 1")
	r.pass(1500 * time.Millisecond)
	r.note("the third opens it, for who waits and for who comes")
	r.pass(3 * time.Second)
	r.says(d, "select 2")
	r.note("half open, one is tried, and fails")
	r.pass(10 * time.Second)
	r.says(c, "select 3")
	r.says(d, "select 4")
	r.note("half open again, and Postgres is there")
	r.refuse = nil
	r.pass(30 * time.Second)
	r.says(c, "select 5")
	r.says(d, "select 6")
	r.compare()
}

// Where a transaction goes is decided without an allocation.
func TestRoutingDoesNotAllocate(t *testing.T) {
	for name, policy := range policies() {
		s, c, data := routing1(t, policy)
		if n := testing.AllocsPerRun(1000, func() {
			c.want = s.wanted(c, data)
			if s.route(c) == s.pools[c.pool] {
				t.Fatal("a read goes to the primary")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func policies() map[string]routing.Policy {
	return map[string]routing.Policy{
		"round_robin": new(routing.RoundRobin), "least_conn": routing.LeastConn{}, "random": routing.Random{}, "first": routing.First{},
		"weighted_round_robin": new(routing.WeightedRoundRobin), "peak_ewma": routing.PeakEWMA{}, "hash": &routing.Hash{Source: routing.KeyUser},
	}
}

// routing1 is a client of a pool that splits reads from writes, and a query of it that reads.
func routing1(t testing.TB, policy routing.Policy) (*Shard, *client, []byte) {
	t.Helper()
	r := splitRig(t, 1, func(p *PoolConfig) { p.Policy = policy })
	socket := r.client("c")
	r.knows("select a, b, c from table_of_some_length where id = 1 and other > 2 order by a limit 10")
	s := r.loops[0].shard
	return s, s.client(socket.id.Slot()), clientSays("select a, b, c from table_of_some_length where id = 123 and other > 456 order by a limit 10")
}

// BenchmarkRoute is the whole decision for a simple query: reading its text, finding what is known of it, choosing among two
// replicas.
func BenchmarkRoute(b *testing.B) {
	for name, policy := range policies() {
		b.Run(name, func(b *testing.B) {
			s, c, data := routing1(b, policy)
			b.ReportAllocs()
			for b.Loop() {
				c.want = s.wanted(c, data)
				s.route(c)
			}
		})
	}
}

// BenchmarkPick is the choice alone.
func BenchmarkPick(b *testing.B) {
	for name, policy := range policies() {
		b.Run(name, func(b *testing.B) {
			s, c, data := routing1(b, policy)
			c.want = s.wanted(c, data)
			b.ReportAllocs()
			for b.Loop() {
				s.route(c)
			}
		})
	}
}

// Who is sent to an upstream of which other event loops have all servers, and finds one at rest beside it, has said what it wants
// only once.
func TestAQueryThatFindsAServerBeside(t *testing.T) {
	p := onePool(1)
	p.Upstreams = []Upstream{{Address: "one:5432", Role: RolePrimary}, {Address: "two:5432", Role: RolePrimary}}
	p.Policy = new(routing.RoundRobin)
	r := newRig(t, 2, p)
	r.byUpstream, r.quiet = true, true
	var holder *rigSocket
	for at := range 8 { // over both loops
		c := r.client(fmt.Sprint("c", at))
		r.says(c, "select 1")
		if holder == nil {
			r.says(c, "begin")
			holder = c
		}
		for n := range 4 {
			before := len(r.log)
			r.quiet = false
			r.says(c, "select 2")
			r.quiet = true
			if said := strings.Join(r.log[before:], "\n"); !strings.Contains(said, "ready") {
				t.Fatalf("query %d of client %d is answered:\n%s", n, at, said)
			}
		}
	}
}
