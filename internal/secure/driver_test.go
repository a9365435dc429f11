package secure

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// script is a driver that tells what the test says, and notes what it is asked to do.
type script struct {
	events   []loop.Event
	ops      []loop.Op
	deadline int64
	closed   bool
}

func (s *script) Wait(deadline int64) ([]loop.Event, int64) {
	s.deadline = deadline
	return s.events, 7
}

func (s *script) Submit(ops []loop.Op) {
	s.ops = nil
	for _, op := range ops {
		op.Data = bytes.Clone(op.Data)
		s.ops = append(s.ops, op)
	}
}

func (s *script) Wake()         {}
func (s *script) Now() int64    { return 7 }
func (s *script) Capacity() int { return 100 }
func (s *script) Close() error  { s.closed = true; return nil }

// stage is a wrapped script and a connection with a layer, whose peer is the test.
type stage struct {
	*testing.T
	script *script
	driver loop.Driver
	id     loop.ID
	layer  *Conn
	peer   *Conn
}

func play(t *testing.T) *stage {
	s := &stage{T: t, script: &script{}, id: loop.MakeID(3, 1)}
	s.driver = Wrap(s.script)
	s.layer, s.peer = pair(t, first(configs(tls.VersionTLS13)), second(configs(tls.VersionTLS13)))
	s.driver.Wait(loop.Never)
	s.driver.Submit([]loop.Op{s.attach()})
	return s
}

func (s *stage) attach() loop.Op {
	return loop.Op{Kind: loop.Attach, Conn: s.id, FD: 9, KeepFD: true, Layer: s.layer}
}

// event is one of the connection's.
func (s *stage) event(kind loop.EventKind, data []byte) loop.Event {
	return loop.Event{Kind: kind, Conn: s.id, Data: data}
}

// op is one on the connection.
func (s *stage) op(kind loop.OpKind, data string) loop.Op {
	return loop.Op{Kind: kind, Conn: s.id, Data: []byte(data)}
}

// tells checks what the core is told when the socket tells this.
func (s *stage) tells(want string, socket ...loop.Event) {
	s.Helper()
	s.script.events = socket
	events, now := s.driver.Wait(loop.Never)
	if now != 7 {
		s.Fatalf("now is %d", now)
	}
	var told []string
	for _, e := range events {
		told = append(told, sayEvent(e))
	}
	if got := strings.Join(told, " "); got != want {
		s.Fatalf("told %q instead of %q", got, want)
	}
	s.script.events = nil
}

func sayEvent(e loop.Event) string {
	names := [...]string{"?", "Received", "Ended", "Failed", "Congested", "Drained", "Detached", "Woken"}
	switch {
	case e.Kind == loop.Failed:
		return fmt.Sprintf("Failed:%s", syscall.Errno(e.Errno))
	case len(e.Data) > 0:
		return fmt.Sprintf("%s:%s", names[e.Kind], e.Data)
	}
	return names[e.Kind]
}

// does checks what the driver below is asked to do when the core asks for this. What is sent to the peer is opened.
func (s *stage) does(want string, core ...loop.Op) {
	s.Helper()
	s.driver.Submit(core)
	names := [...]string{"?", "Attach", "Send", "Pause", "Resume", "Finish", "Close", "Detach"}
	var done []string
	for _, op := range s.script.ops {
		said := names[op.Kind]
		if op.Kind == loop.Send {
			said = fmt.Sprintf("%s:%s", said, s.says(op))
		}
		done = append(done, said)
	}
	if got := strings.Join(done, " "); got != want {
		s.Fatalf("did %q instead of %q", got, want)
	}
}

// says tells what a Send means to the peer, and in how many records.
func (s *stage) says(op loop.Op) string {
	s.Helper()
	if op.Conn != s.id {
		return string(op.Data)
	}
	plain, ended, err := s.peer.Open(op.Data, nil)
	switch {
	case err != nil:
		return "alert"
	case ended:
		return fmt.Sprintf("%send", plain)
	}
	if n := len(records(s.T, op.Data)); n != 1 {
		return fmt.Sprintf("%s(%d)", plain, n)
	}
	return string(plain)
}

// inClear is a connection without a layer.
var inClear = loop.MakeID(4, 1)

// TestWithoutLayersNothingIsTouched: events and operations are the same slices.
func TestWithoutLayersNothingIsTouched(t *testing.T) {
	s := &script{events: []loop.Event{{Kind: loop.Received, Conn: inClear, Data: []byte("x")}}}
	d := Wrap(s)
	ops := []loop.Op{{Kind: loop.Attach, Conn: inClear}, {Kind: loop.Send, Conn: inClear, Data: []byte("y")}}
	events, _ := d.Wait(loop.Never)
	if &events[0] != &s.events[0] || s.deadline != loop.Never {
		t.Error("the events were copied, or the deadline changed")
	}
	if n := testing.AllocsPerRun(100, func() { d.Wait(loop.Never) }); n != 0 {
		t.Errorf("%v allocations in Wait", n)
	}
	if d.Submit(ops); cap(d.(*driver).ops) != 0 {
		t.Error("the operations were copied")
	}
}

// TestInClearBesideALayer: who has no layer is told and sent everything as it is, in order.
func TestInClearBesideALayer(t *testing.T) {
	s := play(t)
	other := loop.Event{Kind: loop.Received, Conn: inClear, Data: []byte("clear")}
	s.tells("Received:clear Woken", other, loop.Event{Kind: loop.Woken})
	s.does("Send:one Send:two Send:three",
		s.op(loop.Send, "one"), loop.Op{Kind: loop.Send, Conn: inClear, Data: []byte("two")}, s.op(loop.Send, "three"))
	s.tells("Received:clear Received:secret Received:clear Congested", other, s.event(loop.Received, seal(t, s.peer, []byte("secret"))),
		other, s.event(loop.Congested, nil))
	s.does("Pause", s.op(loop.Pause, ""))
	s.tells("Drained", s.event(loop.Drained, nil))
	s.does("Resume", s.op(loop.Resume, ""))
}

// TestPartsOfRecords: nothing is told until a record is whole.
func TestPartsOfRecords(t *testing.T) {
	s := play(t)
	cipher := append(seal(t, s.peer, []byte("one ")), seal(t, s.peer, []byte("two"))...)
	s.tells("", s.event(loop.Received, cipher[:4]))
	s.does("")
	s.tells("", s.event(loop.Received, cipher[4:20]))
	s.does("")
	s.tells("Received:one two Ended", s.event(loop.Received, cipher[20:]), s.event(loop.Ended, nil))
}

// TestEndIsToldOnce: by the layer or by the socket, whoever is first; a break may follow.
func TestEndIsToldOnce(t *testing.T) {
	s := play(t)
	s.tells("Received:bye Ended", s.event(loop.Received, s.peer.End(seal(t, s.peer, []byte("bye")))))
	s.does("Send:answer", s.op(loop.Send, "answer"))
	s.tells("", s.event(loop.Received, []byte("noise")), s.event(loop.Ended, nil))
	s.does("")
	s.tells("Failed:connection reset by peer", loop.Event{Kind: loop.Failed, Conn: s.id, Errno: int32(syscall.ECONNRESET)})
	s = play(t) // cut off in a record: the end all the same
	s.tells("Ended", s.event(loop.Received, seal(t, s.peer, []byte("cut"))[:10]), s.event(loop.Ended, nil))
	s.does("Send:still here", s.op(loop.Send, "still here"))
}

// TestLayerFails: the core is told once and then nothing; the peer is told before the core's Close.
func TestLayerFails(t *testing.T) {
	for _, closes := range []bool{true, false} {
		s := play(t)
		cipher := append(seal(t, s.peer, []byte("good")), 23, 3, 3, 0, 20)
		s.tells("Received:good Failed:protocol error", s.event(loop.Received, append(cipher, make([]byte, 20)...)),
			s.event(loop.Congested, nil), s.event(loop.Ended, nil))
		if closes {
			s.does("Send:alert Pause Close", s.op(loop.Send, "into the void"), s.op(loop.Close, ""))
			continue
		}
		s.does("Send:alert Pause")
		s.does("", s.op(loop.Send, "into the void"), s.op(loop.Resume, ""))
		s.tells("", s.event(loop.Received, []byte("x")), loop.Event{Kind: loop.Failed, Conn: s.id, Errno: 1})
		s.does("Finish", s.op(loop.Finish, ""))
	}
}

// TestSendsInARowAreOneRecord: what the core sends to one connection is sealed together, in full records.
func TestSendsInARowAreOneRecord(t *testing.T) {
	s := play(t)
	s.tells("")
	s.does("Send:abc", s.op(loop.Send, "a"), s.op(loop.Send, ""), s.op(loop.Send, "b"), s.op(loop.Send, "c"))
	s.does("", s.op(loop.Send, ""))
	for _, sizes := range [][]int{{10, 40_000, 10}, {16384, 16384}, {100_000}, {16383, 1, 1}, {1, 16383, 16384, 5, 50_000}} {
		var ops []loop.Op
		var want string
		for i, n := range sizes {
			p := strings.Repeat(string(rune('a'+i)), n)
			want += p
			ops = append(ops, s.op(loop.Send, p))
		}
		s.driver.Submit(ops)
		var got []byte
		n := 0
		for _, op := range s.script.ops {
			n += len(records(t, op.Data))
			got = append(got, open(t, s.peer, op.Data)...)
		}
		if string(got) != want || n != (len(want)+maxPayload-1)/maxPayload {
			t.Errorf("%v: %d bytes in %d records", sizes, len(got), n)
		}
	}
}

// TestFinishSaysTheEnd: Finish does, after what was sent; Close does not. Nothing is ever sent in clear afterwards.
func TestFinishSaysTheEnd(t *testing.T) {
	s := play(t)
	s.does("Send:goodbye Send:end Finish", s.op(loop.Send, "goodbye"), s.op(loop.Finish, ""), s.op(loop.Send, "in clear?"))
	s.tells("", s.event(loop.Received, []byte("noise")))
	s.does("Close", s.op(loop.Send, "in clear?"), s.op(loop.Close, ""))
	s = play(t)
	s.does("Close", s.op(loop.Close, ""))
	if s.driver.(*driver).count != 0 {
		t.Error("a closed connection is remembered")
	}
}

// TestLayerSpeaksByItself: an answer to a KeyUpdate goes out though the core says nothing.
func TestLayerSpeaksByItself(t *testing.T) {
	s := play(t)
	f := forge(t, tls.VersionTLS13, true)
	s.id, s.layer = loop.MakeID(5, 1), f.victim
	s.driver.Submit([]loop.Op{s.attach()})
	s.tells("", s.event(loop.Received, f.record(handshakeType, keyUpdate(true))))
	f.update()
	s.driver.Submit(nil)
	if len(s.script.ops) != 1 || s.script.ops[0].Kind != loop.Send {
		t.Fatalf("did %v", s.script.ops)
	}
	s.driver.Submit(nil)
	if len(s.script.ops) != 0 {
		t.Fatalf("and then did %v", s.script.ops)
	}
	// While it is being detached the socket takes nothing: the answer is for the next owner, and so is what is sent.
	s.driver.Submit([]loop.Op{s.op(loop.Detach, "")})
	s.tells("", s.event(loop.Received, f.record(handshakeType, keyUpdate(true))))
	f.update()
	s.does("", s.op(loop.Send, "too late"))
	s.tells("Detached:moved", loop.Event{Kind: loop.Detached, Conn: s.id, FD: 9, Data: f.data("moved")})
	s.driver.Submit([]loop.Op{s.attach()})
	if len(s.script.ops) != 2 || s.script.ops[1].Kind != loop.Send || len(records(t, s.script.ops[1].Data)) != 1 {
		t.Fatalf("did %v", s.script.ops)
	}
}

// TestDetachedLayerMoves: what came before the detachment is decrypted, and a part of a record goes along in the layer.
func TestDetachedLayerMoves(t *testing.T) {
	s := play(t)
	cipher := append(seal(t, s.peer, []byte("here")), seal(t, s.peer, []byte("there"))...)
	s.does("Send:last Detach", s.op(loop.Send, "last"), s.op(loop.Detach, ""))
	s.tells("Detached:here", s.event(loop.Detached, cipher[:len(cipher)-3]))
	s.does("")
	if s.driver.(*driver).count != 0 {
		t.Error("a detached connection is remembered")
	}
	s.driver = Wrap(s.script)
	s.id = loop.MakeID(8, 2)
	s.does("Attach Send:again", s.attach(), s.op(loop.Send, "again"))
	s.tells("Received:there", s.event(loop.Received, cipher[len(cipher)-3:]))
}

// TestAttachedAtItsEnd: a layer that has come to its end with its last owner says so to the next, who does not wait for it.
func TestAttachedAtItsEnd(t *testing.T) {
	for want, last := range map[string]func(*Conn) []byte{
		"Ended":                 func(c *Conn) []byte { return c.End(nil) },
		"Failed:protocol error": func(*Conn) []byte { return []byte{23, 3, 3, 0, 1, 0} },
	} {
		s := play(t)
		s.does("Detach", s.op(loop.Detach, ""))
		s.tells("Detached", s.event(loop.Detached, last(s.peer)))
		s.driver.Submit([]loop.Op{s.attach()})
		s.tells(want)
		if s.script.deadline != 7 {
			t.Errorf("waited until %d", s.script.deadline)
		}
		s.driver.Submit(nil)
		s.tells("")
		if s.script.deadline != math.MaxInt64 {
			t.Errorf("then waited until %d", s.script.deadline)
		}
	}
}

// mute is a layer that cannot seal.
type mute struct{ loop.Layer }

func (mute) Open(_, plain []byte) ([]byte, bool, error) { return plain, false, nil }
func (mute) Seal(cipher, _ []byte) ([]byte, error)      { return cipher, errors.New("no") }
func (mute) Own(cipher []byte) []byte                   { return cipher }
func (mute) End(cipher []byte) []byte                   { return cipher }

// TestSealFails: the next Wait tells, at once, unless the core has said goodbye meanwhile.
func TestSealFails(t *testing.T) {
	for _, c := range []struct {
		then       []loop.OpKind
		want, told string
	}{
		{nil, "", "Failed:protocol error"},
		{[]loop.OpKind{loop.Finish}, "Finish", ""},
		{[]loop.OpKind{loop.Close}, "Close", ""},
	} {
		s := play(t)
		s.id = loop.MakeID(6, 1)
		s.driver.Submit([]loop.Op{{Kind: loop.Attach, Conn: s.id, Layer: mute{}}})
		s.tells("")
		ops := []loop.Op{s.op(loop.Send, "x")}
		for _, kind := range c.then {
			ops = append(ops, s.op(kind, ""))
		}
		s.does(c.want, ops...)
		s.tells(c.told)
		if len(c.then) == 0 {
			s.does("", s.op(loop.Send, "y"), s.op(loop.Resume, ""))
		}
	}
}

// TestSlotsAreReused: what is said of one generation never touches another.
func TestSlotsAreReused(t *testing.T) {
	s := play(t)
	old := s.id
	s.does("Close Attach", s.op(loop.Close, ""), loop.Op{Kind: loop.Attach, Conn: loop.MakeID(3, 2)})
	s.tells("Received:clear", loop.Event{Kind: loop.Received, Conn: loop.MakeID(3, 2), Data: []byte("clear")})
	s.id = loop.MakeID(3, 3)
	s.layer, s.peer = pair(t, first(configs(tls.VersionTLS12)), second(configs(tls.VersionTLS12)))
	s.does("Close Attach Close Send:hello", loop.Op{Kind: loop.Close, Conn: loop.MakeID(3, 2)}, s.attach(),
		loop.Op{Kind: loop.Close, Conn: old}, s.op(loop.Send, "hello"))
	s.tells("Received:hi", s.event(loop.Received, seal(t, s.peer, []byte("hi"))))
	// Never closed, only followed.
	before := s.id
	s.id = loop.MakeID(3, 4)
	s.layer, s.peer = pair(t, first(configs(tls.VersionTLS13)), second(configs(tls.VersionTLS13)))
	s.does("Attach", s.attach())
	if s.driver.(*driver).of(before) != nil || s.driver.(*driver).count != 1 {
		t.Error("the one before is remembered")
	}
}

// TestCloseForgets: the driver below is closed, and no layer is kept.
func TestCloseForgets(t *testing.T) {
	s := play(t)
	if err := s.driver.Close(); err != nil || !s.script.closed || s.driver.(*driver).of(s.id) != nil {
		t.Error("not closed")
	}
	s.driver.Wake()
}

// TestArenaKeepsWhatItHandedOut: what was taken in one turn stays, however much more is taken, and a turn like the last
// one allocates nothing.
func TestArenaKeepsWhatItHandedOut(t *testing.T) {
	var a arena
	var taken [][]byte
	turn := func(beyond int) {
		taken = taken[:0]
		for i := range 200 {
			p := a.room(i * i / 3)
			for range i*i/3 + beyond {
				p = append(p, byte(i))
			}
			taken = append(taken, a.take(p))
		}
		for i, p := range taken {
			if len(p) != i*i/3+beyond || bytes.Count(p, []byte{byte(i)}) != len(p) {
				t.Fatalf("slice %d has changed", i)
			}
		}
		a.reset()
	}
	for _, beyond := range []int{0, 0, 1, 1000, 0, 0} {
		turn(beyond)
	}
	if n := testing.AllocsPerRun(10, func() { turn(0) }); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
	a.take(a.room(arenaKept + 1))
	if a.reset(); cap(a.mem) > arenaKept {
		t.Errorf("keeps %d bytes", cap(a.mem))
	}
}
