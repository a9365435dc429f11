package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// query_timeout cancels a query that runs so long, and says so in place of Postgres, which thinks a user has asked for it;
// the session goes on. All else that Postgres says is passed on word for word.
func TestQueryTimeout(t *testing.T) {
	p := onePool(1)
	p.QueryTimeout = 10 * time.Second
	r := newRig(t, 1, p)
	r.wordy = true
	a := r.client("a")
	r.note("at the limit")
	r.says(a, "hang")
	r.pass(10*time.Second - 1)
	r.note("past it")
	r.pass(1)
	r.note("in a transaction, which has failed then, as Postgres says")
	r.says(a, "begin", "hang")
	r.pass(10 * time.Second)
	r.says(a, "commit")
	r.note("each query has its own time: 6 s and 6 s in a pipeline")
	srv := r.servers[0]
	r.says(a, "hang", "hang")
	for range 2 {
		r.pass(6 * time.Second)
		srv.hanging = false
		srv.answer(frame(pgwire.CommandComplete, "DONE\x00"), srv.ready())
		r.settle()
	}
	r.note("Postgres has a timeout of its own, which comes first, and the next query is the client's to cancel")
	r.says(a, "hang")
	srv.hanging = false
	srv.fail("57014", "canceling statement due to statement timeout")
	r.settle()
	r.says(a, "hang")
	r.e.Cancel(a.pid(), []byte{0, 0, 0, 7})
	r.settle()
	r.note("nothing is left of it")
	r.says(a, "row")
	r.pass(time.Minute)
	r.within(1)
	r.compare()
}

// What goes ahead of a query to make the session its client's is not what it cancels.
func TestQueryTimeoutMeetsNothingOfOurs(t *testing.T) {
	p := onePool(1)
	p.QueryTimeout = 10 * time.Second
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "set work_mem to 1")
	r.says(b, "select b")
	r.says(a, "select a") // so that such a session is known to be taken
	r.says(b, "select b")
	r.mutesAt = "SELECT pg_catalog.set_config("
	r.says(a, "select a")
	r.pass(11 * time.Second)
	if len(r.cancels) > 0 || strings.Contains(strings.Join(r.log, "\n"), "cancel") {
		t.Errorf("it is cancelled: %v", r.log)
	}
	r.pass(cancelGrace)
	if told := strings.Join(r.log, "\n"); !a.gone || !strings.Contains(told, "s1 closed") {
		t.Errorf("where that never ends, a and its server are closed; %s", told)
	}
}

// A query that ends by itself while its cancel is on its way: what the client says next is not what it is for, and waits.
func TestQueryTimeoutMeetsNoOtherQuery(t *testing.T) {
	p := onePool(2)
	p.QueryTimeout = 10 * time.Second
	r := newRig(t, 1, p)
	r.wordy, r.holdCancels = true, true
	a := r.client("a")
	r.says(a, "begin", "hang")
	r.pass(10 * time.Second)
	srv := r.servers[0]
	r.note("it ends, and the transaction goes on when the cancel has been delivered")
	srv.hanging = false
	srv.answer(frame(pgwire.CommandComplete, "DONE\x00"), srv.ready())
	r.settle()
	r.says(a, "select a")
	if n := len(srv.queries); n != 2 {
		t.Fatalf("%d queries have reached the server", n)
	}
	r.holdCancels = false
	r.settle()
	r.note("an error of the same code that comes later has other reasons")
	r.says(a, "hang")
	r.e.Cancel(a.pid(), []byte{0, 0, 0, 7})
	r.settle()
	r.says(a, "commit")
	r.note("outside a transaction the client gets another server meanwhile")
	r.holdCancels = true
	r.says(a, "hang")
	r.pass(10 * time.Second)
	srv.hanging = false
	srv.answer(frame(pgwire.CommandComplete, "DONE\x00"), srv.ready())
	r.settle()
	r.says(a, "select a")
	r.holdCancels = false
	r.settle()
	r.compare()
}

// Where the cancel does not help, client and server are closed after cancelGrace.
func TestQueryTimeoutIsNotHeard(t *testing.T) {
	p := onePool(1)
	p.QueryTimeout = 10 * time.Second
	r := newRig(t, 1, p)
	r.wordy = true
	a, b := r.client("a"), r.client("b")
	r.says(a, "hang")
	r.servers[0].deaf = true
	r.says(b, "select b")
	r.pass(10*time.Second + cancelGrace - 1)
	r.note("5 s after the cancel; b gets another server when Postgres has had a moment to end the first")
	r.pass(1)
	r.pass(closeUnheard)
	if len(r.notices) != 1 || r.notices[0].Level != Warn {
		t.Errorf("%+v", r.notices)
	}
	r.note("a COPY that waits for its client's data runs; a client in mid-message is closed without a word")
	r.says(b, "copy", "CopyData: 1")
	r.servers[1].answer([]byte("D\x00\x00\x00\x30half"))
	r.pass(10*time.Second + cancelGrace)
	r.pass(closeUnheard)
	r.within(1)
	r.compare()
}

// transaction_timeout ends a client whose transaction is open so long, whatever it does; the server is cleaned and used
// again. The first statement counts.
func TestTransactionTimeout(t *testing.T) {
	p := onePool(1)
	p.TransactionTimeout = time.Minute
	r := newRig(t, 1, p)
	r.wordy = true
	a, b, c, d := r.client("a"), r.client("b"), r.client("c"), r.client("d")
	r.note("a rests in it, and is at the limit")
	r.says(a, "begin")
	r.pass(30 * time.Second)
	r.says(a, "select a")
	r.pass(30*time.Second - 1)
	r.note("past it; b has waited")
	r.says(b, "begin", "hang")
	r.pass(1)
	r.note("b's query runs in it: it is cancelled")
	r.says(c, "Parse:  select c", "Bind:", "Raw: H\x00\x00\x00\x04")
	r.pass(time.Minute)
	r.note("c's batch is open")
	r.pass(time.Minute)
	r.note("one transaction after the other is no long one")
	for range 3 {
		r.pass(25 * time.Second)
		r.says(d, "begin", "select d", "commit")
	}
	r.within(1)
	r.compare()
}

// idle_transaction_timeout ends a client that lets a transaction rest, and tells operators what it did last.
func TestIdleTransactionTimeout(t *testing.T) {
	p := onePool(1)
	p.IdleTransactionTimeout = 20 * time.Second
	r := newRig(t, 1, p)
	r.wordy = true
	a, b := r.client("a"), r.client("b")
	r.note("a works on, then rests, and is at the limit")
	r.says(a, "begin")
	r.pass(15 * time.Second)
	r.says(a, "hang")
	r.pass(time.Minute)
	r.servers[0].hanging = false
	r.servers[0].answer(frame(pgwire.CommandComplete, "DONE\x00"), r.servers[0].ready())
	r.settle()
	r.says(b, "begin")
	r.pass(20*time.Second - 1)
	r.note("what Postgres says unasked does not count")
	r.servers[0].answer(frame(pgwire.ParameterStatus, "TimeZone\x00CET\x00"))
	r.settle()
	r.note("past it; b has waited, and its transaction fails")
	r.pass(1)
	r.says(b, "nonsense")
	r.pass(20 * time.Second)
	r.note("outside a transaction nobody is closed")
	c := r.client("c")
	r.says(c, "select c")
	r.pass(time.Minute)
	r.compare()
	want := Notice{Level: Warn, Pool: "app", Database: "db", User: "u", Upstream: "pg:5432", Address: "client:1", Statement: "hang",
		Elapsed: 20 * time.Second}
	if len(r.notices) != 2 {
		t.Fatalf("%d notices", len(r.notices))
	}
	got := r.notices[0]
	want.Message, want.Cause = got.Message, got.Cause
	if got.Stack != nil || !strings.Contains(got.Message, "idle_transaction_timeout") {
		t.Errorf("%+v", got)
	}
	if got.Level != want.Level || got.Pool != want.Pool || got.Database != want.Database || got.User != want.User || got.Upstream != want.Upstream ||
		got.Address != want.Address || got.Statement != want.Statement || got.Elapsed != want.Elapsed {
		t.Errorf("operators are told\n%+v, not\n%+v", got, want)
	}
	if r.notices[1].Statement != "nonsense" {
		t.Errorf("%+v", r.notices[1])
	}
}

// What is logged as the last statement: of a simple query, a Parse, a Bind of something prepared before; not longer than
// 1 KiB, without passwords, and never another client's.
func TestTheLastStatement(t *testing.T) {
	p := onePool(1)
	p.IdleTransactionTimeout = 20 * time.Second
	r := newRig(t, 1, p)
	r.quiet = true
	long := strings.Repeat("é", 600)
	for _, c := range []struct {
		says []string
		want string
	}{
		{[]string{"begin"}, "begin"},
		{[]string{"begin", "Raw: " + string(frame(pgwire.Parse, "\x00select 1\x00\x00\x00")), "Bind:", "Execute:", "Sync:"}, "select 1"},
		{[]string{"Parse: s select $1", "Sync:", "begin", "Bind: s", "Execute:", "Sync:"}, "select $1"},
		{[]string{"begin", "Parse: s select 2", "Raw: H\x00\x00\x00\x04"}, "select 2"},
		{[]string{"begin", long}, strings.Repeat("é", 512)},
		{[]string{"begin", "x" + long}, "x" + strings.Repeat("é", 511) + "�"},
		{[]string{"begin", "ALTER ROLE bob PASSWORD 'secret'"}, "ALTER ROLE bob PASSWORD …"},
		{[]string{"begin", "create user bob encrypted password\n$a$secret$a$; select 1"}, "create user bob encrypted password …"},
	} {
		r.notices = nil
		a := r.client("a")
		r.says(a, c.says...)
		r.pass(20 * time.Second)
		if len(r.notices) != 1 || r.notices[0].Statement != c.want {
			t.Errorf("after %q the last statement is %+v", c.says, r.notices)
		}
	}
	r.note("without the timeout nothing is kept")
	r.apply(onePool(1))
	b := r.client("b")
	r.says(b, "begin", "select 'private'")
	if n := len(r.e.Shard(0).slots.servers[0].Last()); n != 0 {
		t.Errorf("%d bytes are kept", n)
	}
}

// Timeouts are live: those that become shorter, or begin, count for what runs already; those that end do not.
func TestTimeoutsAreReloaded(t *testing.T) {
	p := onePool(2)
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "hang")
	r.says(b, "begin")
	r.pass(time.Minute)
	r.note("after a minute both get a timeout of two")
	p.QueryTimeout, p.IdleTransactionTimeout = 2*time.Minute, 2*time.Minute
	r.apply(p)
	r.pass(time.Minute - 1)
	r.pass(1)
	r.note("a timer that is set does nothing when the timeout is gone")
	r.says(a, "begin", "hang")
	r.pass(time.Minute)
	r.apply(onePool(2))
	r.pass(time.Hour)
	r.compare()
	if n := r.e.Shard(0).timers.Len(); n > 5 {
		t.Errorf("%d timers are left", n)
	}
}

// A server has one timer, however many queries it runs, and however often it changes its client.
func TestOneTimerForAServer(t *testing.T) {
	p := onePool(1)
	p.QueryTimeout, p.TransactionTimeout, p.IdleTransactionTimeout = time.Minute, 2*time.Minute, time.Hour
	r := newRig(t, 1, p)
	r.quiet = true
	a, b := r.client("a"), r.client("b")
	before := r.e.Shard(0).timers.Len()
	for range 1000 {
		r.says(a, "select a")
		r.says(b, "begin", "commit")
		r.now += int64(time.Second)
	}
	if n := r.e.Shard(0).timers.Len(); n > before+1 {
		t.Errorf("%d timers, and before the queries there were %d", n, before)
	}
}

// The timeouts cost a query no memory, with the text of the last statement too.
func TestNoAllocationWithTimeouts(t *testing.T) {
	h := &benchHost{}
	e := New(1, h)
	h.e = e
	b := &bench{shard: e.Shard(0), now: 1}
	b.shard.Bind(benchDriver{})
	p := onePool(3)
	p.QueryTimeout, p.TransactionTimeout, p.IdleTransactionTimeout, p.ClientIdleTimeout = time.Second, time.Minute, time.Minute, time.Minute
	e.Apply(&Config{Pools: []PoolConfig{p}})
	for range 10 {
		b.attach(t, e)
	}
	for i, c := range b.clients {
		if i == 0 {
			b.ask(t, c, prepare, prepareAnswer)
			continue
		}
		b.turn(loop.Event{Kind: loop.Received, Conn: c, Data: prepare})
	}
	i := 0
	mustNotAllocate(t, func() {
		i++
		b.now += int64(time.Millisecond)
		b.ask(t, b.clients[i%10], simpleQuery, simpleAnswer)
		b.ask(t, b.clients[i%10], execute, executeAnswer)
		b.ask(t, b.clients[i%10], unnamed, unnamedAnswer)
	})
}

// What Postgres itself says as it ends a session reaches the client word for word (trap 52), also where the pool has
// timeouts of the same codes.
func TestTrap52FatalsOfPostgres(t *testing.T) {
	p := onePool(1)
	p.QueryTimeout, p.TransactionTimeout, p.IdleTransactionTimeout, p.ClientIdleTimeout = time.Minute, time.Minute, time.Minute, time.Minute
	r := newRig(t, 1, p)
	r.wordy = true
	for _, last := range []struct{ code, words string }{
		{"57P05", "terminating connection due to idle-session timeout"},
		{"25P03", "terminating connection due to idle-in-transaction timeout"},
		{"25P04", "terminating connection due to transaction timeout"},
		{"57014", "canceling authentication due to timeout"},
		{"57P01", "terminating connection due to administrator command"},
	} {
		a := r.client("a")
		r.says(a, "begin")
		srv := r.servers[len(r.servers)-1]
		srv.answer(pgwire.AppendError(nil, "FATAL", last.code, last.words, "Postgres's own detail", ""))
		r.settle()
		srv.socket.ended = true
		r.settle()
		r.pass(closeTimeout)
	}
	r.compare()
}

// So they do where the server is asked, or told, something of ours at that moment.
func TestTrap52FatalsAmidOurQuestions(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	end := func() {
		r.Helper()
		srv := r.servers[len(r.servers)-1]
		srv.answer(pgwire.AppendError(nil, "FATAL", "57P01", "terminating connection due to administrator command", "", ""))
		r.settle()
		srv.socket.ended = true
		r.settle()
		r.pass(closeTimeout)
	}
	mute := func() { r.servers[len(r.servers)-1].mute = true }
	r.note("what has a left in its session?")
	a, b := r.client("a"), r.client("b")
	a.in = append(a.in, clientSays("set search_path = a")...)
	for !strings.Contains(r.log[len(r.log)-1], "SELECT ''") {
		for _, l := range r.loops {
			l.turn()
		}
		for _, srv := range r.servers {
			if !strings.Contains(string(srv.in), "SELECT ''") {
				srv.serve()
			}
		}
	}
	mute()
	end()
	r.note("the settings of a go ahead of its query")
	a = r.client("a")
	r.says(a, "set search_path = a")
	r.says(b, "select b")
	r.says(a, "select a")
	r.says(b, "select b")
	mute()
	r.says(a, "select a")
	end()
	r.compare()
}
