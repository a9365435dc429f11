package poolhandler

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pgmux/caddy-pgmux/internal/fleet"
	"github.com/pgmux/caddy-pgmux/internal/redistest"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// sharer is a process of a fleet: its memberships are real, and its engine is not.
type sharer struct {
	t       *testing.T
	process *process
	fleets  fleets
	ledger  *querycache.Ledger

	mu    sync.Mutex
	uses  bool
	seats map[string]*fleet.Seat // by pool
	said  []string               // Shares and Unshared
	heard []string
	times map[string]time.Time // when a table was heard of first
}

// newSharer is a process whose pools share at this server.
func newSharer(t *testing.T, address string, pools ...string) *sharer {
	s := &sharer{t: t, process: newProcess(nil), ledger: querycache.NewLedger(), uses: true, seats: map[string]*fleet.Seat{}, times: map[string]time.Time{}}
	s.fleets.pace = fleet.Pace{Heartbeat: 50 * time.Millisecond, Patience: 2 * time.Second, Lease: 4 * time.Second, Quarantine: 5 * time.Second, MinPause: 10 * time.Millisecond, MaxPause: 100 * time.Millisecond}
	s.declare(redisAt(t, address), "written", pools...)
	t.Cleanup(s.leave)
	return s
}

// declare is a configuration in which these pools share at a store.
func (s *sharer) declare(store querycache.Store, written string, pools ...string) {
	p := &plan{pools: map[string]*pool{}, logger: zap.NewNop()}
	for _, name := range pools {
		p.pools[name] = &pool{name: name, store: &sharedStore{store, written}}
	}
	s.process.retired.Store(p)
	s.process.current.Store(p)
}

// share asks for it, as an engine does.
func (s *sharer) share(pool string) { s.fleets.begin(s.process, s, pool, "app") }

// leave ends it, and waits.
func (s *sharer) leave() {
	s.mu.Lock()
	s.uses = false
	s.mu.Unlock()
	s.eventually("left", func() bool { return s.memberships() == 0 })
}

func (s *sharer) memberships() int {
	s.fleets.mu.Lock()
	defer s.fleets.mu.Unlock()
	return len(s.fleets.running)
}

func (s *sharer) Shares(pool, database string, seat *fleet.Seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, fmt.Sprintf("%s/%s %v", pool, database, seat != nil))
	s.seats[pool] = seat
}

func (s *sharer) Unshared(pool, database string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, fmt.Sprintf("%s/%s given up", pool, database))
	delete(s.seats, pool)
}

func (s *sharer) Heard(_ string, op querycache.Op, tables []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range append(tables, "")[:max(len(tables), 1)] {
		s.heard = append(s.heard, fmt.Sprint(op, " ", name))
		if _, known := s.times[name]; !known {
			s.times[name] = time.Now()
		}
	}
}

func (s *sharer) Uses(string, string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uses
}

// seat is that of a pool; nil while it is out of touch.
func (s *sharer) seat(pool string) *fleet.Seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seats[pool]
}

func (s *sharer) eventually(what string, f func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("it has not %s", what)
		}
	}
}

func (s *sharer) joins(pool string) (seat *fleet.Seat) {
	s.t.Helper()
	s.eventually("joined", func() bool {
		seat = s.seat(pool)
		return seat != nil
	})
	return seat
}

// hears waits until a table is heard of that another notes, and tells when it was. It is noted again and again: who loses touch meanwhile hears of
// nothing that was noted before it has joined again.
func (s *sharer) hears(table string, note func()) (at time.Time) {
	s.t.Helper()
	note()
	noted := time.Now()
	s.eventually("heard of "+table, func() bool {
		var known bool
		if at, known = s.heardAt(table); !known && time.Since(noted) > renoteAfter {
			note()
			noted = time.Now()
		}
		return known
	})
	return at
}

// renoteAfter is long enough that nothing is noted twice unless touch was lost, or the machine stood still.
const renoteAfter = 100 * time.Millisecond

func (s *sharer) heardAt(table string) (at time.Time, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known = s.times[table]
	return at, known
}

// wasTold reports whether this was said: of a pool, that it shares, that it is out of touch, or that it is given up.
func (s *sharer) wasTold(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.said, what)
}

// keepsSeat reports whether a pool was neither given up nor told of another seat, but for one that follows a loss of touch.
func (s *sharer) keepsSeat(pool string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seated := false
	for _, said := range s.said {
		switch said {
		case pool + "/app given up":
			return false
		case pool + "/app true":
			if seated {
				return false
			}
			seated = true
		case pool + "/app false":
			seated = false
		}
	}
	return true
}

// finds is whether there is a reply that may be served.
func (s *sharer) finds(pool string, key byte) bool {
	seat := s.seat(pool)
	if seat == nil {
		return false // out of touch just now
	}
	found := make(chan bool, 1)
	seat.Fetch(querycache.SharedKey{key}, nil, func(r *querycache.Shared) { found <- r != nil })
	return <-found
}

// offers a reply that depends on a table.
func (s *sharer) offers(pool string, key byte, table string) {
	seat := s.seat(pool)
	if seat == nil {
		return // out of touch just now
	}
	seat.Keep(querycache.SharedKey{key}, &querycache.Shared{Reply: []byte("x"), Tables: []string{table}, Position: seat.Position(), Left: time.Hour})
}

// TestAFleetAtRedis follows two processes through what a store does to them.
func TestAFleetAtRedis(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes")
	a, b := newSharer(t, server.Address, "app"), newSharer(t, server.Address, "app")
	a.share("app")
	b.share("app")
	seat := a.joins("app")
	b.joins("app")
	b.eventually("found what another has offered", func() bool { a.offers("app", 1, "orders"); return b.finds("app", 1) })
	b.hears("orders", func() { seat.Note(querycache.OpChange, a.ledger.Table("orders")) })
	if b.finds("app", 1) {
		t.Error("it is found though it was written since")
	}

	for _, trouble := range []struct {
		name        string
		begin, over func()
	}{
		{"it hangs", server.Pause, server.Resume},
		{"it is gone", server.Kill, server.StartAgain},
		{"it is started anew", func() { server.Kill(); server.StartAgain() }, func() {}},
	} {
		b.eventually(trouble.name+": found", func() bool { a.offers("app", 2, "t"); return b.finds("app", 2) })
		was, others := a.seat("app"), b.seat("app")
		trouble.begin()
		a.eventually(trouble.name+": lost touch", func() bool { return a.seat("app") != was })
		trouble.over()
		seat := a.joins("app")
		// Who has not lost touch has heard all there was, and may go on with what is from before.
		if still := b.joins("app"); a.finds("app", 2) || still != others && b.finds("app", 2) {
			t.Errorf("%s: a reply from before is found", trouble.name)
		}
		b.hears(trouble.name, func() { seat.Note(querycache.OpChange, a.ledger.Table(trouble.name)) })
	}
}

// TestHowLongItTakesToHear prints it: from when a change is noted until another process has heard.
func TestHowLongItTakesToHear(t *testing.T) {
	server := redistest.Start(t)
	a, b := newSharer(t, server.Address, "app"), newSharer(t, server.Address, "app")
	a.share("app")
	b.share("app")
	seat := a.joins("app")
	b.joins("app")
	var took []time.Duration
	for i := range 500 {
		table := fmt.Sprint("t", i)
		x := a.ledger.Table(table)
		noted := time.Now()
		heard := b.hears(table, func() { seat.Note(querycache.OpChange, x) })
		took = append(took, heard.Sub(noted))
	}
	slices.Sort(took)
	t.Logf("from Note to Heard: median %v, p99 %v", took[len(took)/2], took[len(took)*99/100])
}

// TestAProcessThatEndsSaysSo: the others do not take it for one that is silent.
func TestAProcessThatEndsSaysSo(t *testing.T) {
	said, troubled := farewells(t)
	for tries := 1; said == 0 && troubled && tries < 5; tries++ {
		said, troubled = farewells(t)
	}
	if said != 1 {
		t.Errorf("%d records say that a member leaves", said)
	}
}

// farewells counts the records that say so when one of two has ended. troubled: it may have been out of touch just then, or the store have been late,
// and who cannot say so at once does not.
func farewells(t *testing.T) (said int, troubled bool) {
	t.Helper()
	server := redistest.Start(t)
	a, b := newSharer(t, server.Address, "app"), newSharer(t, server.Address, "app")
	core, complaints := observer.New(zap.ErrorLevel)
	a.process.current.Load().logger = zap.New(core)
	a.share("app")
	b.share("app")
	a.joins("app").Note(querycache.OpChange, a.ledger.Table("t"))
	b.joins("app")
	began := time.Now()
	a.fleets.close()
	late := time.Since(began) >= fleetGoodbye
	if late {
		a.fleets.ended.Wait() // which close may have given up
	}
	c := redisAt(t, server.Address)
	keys, err := c.questions.Keys(t.Context(), "*log:*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("the logs are %v, %v", keys, err)
	}
	entries, err := c.questions.XRange(t.Context(), keys[0], "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Values[recordField].(string)[1] == 3 { // the kind of a record that says so
			said++
		}
	}
	return said, late || complaints.Len() > 0
}

// TestPoolsOfOneStoreAreOneMember: and each of them is told; and the last that leaves ends it.
func TestPoolsOfOneStoreAreOneMember(t *testing.T) {
	server := redistest.Start(t)
	a := newSharer(t, server.Address, "one", "two")
	a.share("one")
	one := a.joins("one")
	a.share("two")
	two := a.joins("two")
	if one.Member != two.Member || a.memberships() != 1 {
		t.Errorf("there are %d members", a.memberships())
	}
	a.share("two")
	if !a.keepsSeat("two") {
		t.Error("who asks twice is told twice")
	}
	store := redisAt(t, server.Address)
	a.declare(store, "written", "two")
	a.eventually("given one up", func() bool { return a.wasTold("one/app given up") })
	if !a.keepsSeat("two") {
		t.Error("the other one has lost its seat")
	}
	a.declare(store, "another", "two")
	a.eventually("given the other one up", func() bool { return a.wasTold("two/app given up") && a.memberships() == 0 })
	a.share("two")
	a.joins("two")
	a.share("three")
	if !a.wasTold("three/app given up") {
		t.Errorf("of a pool that is not declared, nothing is said: %q", a.said)
	}
}
