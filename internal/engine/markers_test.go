package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// ownPID is the process ID that a client of the rig knows as its own.
func ownPID(c *rigSocket) uint32 {
	s := c.loop.shard
	return s.pid(s.client(c.id.Slot()))
}

// However many clients notify by one server, one right after the other, whoever listens is told who it was.
func TestMarkersTellSendersApart(t *testing.T) {
	r := newRig(t, 2, onePool(1))
	hears := r.client("hears")
	r.says(hears, "listen x")
	var senders []*rigSocket
	for i := range 4 {
		senders = append(senders, r.client(fmt.Sprint("c", i)))
	}
	r.log = nil
	for _, c := range senders { // all at once
		c.in = append(c.in, clientSays("notify x "+c.name)...)
		c.in = append(c.in, clientSays("one")...)
	}
	r.settle()
	told := strings.Join(r.log, "\n")
	for _, c := range senders {
		if want := fmt.Sprintf(`x "\x00%s" of %d`, c.name, ownPID(c)); !strings.Contains(told, want) {
			t.Errorf("nobody is told %s:\n%s", want, told)
		}
	}
}

// Where nobody listens, no server says whose its notifications are.
func TestNoMarkersForNobody(t *testing.T) {
	p := onePool(1)
	p.ServerIdleTimeout = time.Minute
	r := newRig(t, 1, p)
	a, b := r.client("a"), r.client("b")
	r.says(a, "notify x 1")
	r.says(b, "listen x")
	r.says(b, "unlisten x")
	r.pass(time.Minute + 3*time.Second) // the listener rests, and goes
	r.log = nil
	r.says(a, "notify x 2")
	if told := strings.Join(r.log, "\n"); strings.Contains(told, "markers") {
		t.Errorf("the servers are told\n%s", told)
	}
}

// A client that knows the channel of the markers hears nothing there, ends nothing, and is believed nothing.
func TestTheMarkerChannelIsNobodys(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b, c := r.client("a"), r.client("b"), r.client("c")
	r.says(a, "listen x;listen "+r.e.markerChannel)
	for _, forged := range []string{"", "nonsense", "1 0", "1 0 x", fmt.Sprintf("99 0 %d", ownPID(a)), "1 0 99999999999"} {
		r.says(b, "notify "+r.e.markerChannel+" "+forged)
	}
	r.says(a, "unlisten "+r.e.markerChannel)
	r.log = nil
	r.says(c, "notify x 1")
	told := strings.Join(r.log, "\n")
	if want := fmt.Sprintf("of %d", ownPID(c)); !strings.Contains(told, want) {
		t.Errorf("a is not told %s:\n%s", want, told)
	}
	if strings.Contains(told, "→ a  markers") {
		t.Errorf("a hears\n%s", told)
	}
}

// A process whose server has ended is another's when the listener has heard all that it has sent, and until then the client's.
func TestTheNameOfAProcessEndsWithIt(t *testing.T) {
	var all senders
	srv := &server{upstream: &upstream{address: "pg:5432"}, pid: 7}
	all.add(srv)
	l := &listener{server: &server{upstream: srv.upstream}}
	marker := func() []byte {
		return rigNotification(7, "markers", fmt.Sprintf("%d %d 4000", srv.sender.number, srv.sender.doubts.Load()))
	}
	l.takesMarker(&all, 7, marker())
	all.remove(srv)
	if by := l.sentBy(&all, 7); by != 4000 {
		t.Errorf("%d, before all of it is heard", by)
	}
	l.noteEnded(all.ended.Load())
	l.takesMarker(&all, 7, marker()) // that comes so late
	l.forgetEnded()
	if by := l.sentBy(&all, 7); by != 7 {
		t.Errorf("%d, when all of it is heard", by)
	}
	for range maxLate {
		other := &server{upstream: srv.upstream, pid: 8}
		all.add(other)
		all.remove(other)
	}
	if l.takesMarker(&all, 7, marker()); l.sentBy(&all, 7) != 7 || all.numbered(srv.sender.number) != nil {
		t.Error("the number of a server outlives it by far")
	}
}

// What is doubted names nobody, until it is said anew; and the only client that a server has had needs no name.
func TestDoubtedMarkers(t *testing.T) {
	var all senders
	srv := &server{upstream: &upstream{address: "pg:5432"}, pid: 7}
	all.add(srv)
	l := &listener{server: &server{upstream: srv.upstream}}
	say := func(doubts uint32) {
		l.takesMarker(&all, 7, rigNotification(7, "markers", fmt.Sprintf("%d %d 4000", srv.sender.number, doubts)))
	}
	say(0)
	srv.sender.doubts.Add(1)
	if by := l.sentBy(&all, 7); by != 7 {
		t.Errorf("%d, though it is doubted", by)
	}
	if say(1); l.sentBy(&all, 7) != 4000 {
		t.Error("it is not believed when it is said anew")
	}
	srv.sender.doubts.Add(1)
	if srv.sender.client.Store(5000); l.sentBy(&all, 7) != 5000 {
		t.Error("its only client is not known")
	}
	if srv.sender.shared.Store(true); l.sentBy(&all, 7) != 7 {
		t.Error("one of its clients is taken for the only one")
	}
}

// While somebody listens, queries that do not notify allocate nothing.
func TestNoAllocationWhereOthersListen(t *testing.T) {
	b := newBench(t, 10, 3)
	b.suspects([][]string{suspectTemps})
	b.shard.pools[0].shared.hearers.since.Store(1)
	for _, c := range b.clients {
		b.ask(t, c, prepare, prepareAnswer)
		break
	}
	for _, c := range b.clients[1:] {
		b.turn(loop.Event{Kind: loop.Received, Conn: c, Data: prepare})
	}
	i := 0
	mustNotAllocate(t, func() {
		i++
		b.ask(t, b.clients[i%10], simpleQuery, simpleAnswer)
		b.ask(t, b.clients[i%10], execute, executeAnswer)
	})
}
