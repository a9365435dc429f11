package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// What the simulated worlds have found, as conversations.

// One server is left for the clients: a listener does not take the last permit, and who listens is closed, for it would be
// told nothing.
func TestTheListenerLeavesAServer(t *testing.T) {
	p := onePool(2)
	p.MaxServerConnections, p.ServerConnectTimeout = 1, 5*time.Second
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "listen x")
	r.note("b is served")
	r.says(b, "one")
	r.note("and a is told")
	r.pass(time.Second)
	r.within(1)
	r.compare()
}

// An upstream that is for nobody, because another is declared the primary, has no room for a listener either.
func TestNoRoomForTheListenerAtThePrimary(t *testing.T) {
	p := onePool(2)
	p.Upstreams = []Upstream{
		{Address: "one:5432", Role: RolePrimary, MaxServerConnections: 1}, {Address: "two:5432", MaxServerConnections: 5},
	}
	p.ServerConnectTimeout = 5 * time.Second
	r := newRig(t, 1, p)
	r.quiet = true
	a, b := r.client("a"), r.client("b")
	r.says(a, "listen x")
	r.says(b, "one")
	r.pass(time.Second)
	if !a.gone || b.gone {
		t.Errorf("a second later: who listens is gone %v, another %v", a.gone, b.gone)
	}
}

// Where Postgres has no connection for a listener, who listens is closed after server_connect_timeout.
func TestNoListenerCanBeHad(t *testing.T) {
	p := onePool(2)
	p.ServerConnectTimeout = 5 * time.Second
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "one")
	r.refuse = &Refusal{SQLState: "53300", Message: "sorry, too many clients already"}
	r.says(a, "listen x")
	r.says(b, "one")
	r.note("a is closed, and told why")
	r.log = nil
	r.pass(6 * time.Second)
	if told := strings.Join(r.log, "\n"); !a.gone || b.gone || !strings.Contains(told, "FATAL 08006") {
		t.Errorf("after server_connect_timeout: a is gone %v, b %v\n%s", a.gone, b.gone, told)
	}
}

// A listener that nobody needs makes room for others at once.
func TestAListenerThatNobodyNeeds(t *testing.T) {
	p := onePool(2)
	p.MaxServerConnections, p.ServerIdleTimeout = 2, 0
	r := newRig(t, 1, p)
	a := r.client("a")
	r.says(a, "listen x", "unlisten x")
	b, c := r.client("b"), r.client("c")
	r.says(b, "begin")
	r.note("c needs the place of the listener")
	r.says(c, "begin")
	r.pass(20 * time.Millisecond)
	r.within(2)
	r.compare()
}

// What the listener is to be told is kept once, however long there is none.
func TestWhatAListenerIsToBeToldIsBounded(t *testing.T) {
	p := onePool(2)
	p.MaxServerConnections, p.ServerConnectTimeout = 1, time.Second
	r := newRig(t, 1, p)
	r.quiet = true
	for i := range 50 {
		a := r.client(fmt.Sprint("a", i))
		r.says(a, "listen x;listen y;listen z")
		r.pass(time.Second)
		if !a.gone {
			t.Fatal("a client waits for ever")
		}
	}
	if p := r.loops[0].shard.pools[0]; p.listener != nil && len(p.listener.next)+len(p.listener.wanted) > 0 || len(p.hub.channels) > 0 {
		t.Errorf("left are %d statements, %v and %v", len(p.listener.next), p.listener.wanted, p.hub.channels)
	}
}

// A Parse that has to wait for the channels that were put on its server goes on when they are there.
func TestAParseBehindChannels(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.says(a, "listen x")
	r.log = nil
	parse := func(text string) []byte { return pgwire.AppendParse(nil, []byte("s"), []byte(text), []byte{0, 0}) }
	a.in = append(append(a.in, parse("unlisten x")...), frame(pgwire.Sync)...)
	r.settle()
	a.in = append(append(a.in, parse("unlisten x")...), frame(pgwire.Sync)...)
	r.settle() // or there is no end of it
	if told := strings.Join(r.log, "\n"); strings.Count(told, "ready I") != 2 {
		t.Errorf("a is told\n%s", told)
	}
}

// What a client says while its server is asked what it listens to is not forgotten where the server stays with the client.
func TestMoreIsSaidWhileAskedAboutChannels(t *testing.T) {
	for turns := range 12 {
		r := newRig(t, 1, onePool(1))
		a := r.client("a")
		r.says(a, "create temp table t ()", "listen x")
		r.log = nil
		a.in = append(a.in, clientSays("unlisten x")...)
		for range turns {
			r.loops[0].turn()
			for _, srv := range r.servers {
				srv.serve()
			}
		}
		r.says(a, "more")
		if told := strings.Join(r.log, "\n"); strings.Count(told, "ready I") != 2 {
			t.Errorf("it says more in turn %d, and is told\n%s", turns, told)
		}
	}
}

// A client that ends its half of the connection while the end of its transaction waits for the listener is told it.
func TestListenOfAHalfClosedClient(t *testing.T) {
	for turns := range 12 {
		r := newRig(t, 1, onePool(1))
		a := r.client("a")
		r.log = nil
		a.in = append(a.in, clientSays("listen x")...)
		for range turns {
			r.loops[0].turn()
			for _, srv := range r.servers {
				srv.serve()
			}
		}
		r.endsHalf(a)
		if told := strings.Join(r.log, "\n"); strings.Count(told, "ready I") != 1 || !a.gone {
			t.Errorf("its end comes in turn %d, and it is told\n%s", turns, told)
		}
	}
}

// A batch is told to be over before the next one listens, though what listens has been sent.
func TestListenBehindABatch(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.log = nil
	say := func(text string) {
		a.in = pgwire.AppendParse(a.in, nil, []byte(text), []byte{0, 0})
		a.in = append(a.in, frame(pgwire.Sync)...)
		a.in = pgwire.AppendPlainBind(a.in, nil, nil)
		a.in = pgwire.AppendExecute(a.in, nil)
		a.in = append(a.in, frame(pgwire.Sync)...)
	}
	say("listen x")
	r.settle()
	if told := strings.Join(r.log, "\n"); strings.Count(told, "ready I") != 2 {
		t.Errorf("a is told\n%s", told)
	}
}

// Two clients that notify by one server one after the other: neither takes the other's for its own, and each knows its own again
// where it has heard that.
func TestWhoHasNotified(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.says(a, "listen x")
	r.says(b, "listen y")
	for range 3 {
		r.log = nil
		r.says(a, "notify x own")
		r.says(b, "notify y own")
		told := strings.Join(r.log, "\n")
		for _, c := range []*rigSocket{a, b} {
			s := c.loop.shard
			if own := fmt.Sprintf("of %d", s.pid(s.client(c.id.Slot()))); !strings.Contains(told, own) {
				t.Errorf("%s is not told that it was itself, %s:\n%s", c.name, own, told)
			}
		}
	}
}

// A client whose batch was answered in part and then refused is between transactions again, and is told what comes at once.
func TestNotificationsBehindARefusedBatch(t *testing.T) {
	p := onePool(1)
	p.QueryWaitTimeout = time.Second
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "listen x")
	parse := func(name string) []byte {
		return pgwire.AppendParse(nil, []byte(name), []byte("select 1"), []byte{0, 0})
	}
	sync := frame(pgwire.Sync)
	a.in = append(append(a.in, parse("one")...), sync...)
	r.settle()
	r.says(b, "begin")
	r.log = nil
	a.in = append(append(append(a.in, parse("two")...), frame(pgwire.Execute, "\x00\x00\x00\x00\x00")...), sync...)
	r.settle()
	r.pass(2 * time.Second)
	if told := strings.Join(r.log, "\n"); !strings.Contains(told, "→ a  1") || !strings.Contains(told, "08006") || !strings.Contains(told, "ready I") {
		t.Fatalf("the batch of a was to be refused; it was told\n%s", told)
	}
	r.log = nil
	r.says(b, "notify x hello", "commit")
	if told := strings.Join(r.log, "\n"); !strings.Contains(told, "→ a  x \"\\x00hello\"") {
		t.Errorf("a is told\n%s", told)
	}
}

// A connection for a listener that is made for a shard that has crashed meanwhile, of a pool that is gone meanwhile, is closed.
func TestAListenerIsHadWhenAllIsGone(t *testing.T) {
	r := newRig(t, 1, onePool(2))
	r.quiet = true
	a := r.client("a")
	r.says(a, "select a")
	r.holdDials = true
	r.says(a, "listen x")
	if len(r.dials) != 1 {
		t.Fatalf("%d connections are being made", len(r.dials))
	}
	r.loops[0].crash()
	r.apply()
	r.holdDials = false
	r.settle()
	if last := r.servers[len(r.servers)-1].socket; !last.gone {
		t.Error("it is kept")
	}
}
