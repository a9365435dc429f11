package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// loaded is a rig under a load: clients that come at random times, at a rate, and use a server for a while.
type loaded struct {
	*rig
	rnd     *rand.Rand
	free    []*rigSocket
	waiting []*rigSocket
	using   []use
	next    int64
}

type use struct {
	until int64
	c     *rigSocket
}

func newLoaded(t *testing.T, shards int, p PoolConfig, clients int) *loaded {
	l := &loaded{rig: newRig(t, shards, p), rnd: rand.New(rand.NewPCG(7, 7))}
	l.quiet = true
	for i := range clients {
		l.free = append(l.free, l.client(fmt.Sprint(i)))
	}
	return l
}

// load lets time pass, with so many who ask per second, each of whom uses its server for a time.
func (l *loaded) load(d time.Duration, perSecond float64, service time.Duration) {
	l.Helper()
	end := l.now + int64(d)
	l.next = l.now
	if perSecond == 0 {
		l.next = end
	}
	for l.now < end {
		at := min(l.next, end)
		for _, u := range l.using {
			at = min(at, u.until)
		}
		if at > l.now {
			l.pass(time.Duration(at - l.now))
		}
		if l.now >= l.next && l.now < end {
			if len(l.free) == 0 {
				l.Fatal("the test has too few clients")
			}
			c := l.free[0]
			l.free, l.waiting = l.free[1:], append(l.waiting, c)
			l.says(c, "begin")
			l.next += int64(l.rnd.ExpFloat64() / perSecond * float64(time.Second))
		}
		l.begun(service)
		l.using = slices.DeleteFunc(l.using, func(u use) bool {
			if u.until > l.now {
				return false
			}
			l.says(u.c, "commit")
			l.free = append(l.free, u.c)
			return true
		})
		l.begun(service)
	}
}

// begun finds those who have got a server.
func (l *loaded) begun(service time.Duration) {
	l.waiting = slices.DeleteFunc(l.waiting, func(c *rigSocket) bool {
		if c.loop.shard.client(c.id.Slot()).state != clientLinked {
			return false
		}
		l.using = append(l.using, use{l.now + int64(service), c})
		return true
	})
}

func near(got, want, by float64) bool { return math.Abs(got-want) <= want*by }

// Little's law: with 100 who ask a second, for 50 ms each, 5 servers are busy; the size recommended is 5 and twice its
// root.
func TestSizing(t *testing.T) {
	for _, shards := range []int{1, 2} {
		l := newLoaded(t, shards, onePool(30), 60)
		if s := l.stats().Sizing; s.Recommended != 0 || s.BusyServers != 0 || s.Window != sizingWindow {
			t.Fatalf("before anybody asked: %+v", s)
		}
		l.load(2*time.Minute, 100, 50*time.Millisecond)
		s := l.stats().Sizing
		t.Logf("%+v", s)
		if !near(s.ArrivalsPerSecond, 100, .05) || !near(s.ServiceSeconds, .05, .02) || !near(s.BusyServers, 5, .07) {
			t.Errorf("%+v", s)
		}
		if !near(s.BusyServers, s.ArrivalsPerSecond*s.ServiceSeconds, 1e-9) {
			t.Errorf("what is busy is not the product: %+v", s)
		}
		if s.Recommended != 10 {
			t.Errorf("%d servers are recommended for 5 that are busy", s.Recommended)
		}
		l.note("nobody asks any more")
		l.load(time.Minute, 0, 0)
		if now := l.stats().Sizing; !near(now.ArrivalsPerSecond, s.ArrivalsPerSecond/math.E, .1) {
			t.Errorf("a window later: %+v", now)
		}
		l.load(20*time.Minute, 0, 0)
		if s := l.stats().Sizing; s.Recommended != 0 || s.ArrivalsPerSecond != 0 || s.BusyServers != 0 {
			t.Errorf("long after: %+v", s)
		}
	}
}

// The first figures are right at once, though the window is a minute.
func TestSizingFromTheStart(t *testing.T) {
	l := newLoaded(t, 1, onePool(30), 60)
	l.load(5*time.Second, 100, 50*time.Millisecond)
	if s := l.stats().Sizing; !near(s.ArrivalsPerSecond, 100, .15) || !near(s.BusyServers, 5, .2) {
		t.Errorf("%+v", s)
	}
}

// A pool that is too small is seen to be: those who wait have asked.
func TestSizingOfAPoolThatIsTooSmall(t *testing.T) {
	l := newLoaded(t, 1, onePool(3), 700)
	l.load(10*time.Second, 100, 50*time.Millisecond) // and 3 servers do 60
	s := l.stats().Sizing
	if !near(s.BusyServers, 5, .15) || l.stats().MaxSize != 3 {
		t.Errorf("%+v", s)
	}
}

// Servers that are held for hours count as busy, though nobody asks for one any more.
func TestSizingOfServersThatAreHeld(t *testing.T) {
	p := onePool(10)
	p.Mode = Session
	l := newLoaded(t, 1, p, 4)
	for _, c := range l.free {
		l.says(c, "select 1")
	}
	for range 3 {
		l.pass(20 * time.Minute)
		if s := l.stats().Sizing; !near(s.BusyServers, 4, .01) || s.Recommended != 8 {
			t.Errorf("%+v", s)
		}
	}
}

// pool_size auto settles where the load is, is up in a burst within seconds, comes down slowly, and ends at min_pool_size;
// it stays within its bounds.
func TestAutoSize(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and on one goroutine: nothing for the race detector")
	}
	p := onePool(20)
	p.AutoSize, p.MinPoolSize, p.MaxServerConnections = true, 2, 60
	l := newLoaded(t, 2, p, 700)
	size := func() int { return l.stats().MaxSize }
	if n := size(); n != 20 {
		t.Fatalf("it begins at %d", n)
	}
	l.load(2*time.Minute, 100, 50*time.Millisecond)
	if n := size(); n < 9 || n > 12 {
		t.Errorf("%d for a load of 5", n)
	}
	if n := l.open(); n > 12 {
		t.Errorf("%d servers are left for a load of 5", n)
	}
	l.note("a burst: four times as much")
	l.load(10*time.Second, 400, 50*time.Millisecond)
	if n := size(); n < 25 || n > 34 {
		t.Errorf("%d ten seconds after the load became 20", n)
	}
	before := size()
	l.load(3*time.Second, 100, 50*time.Millisecond)
	if n := size(); n < before*6/10 {
		t.Errorf("from %d to %d in three seconds", before, n)
	}
	l.note("more than there may be")
	l.load(10*time.Second, 100, time.Second)
	if n := size(); n != 60 {
		t.Errorf("%d for a load of 100", n)
	}
	l.within(60)
	l.note("nobody")
	l.load(30*time.Minute, 0, 0)
	if n := size(); n != 2 || l.open() != 2 {
		t.Errorf("%d servers of %d when nobody asks", l.open(), n)
	}
	l.note("a reload goes on from where it is; without auto it is pool_size")
	p.MinPoolSize = 4
	l.apply(p)
	if n := size(); n != 4 {
		t.Errorf("%d with min_pool_size 4", n)
	}
	p.AutoSize = false
	l.apply(p)
	if n := size(); n != 20 {
		t.Errorf("%d without auto", n)
	}
}
