package engine

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// Whoever waits longest gets a server, on whichever shard it becomes free, and whatever it was doing.
func TestServersGoWhereTheyAreWanted(t *testing.T) {
	r := newRig(t, 2, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.note("one is dialed for a, which leaves; b waits on the other shard")
	r.servers[0].socket.ended = true
	r.settle()
	r.holdDials = true
	r.says(a, "select a")
	r.says(b, "select b")
	r.leaves(a)
	r.holdDials = false
	r.settle()
	r.note("from a client that leaves in the middle of a query, and from one that leaves in the middle of a transaction")
	c := r.client("c")
	r.says(c, "hang")
	r.says(b, "select b")
	r.leaves(c)
	c = r.client("c")
	r.says(c, "begin")
	r.says(b, "select b")
	r.leaves(c)
	r.within(1)
	r.compare()
}

// onItsWay has b's shard want the server that a's shard has, until it is on neither.
func onItsWay(t *testing.T) (r *rig, a, b *rigSocket) {
	r = newRig(t, 2, onePool(1))
	a, b = r.client("a"), r.client("b")
	r.says(a, "select a")
	r.note("b asks for the server, which leaves the shard of a")
	b.in = clientSays("select b")
	s := r.servers[0].socket
	for i := 0; i < 1000 && !s.detach; i++ {
		for _, l := range r.loops {
			l.turn()
		}
	}
	return r, a, b
}

// A server for which nobody waits any more when it arrives rests there, and is somebody else's.
func TestAServerArrivesForNobody(t *testing.T) {
	r, a, b := onItsWay(t)
	b.broken = true
	for i := 0; i < 1000 && !b.gone; i++ {
		for _, l := range r.loops {
			l.turn()
		}
	}
	r.settle()
	r.says(a, "select a")
	r.within(1)
	r.compare()
}

// A server that is on its way to another shard when its pool is removed still serves who waits for it, and is closed there.
func TestAPoolIsRemovedWhileAServerMoves(t *testing.T) {
	r, _, _ := onItsWay(t)
	r.apply()
	r.within(1)
	r.compare()
}

// A server that is on its way when the pool is removed, and nobody waits for it.
func TestAPoolIsRemovedWhileAServerMovesForNobody(t *testing.T) {
	r, _, b := onItsWay(t)
	b.broken = true
	r.apply()
	r.within(1)
	r.compare()
}

// A pool that is removed before the server that it has dialed answers.
func TestAPoolIsRemovedWhileItDials(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.servers[0].socket.ended = true
	r.settle()
	r.holdDials = true
	r.says(a, "select a")
	r.apply()
	r.holdDials = false
	r.settle()
	r.pass(time.Second)
	r.note("and one whose client has left before")
	r.apply(onePool(1))
	b := r.client("b")
	r.servers[len(r.servers)-1].socket.ended = true
	r.settle()
	r.holdDials = true
	r.says(b, "select b")
	r.leaves(b)
	r.apply()
	r.holdDials = false
	r.settle()
	r.compare()
}

// When the catalog is asked who leaves state: by a server that is new, and by one that has become free, from a query, from a question
// about its session, from a transaction that its client left open.
// Postgres tells of a change of its configuration with the next answer, whatever that is to: a client is told, too, if that was to a
// question of ours, which it does not see.
func TestWhatIsReportedWithOurQuestionsIsTold(t *testing.T) {
	r := hidingRig(t, 1, 1)
	r.params = []Setting{{"DateStyle", "ISO, MDY"}, {"TimeZone", "UTC"}}
	r.suspects = [][]string{suspectSets}
	r.answers = func(s *rigServer, _ byte, body string) bool {
		rows := s.session.answer(body)
		if rows == nil {
			return false
		}
		s.answer(rows...)
		s.answer(frame('C', "SELECT 1\x00"), frame(pgwire.ParameterStatus, "DateStyle\x00SQL, DMY\x00"), s.ready())
		return true
	}
	a := r.client("a")
	r.quiet = false
	r.says(a, "select sets()")
	r.note("and not twice")
	r.says(a, "select 1")
	r.compare()
}

func TestWhenTheCatalogIsAsked(t *testing.T) {
	r := hidingRig(t, 1, 1)
	r.quiet = false
	a := r.client("a")
	r.says(a, "select 1")
	r.note("its answer is getting old")
	r.pass(time.Duration(suspectEvery))
	r.says(a, "select 1")
	r.note("something is defined")
	r.says(a, "create function sets() returns void language sql as ''")
	r.note("something is defined, and called: what that has left in the session is asked first")
	r.suspects = [][]string{suspectSets}
	r.says(a, "begin", "create function sets() returns void language sql as ''", "select sets()", "commit")
	r.note("its client leaves in the middle of a definition")
	r.says(a, "begin", "create function plain() returns void language sql as ''")
	r.leaves(a)
	r.suspects = nil
	r.note("a client waits for the server that is asked, and gets it")
	b, c := r.client("b"), r.client("c")
	r.says(b, "begin", "create function more() returns void language sql as ''")
	r.says(c, "select c")
	r.says(b, "commit")
	r.note("it is lost as it is asked; and then says nothing")
	r.mutesCatalog = true
	r.says(b, "create function others() returns void language sql as ''")
	r.servers[0].socket.ended = true
	r.settle()
	r.says(b, "select b")
	r.pass(askTimeout)
	r.mutesCatalog = false
	r.pass(time.Second)
	r.compare()
}
