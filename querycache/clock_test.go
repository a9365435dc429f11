package querycache

import (
	"container/list"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// asked is a cache of entries of one size, as the engine uses it: a miss is kept if it is admitted. Keys are numbers.
type asked struct {
	cached
	keepsAll bool // whether it is admitted or not
	hits     int
	asks     int
}

// newAsked has room for so many entries.
func newAsked(t *testing.T, entries int) *asked {
	a := &asked{cached: newCached(t, 0)}
	size := a.reply("reply", 1).weigh(make([]byte, 8))
	a.Configure(Settings{MaxBytes: int64(entries) * size, MaxEntryBytes: 100})
	return a
}

func (a *asked) ask(n uint64) (hit bool) {
	key := binary.LittleEndian.AppendUint64(nil, n)
	hash := Hash(key)
	a.asks++
	if a.Get(hash, key, 0) != nil {
		a.hits++
		return true
	}
	if admits, _ := a.Admits(hash); a.keepsAll || admits {
		a.Put(hash, key, a.reply("reply", 1))
	}
	return false
}

// ratio is of hits since the last one was asked for.
func (a *asked) ratio() float64 {
	r := float64(a.hits) / float64(a.asks)
	a.hits, a.asks = 0, 0
	return r
}

// A scan of ten times as much as there is room for, each asked for once, leaves what is asked for meanwhile: with the door, where nothing of
// the scan comes in, and by the clock alone, where all of it does.
func TestScansLeaveWhatIsUsed(t *testing.T) {
	for name, keepsAll := range map[string]bool{"door": false, "clock alone": true} {
		t.Run(name, func(t *testing.T) {
			const room, hot = 2000, 1000
			a := newAsked(t, room)
			a.keepsAll = keepsAll
			for range 3 {
				for n := range uint64(hot) {
					a.ask(n)
				}
			}
			a.ratio()
			r := rand.New(rand.NewPCG(1, 2))
			hits, puts := 0, a.Status().Puts
			for n := range uint64(10 * room) {
				a.ask(1<<32 + n)
				if a.ask(r.Uint64N(hot)) {
					hits++
				}
			}
			if hits < 10*room*90/100 {
				t.Errorf("of %d times that something was asked for that is used, it was there %d times", 10*room, hits)
			}
			left := 0
			for n := range uint64(hot) {
				key := binary.LittleEndian.AppendUint64(nil, n)
				if a.Get(Hash(key), key, 0) != nil {
					left++
				}
			}
			if left < hot*90/100 {
				t.Errorf("%d of %d that are used are left", left, hot)
			}
			t.Logf("%d hits of %d; %d of %d left; %d put", hits, 10*room, left, hot, a.Status().Puts-puts)
			a.check()
		})
	}
}

// Of a trace as caches see them, where the nth key is asked for in proportion to 1/n^s, it has hits at least as often as LRU has in as much
// room.
func TestHitRatioIsNoWorseThanThatOfLRU(t *testing.T) {
	const keys = 20_000
	for _, c := range []struct {
		s    float64
		room int
	}{{1.01, 500}, {1.01, 5000}, {1.2, 100}, {1.2, 2000}} {
		r := rand.New(rand.NewPCG(uint64(c.room), 1))
		zipf := rand.NewZipf(r, c.s, 1, keys)
		a, lru := newAsked(t, c.room), newLRU(c.room)
		for range 100_000 {
			n := zipf.Uint64()
			a.ask(n)
			lru.ask(n)
		}
		ours, theirs := a.ratio(), lru.ratio()
		t.Logf("s=%v, room for %d of %d: %.4f, LRU %.4f", c.s, c.room, keys, ours, theirs)
		if ours < theirs {
			t.Errorf("s=%v, room for %d of %d: %.4f of the asks are hits, of LRU %.4f", c.s, c.room, keys, ours, theirs)
		}
	}
}

// When others are in demand from one moment on, they come in not much later than with LRU, which keeps whatever it sees.
func TestDemandThatChanges(t *testing.T) {
	const keys, room, asks = 50_000, 2000, 10_000
	r := rand.New(rand.NewPCG(3, 1))
	zipf := rand.NewZipf(r, 1.1, 1, keys)
	a, lru := newAsked(t, room), newLRU(room)
	play := func(from uint64) (ours, theirs float64) {
		for range asks {
			n := from + zipf.Uint64()
			a.ask(n)
			lru.ask(n)
		}
		return a.ratio(), lru.ratio()
	}
	for range 10 {
		play(0)
	}
	for i, least := range []float64{0.85, 0.93, 0.96, 0.98} {
		ours, theirs := play(1 << 40)
		t.Logf("asks %d to %d: %.4f, LRU %.4f", i*asks, (i+1)*asks, ours, theirs)
		if ours < theirs*least {
			t.Errorf("of asks %d to %d, %.4f are hits, of LRU %.4f", i*asks, (i+1)*asks, ours, theirs)
		}
	}
}

// The hand looks at a bounded number of entries: if all of them are used, the least used one goes.
func TestTheHandIsBounded(t *testing.T) {
	c := newCached(t, roomy)
	var k clock
	for i := range 10 * maxLooks {
		e := c.reply("reply", 10)
		if e.uses.Store(maxUses); i == maxLooks/2 {
			e.uses.Store(1)
		}
		k.add(e)
	}
	least := k.hand
	for range maxLooks / 2 {
		least = least.next
	}
	if got := k.victim(0); got != least {
		t.Errorf("one with %d uses goes", got.uses.Load())
	}
	if n := k.hand.uses.Load(); n != maxUses {
		t.Errorf("the hand is at one that has been looked at")
	}
}

// lru is a cache of numbers that drops what was asked for longest ago.
type lru struct {
	room       int
	order      *list.List
	at         map[uint64]*list.Element
	hits, asks int
}

func newLRU(room int) *lru {
	return &lru{room: room, order: list.New(), at: map[uint64]*list.Element{}}
}

func (l *lru) ask(n uint64) {
	l.asks++
	if e := l.at[n]; e != nil {
		l.hits++
		l.order.MoveToFront(e)
		return
	}
	if l.order.Len() == l.room {
		delete(l.at, l.order.Remove(l.order.Back()).(uint64))
	}
	l.at[n] = l.order.PushFront(n)
}

// ratio is of hits since the last one was asked for.
func (l *lru) ratio() float64 {
	r := float64(l.hits) / float64(l.asks)
	l.hits, l.asks = 0, 0
	return r
}
