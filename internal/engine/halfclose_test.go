package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// A client that ends its half of the connection is answered what it has asked before; one that has vanished, which looks the
// same, has its query cancelled as soon as it is found out.
func TestHalfClosedClients(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	says := func(c *rigSocket, messages ...string) {
		for _, m := range messages {
			c.in = append(c.in, clientSays(m)...)
		}
	}
	r.note("at rest: it leaves")
	a := r.client("a")
	r.says(a, "select a")
	r.endsHalf(a)
	r.note("behind queries, of which one is behind a transaction that stays open")
	b := r.client("b")
	says(b, "select b", "begin", "select b")
	r.endsHalf(b)
	r.note("behind a batch that is flushed; it never ends, and is undone")
	c := r.client("c")
	says(c, "Parse:  select c", "Bind:", "Execute:", "Raw: H\x00\x00\x00\x04")
	r.endsHalf(c)
	r.note("behind one that is not: it never began")
	d := r.client("d")
	says(d, "Parse:  select d", "Bind:", "Execute:")
	r.endsHalf(d)
	r.note("amid a message")
	e := r.client("e")
	says(e, "select e", "Raw: Q\x00\x00\x00\x10sel")
	r.endsHalf(e)
	r.note("behind a COPY that is over, and amid one that is not")
	f, g := r.client("f"), r.client("g")
	says(f, "copy", "CopyData: 1", "CopyDone:")
	r.endsHalf(f)
	r.says(g, "copy", "CopyData: 1")
	r.endsHalf(g)
	r.note("while it waits for a server: h is served, what i wants is never done")
	h, i, j := r.client("h"), r.client("i"), r.client("j")
	r.says(j, "begin")
	r.says(h, "select h")
	r.endsHalf(h)
	r.says(i, "Parse:  select i", "Bind:", "Execute:")
	r.endsHalf(i)
	r.says(j, "commit")
	r.compare()
}

// One that listens is told that its transaction is over also where it ends its half just then: while a cancel is on its way to its server,
// which may not be asked meanwhile, and while the session is asked about something else than channels.
func TestWhoListensAndEndsItsHalf(t *testing.T) {
	for name, amid := range map[string]func(*rig, *rigSocket) (goesOn func()){
		"a cancel is on its way": func(r *rig, c *rigSocket) func() {
			r.holdCancels, r.servers[0].mute = true, true
			r.says(c, "listen x")
			r.e.Cancel(c.pid(), []byte{0, 0, 0, 7})
			r.settle()
			r.servers[0].mute = false
			r.settle()
			return func() { r.holdCancels = false }
		},
		"the session is asked": func(r *rig, c *rigSocket) func() {
			r.mutesAt, r.holdDials = "SELECT '';", true
			r.says(c, "listen x;set a to 1")
			return func() { r.mutesAt, r.servers[0].mute, r.holdDials = "", false, false }
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, onePool(1))
			c := r.client("c")
			goesOn := amid(r, c)
			r.endsHalf(c)
			r.log = nil
			goesOn()
			r.settle()
			if told := strings.Join(r.log, "\n"); !strings.Contains(told, "ready I") {
				t.Errorf("it is not told that its transaction is over:\n%s", told)
			}
		})
	}
}

func TestKnockingAtHalfClosedClients(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	srv := func() *rigServer { return r.servers[len(r.servers)-1] }
	r.note("a listens: it is knocked at until its answer comes")
	a := r.client("a")
	r.says(a, "hang")
	r.endsHalf(a)
	r.pass(knockEvery - 1)
	r.pass(1)
	r.pass(knockEvery)
	srv().hanging = false
	srv().answer(frame('C', "HANGED\x00"), srv().ready())
	r.settle()
	r.note("b has vanished: its query is cancelled, its transaction rolled back, the server is c's")
	b, c := r.client("b"), r.client("c")
	r.says(b, "begin", "hang")
	r.says(c, "select c")
	r.vanishes(b)
	r.pass(knockEvery)
	r.note("d vanishes while it waits, e too, having said Terminate")
	d, e := r.client("d"), r.client("e")
	r.says(c, "begin")
	r.says(d, "select d")
	r.says(e, "commit", "Terminate:")
	r.vanishes(d)
	r.vanishes(e)
	r.pass(time.Minute)
	r.says(c, "commit")
	r.note("f would be knocked at in the middle of a message")
	f := r.client("f")
	srv().mute = true
	r.says(f, "row")
	srv().answer(frame('D', "\x00\x00\x00\x00")[:5])
	r.settle()
	r.vanishes(f)
	r.pass(2 * knockEvery)
	srv().answer([]byte("\x00\x00"))
	r.settle()
	r.compare()
}

// What is no message ends the connection behind the answers to what came before it.
func TestWhatIsNoMessage(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	says := func(c *rigSocket, messages ...string) {
		for _, m := range messages {
			c.in = append(c.in, clientSays(m)...)
		}
		r.settle()
	}
	r.note("of no known type: while it rests, in a transaction, and behind what the server has not answered, which it ends")
	says(r.client("a"), "Raw: !\x00\x00\x00\x04")
	b := r.client("b")
	says(b, "begin")
	says(b, "Raw: !\x00\x00\x00\x04")
	says(r.client("c"), "select c", "Parse:  select c", "Raw: !\x00\x00\x00\x04", "select never")
	r.servers[0].answer(frame('E', "SFATAL\x00VFATAL\x00C08P01\x00Minvalid frontend message type 33\x00\x00"))
	r.servers[0].socket.ended = true
	r.settle()
	r.note("of a length that cannot be: behind a query it is answered, and then nothing")
	d := r.client("d")
	says(d, "select d", "Raw: Q\x00\x00\x00\x03", "select never")
	says(d, "select never")
	r.compare()
}

// A replication client's server is told that no more comes, and answers; one that says nothing is not waited for.
func TestHalfClosedReplication(t *testing.T) {
	r := newRig(t, 1, sessionPool(3))
	r.note("its answer comes, and then the end")
	a := r.clientAs("a", walSender)
	a.in = clientSays("IDENTIFY_SYSTEM")
	r.endsHalf(a)
	r.note("amid a message: at once")
	b := r.clientAs("b", walSender)
	b.in = []byte("d\x00\x00")
	r.endsHalf(b)
	r.note("as long as its server speaks")
	c := r.clientAs("c", walSender)
	srv := r.servers[len(r.servers)-1]
	srv.mute = true
	r.says(c, "BASE_BACKUP")
	r.endsHalf(c)
	for range 3 {
		r.pass(knockEvery / 2)
		srv.answer([]byte("d\x00\x00\x00\x05x"))
		r.settle()
	}
	r.pass(2 * knockEvery)
	r.compare()
}

// One that ends its half behind a read and a write, which go to different servers, is answered both.
func TestHalfClosedBehindAReadAndAWrite(t *testing.T) {
	r := splitRig(t, 1, nil)
	a := r.client("a")
	a.in = append(append(append(a.in, clientSays("select 1")...), clientSays("insert")...), clientSays("select 2")...)
	r.endsHalf(a)
	r.compare()
}

// A client that ends its half, or the conversation, in the turn in which it is answered is sent all of that, should its socket not take
// it at once.
func TestWhoLeavesAsItIsAnsweredIsSentAll(t *testing.T) {
	for name, leave := range map[string]func(a *rigSocket) loop.Event{
		"it ends its half":  func(a *rigSocket) loop.Event { return loop.Event{Kind: loop.Ended, Conn: a.id} },
		"it says Terminate": func(a *rigSocket) loop.Event { return loop.Event{Kind: loop.Received, Conn: a.id, Data: terminate} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, onePool(1))
			r.quiet = true
			a := r.client("a")
			srv := r.servers[0]
			srv.mute = true
			r.says(a, "set local work_mem to 1")
			shard := r.loops[0].shard
			shard.Tick(r.now)
			answer := pgwire.AppendReady([]byte("C\x00\x00\x00\x08SET\x00"), 'I')
			shard.Step(&loop.Event{Kind: loop.Received, Conn: srv.socket.id, Data: answer})
			event := leave(a)
			shard.Step(&event)
			var last loop.OpKind
			for _, op := range shard.Ops() {
				if op.Conn == a.id {
					last = op.Kind
				}
			}
			if last != loop.Finish {
				t.Errorf("the last operation is %v, want %v", last, loop.Finish)
			}
		})
	}
}
