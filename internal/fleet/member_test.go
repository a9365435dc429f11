package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// process is one of a fleet, as a test has it: a member, and what its engine would know.
type process struct {
	t      *testing.T
	name   string
	member *Member
	ledger *querycache.Ledger
	stop   func()

	mu     sync.Mutex
	seat   *Seat
	missed bool // something was written, and nobody told
	lost   error
	heard  []string
	errors []string // as the log has them
}

// join begins a process; the test has to end it.
func join(t *testing.T, store querycache.Store, name string) *process {
	return joinAt(t, store, name, Pace{})
}

func joinAt(t *testing.T, store querycache.Store, name string, pace Pace) *process {
	p := &process{t: t, name: name, ledger: querycache.NewLedger()}
	p.member = New(store, "app", pace, p, p.log)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.member.Run(ctx) }()
	p.stop = func() { stop(); <-done }
	return p
}

func (p *process) Joined() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat = p.member.Seat(); p.missed {
		p.seat.Note(querycache.OpChange, &p.ledger.All)
	}
	p.missed = false
}

func (p *process) Lost(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seat.Close()
	p.seat, p.lost = nil, err
}

func (p *process) log(level, message, cause string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.t.Log(p.name, level, message, cause); level == "error" {
		p.errors = append(p.errors, cause)
	}
}

// Heard does what the engine does, and takes notes.
func (p *process) Heard(op querycache.Op, table string) {
	p.mu.Lock()
	p.heard = append(p.heard, fmt.Sprintf("%s %s", []string{"begin", "end", "cancel", "change", "seen"}[op], table))
	p.mu.Unlock()
	switch x := p.table(table); op {
	case querycache.OpBegin:
		x.Begin()
	case querycache.OpEnd:
		x.End(0)
	case querycache.OpCancel:
		x.Cancel()
	case querycache.OpChange:
		x.Change(0)
	}
}

func (p *process) table(name string) *querycache.Table {
	if name == "" {
		return &p.ledger.All
	}
	return p.ledger.Table(name)
}

// does has the process itself do something, as it is told to a Witness.
func (p *process) does(op querycache.Op, table string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat == nil {
		p.missed = true
		return
	}
	p.seat.Note(op, p.table(table))
}

// writes is a transaction of one table.
func (p *process) writes(table string) {
	p.does(querycache.OpBegin, table)
	p.does(querycache.OpEnd, table)
}

// hears is what was heard since it was asked for last.
func (p *process) hears() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	said := strings.Join(p.heard, ", ")
	p.heard = nil
	return said
}

func (p *process) expect(want string) {
	p.t.Helper()
	if got := p.hears(); got != want {
		p.t.Errorf("%s has heard %q, not %q", p.name, got, want)
	}
}

func (p *process) isJoined() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seat != nil
}

func (p *process) expectJoined(want bool) {
	p.t.Helper()
	synctest.Wait()
	if got := p.isJoined(); got != want {
		p.t.Errorf("%s has joined: %v, not %v (%v)", p.name, got, want, p.lost)
	}
}

func (p *process) expectLost(why error) {
	p.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat != nil || !errors.Is(p.lost, why) {
		p.t.Errorf("%s is out of touch: %v, by %v, not %v", p.name, p.seat == nil, p.lost, why)
	}
}

// expectPending is how many changes of a table may be under way, as far as the process has heard.
func (p *process) expectPending(table string, want uint64) {
	p.t.Helper()
	synctest.Wait()
	if got := p.table(table).Pending(); got != want {
		p.t.Errorf("%s knows of %d changes of %q under way, not %d", p.name, got, table, want)
	}
}

// offers a reply that depends on these tables, as of now.
func (p *process) offers(key byte, tables ...string) { p.offersAt(p.member.Position(), key, tables...) }

func (p *process) offersAt(position uint64, key byte, tables ...string) {
	p.member.Keep(querycache.SharedKey{key}, &querycache.Shared{
		Reply: []byte("reply"), Shape: 7, Tables: tables, Position: position, Left: time.Hour,
	})
	synctest.Wait()
}

// finds is whether there is a reply that may be served.
func (p *process) finds(key byte) bool {
	found := make(chan *querycache.Shared, 1)
	p.member.Fetch(querycache.SharedKey{key}, nil, func(s *querycache.Shared) { found <- s })
	return <-found != nil
}

func (p *process) expectFinds(key byte, want bool) {
	p.t.Helper()
	synctest.Wait()
	if got := p.finds(key); got != want {
		p.t.Errorf("%s finds reply %d: %v, not %v", p.name, key, got, want)
	}
}

// fleetOf has processes join, in a bubble with a time of its own.
func fleetOf(t *testing.T, names string, f func(t *testing.T, s *memory, fleet []*process)) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		var fleet []*process
		for name := range strings.FieldsSeq(names) {
			fleet = append(fleet, join(t, s, name))
		}
		time.Sleep(4 * time.Second)
		for _, p := range fleet {
			p.expectJoined(true)
			if p.hears(); len(p.errors) > 0 {
				t.Errorf("%s has joined by a detour: %q", p.name, p.errors)
			}
		}
		f(t, s, fleet)
		for _, p := range fleet {
			p.stop()
		}
	})
}

func TestOthersHearOfWrites(t *testing.T) {
	fleetOf(t, "a b", func(t *testing.T, s *memory, fleet []*process) {
		a, b := fleet[0], fleet[1]
		a.does(querycache.OpBegin, "orders")
		b.expect("begin orders")
		b.expectPending("orders", 1)
		a.does(querycache.OpEnd, "orders")
		b.expect("end orders")
		a.does(querycache.OpBegin, "orders")
		b.hears()
		a.does(querycache.OpCancel, "orders")
		b.expect("cancel orders")
		a.does(querycache.OpChange, "")
		b.expect("change ")
		a.does(querycache.OpSeen, "orders")
		b.expect("")
		a.expect("")
		b.expectPending("orders", 0)
	})
}

// TestTwoWritersOfATable: each of them has a change under way until it says otherwise.
func TestTwoWritersOfATable(t *testing.T) {
	fleetOf(t, "a b c", func(t *testing.T, s *memory, fleet []*process) {
		a, b, c := fleet[0], fleet[1], fleet[2]
		a.does(querycache.OpBegin, "t")
		a.does(querycache.OpBegin, "t")
		b.does(querycache.OpBegin, "t")
		c.expectPending("t", 2)
		a.does(querycache.OpEnd, "t")
		c.expectPending("t", 2)
		b.does(querycache.OpEnd, "t")
		c.expectPending("t", 1)
		a.does(querycache.OpEnd, "t")
		c.expectPending("t", 0)
	})
}

// TestRepliesAreShared follows a reply from who got it to who asks for it, and to its end.
func TestRepliesAreShared(t *testing.T) {
	fleetOf(t, "a b", func(t *testing.T, s *memory, fleet []*process) {
		a, b := fleet[0], fleet[1]
		a.offers(1, "orders", "items")
		a.offers(2, "users")
		b.expectFinds(1, true)
		b.expectFinds(2, true)
		b.expectFinds(3, false)
		a.writes("items")
		b.expectFinds(1, false)
		a.expectFinds(1, false)
		b.expectFinds(2, true)
		a.offers(1, "orders", "items")
		b.expectFinds(1, true)
		b.does(querycache.OpSeen, "orders")
		b.expectFinds(1, false)
		b.does(querycache.OpChange, "")
		a.expectFinds(2, false)
	})
}

// TestAnOwnWriteIsBehindEveryPositionUntilReadBack: a store that is slow does not bring back what was before it (rule 4).
func TestAnOwnWriteIsBehindEveryPositionUntilReadBack(t *testing.T) {
	fleetOf(t, "a b", func(t *testing.T, s *memory, fleet []*process) {
		a, b := fleet[0], fleet[1]
		b.offersAt(b.member.Position()+1000, 1, "t") // as from the future
		a.expectFinds(1, true)
		s.do(func(s *memory) { s.held = true })
		a.writes("t")
		a.expectFinds(1, false)
		s.do(func(s *memory) { s.held = false })
		synctest.Wait()
		a.expectFinds(1, true)
	})
}

// TestWhatWasBeforeJoiningIsNotTrusted is rule 7.
func TestWhatWasBeforeJoiningIsNotTrusted(t *testing.T) {
	fleetOf(t, "a", func(t *testing.T, s *memory, fleet []*process) {
		a := fleet[0]
		a.offers(1, "t")
		b := join(t, s, "b")
		defer b.stop()
		b.expectFinds(1, false)
		time.Sleep(4 * time.Second)
		b.expectJoined(true)
		b.expectFinds(1, false)
		a.offers(1, "t")
		b.expectFinds(1, true)
	})
}

// TestWhoJoinsLearnsWhatIsUnderWay is rules 11 and 12.
func TestWhoJoinsLearnsWhatIsUnderWay(t *testing.T) {
	fleetOf(t, "a", func(t *testing.T, s *memory, fleet []*process) {
		a := fleet[0]
		a.does(querycache.OpBegin, "t")
		b := join(t, s, "b")
		defer b.stop()
		time.Sleep(100 * time.Millisecond)
		b.expectPending("t", 1)
		b.expectJoined(false)
		time.Sleep(4 * time.Second)
		b.expectJoined(true)
		b.expectPending("t", 1)
		a.does(querycache.OpEnd, "t")
		b.expectPending("t", 0)
	})
}

// TestTooManyTablesAreTheWholeDatabase is rule 3, at the bound and past it.
func TestTooManyTablesAreTheWholeDatabase(t *testing.T) {
	for _, c := range []struct {
		tables int
		want   uint64
	}{{maxTold, 0}, {maxTold + 1, 1}} {
		fleetOf(t, "a b", func(t *testing.T, s *memory, fleet []*process) {
			a, b := fleet[0], fleet[1]
			a.member.mu.Lock() // so that all is one record
			for i := range c.tables {
				name := fmt.Sprint("t", i)
				a.member.tables.note(a.seat.count(querycache.OpBegin, name), name)
			}
			a.member.mu.Unlock()
			time.Sleep(time.Second)
			b.expectPending("", c.want)
			b.expectPending("t0", 1-c.want)
			a.does(querycache.OpEnd, "t0")
			time.Sleep(time.Second)
			b.expectPending("", 0)
			b.expectPending("t0", 0)
			b.expectPending("t1", 1)
			for i := range c.tables - 1 {
				a.does(querycache.OpEnd, fmt.Sprint("t", i+1))
			}
			b.expectPending("t1", 0)
		})
	}
}

// TestWhoLeavesLeavesNothingBehind is rule 13.
func TestWhoLeavesLeavesNothingBehind(t *testing.T) {
	fleetOf(t, "a b", func(t *testing.T, s *memory, fleet []*process) {
		a, b := fleet[0], fleet[1]
		a.writes("t")
		a.stop()
		b.hears()
		time.Sleep(10 * time.Second)
		b.expect("")
		b.expectJoined(true)
	})
}

// TestALeaseEnds is rule 14: who dies amid a commit may have made it.
func TestALeaseEnds(t *testing.T) {
	fleetOf(t, "a b", func(t *testing.T, s *memory, fleet []*process) {
		a, b := fleet[0], fleet[1]
		a.does(querycache.OpBegin, "t")
		b.expect("begin t")
		a.stop() // and does not say so, as a change is under way
		time.Sleep(7 * time.Second)
		b.expect("begin ")
		c := join(t, s, "c")
		defer c.stop()
		time.Sleep(4 * time.Second)
		c.expectJoined(true)
		c.expectPending("", 1)
		time.Sleep(time.Minute)
		if got := b.hears(); got != "end t, end " {
			t.Errorf("b has heard %q", got)
		}
		c.expectPending("", 0)
	})
}

// TestTroublesOfTheStore: whatever the store does, members are out of touch in time, and know all when it is over.
func TestTroublesOfTheStore(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name        string
		begin, over func(*memory)
		lasts       time.Duration
		why         error
	}{
		{"an error", func(s *memory) { s.broken = broken }, func(s *memory) { s.broken = nil }, time.Second, broken},
		{"nothing is read back", func(s *memory) { s.held = true }, func(s *memory) { s.held = false }, 3500 * time.Millisecond, errLate},
		{"another generation", func(s *memory) { s.generation = "two" }, func(*memory) {}, 1500 * time.Millisecond, errGeneration},
		{"the log is forgotten", func(s *memory) {
			for _, l := range s.logs {
				l.first, l.records = l.first+100, nil
			}
		}, func(*memory) {}, 1500 * time.Millisecond, querycache.ErrForgotten},
		{"the log begins anew", func(s *memory) { clear(s.logs) }, func(*memory) {}, 1500 * time.Millisecond, querycache.ErrForgotten},
	} {
		t.Run(c.name, func(t *testing.T) {
			fleetOf(t, "a b", func(t *testing.T, s *memory, fleet []*process) {
				a, b := fleet[0], fleet[1]
				a.offers(1, "t")
				a.does(querycache.OpBegin, "mine")
				b.expectPending("mine", 1)
				s.do(c.begin)
				time.Sleep(c.lasts)
				a.expectLost(c.why)
				b.expectLost(c.why)
				s.do(c.over)
				time.Sleep(20 * time.Second)
				a.expectJoined(true)
				b.expectJoined(true)
				b.expectPending("mine", 0)
				b.expectPending("", 0)
				b.expectFinds(1, false)
				b.hears()
				a.does(querycache.OpEnd, "mine")
				b.expect("change mine")
			})
		})
	}
}

// TestWhatIsWrittenOutOfTouchIsToldLater is rule 10; and a member that stays in touch counts everything as being changed while another is silent.
func TestWhatIsWrittenOutOfTouchIsToldLater(t *testing.T) {
	fleetOf(t, "b", func(t *testing.T, s *memory, fleet []*process) {
		road := &road{Store: s}
		a, b := join(t, road, "a"), fleet[0]
		defer a.stop()
		time.Sleep(4 * time.Second)
		a.expectJoined(true)
		b.hears()
		a.does(querycache.OpBegin, "t")
		b.expect("begin t")
		road.cut.Store(true)
		time.Sleep(7 * time.Second)
		a.does(querycache.OpEnd, "t")
		a.expectJoined(false)
		b.expectJoined(true)
		b.expect("begin ")
		road.cut.Store(false)
		time.Sleep(20 * time.Second)
		a.expectJoined(true)
		heard := strings.Split(b.hears(), ", ")
		slices.Sort(heard)
		if got := strings.Join(heard, ", "); got != "change , end , end t" {
			t.Errorf("b has heard %q", got)
		}
	})
}

// road is the way of one process to a store, which may be cut.
type road struct {
	querycache.Store
	cut atomic.Bool
}

var errCut = errors.New("cut")

func (r *road) Append(ctx context.Context, log string, record []byte) (uint64, error) {
	if r.cut.Load() {
		return 0, errCut
	}
	return r.Store.Append(ctx, log, record)
}

// TestALateRecordIsOfNoUse: what was given up, and is written all the same when it has been told once more, changes nothing.
func TestALateRecordIsOfNoUse(t *testing.T) {
	fleetOf(t, "a b", func(t *testing.T, s *memory, fleet []*process) {
		a, b := fleet[0], fleet[1]
		a.does(querycache.OpBegin, "t")
		a.does(querycache.OpEnd, "t")
		s.do(func(s *memory) { s.broken = errCut })
		synctest.Wait()
		s.do(func(s *memory) { s.broken = nil })
		time.Sleep(5 * time.Second)
		a.expectJoined(true)
		b.hears()
		late := record{from: a.member.id, seq: 1, kind: tells, tables: []told{{name: "t", pending: true}}}
		s.Append(t.Context(), namesOf("one", "app").log(), appendRecord(nil, &late))
		b.expect("")
		a.expectJoined(true)
		b.expectJoined(true)
	})
}

// TestWhatOthersSayIsJudged: a record that cannot be read costs touch, and nothing else.
func TestWhatOthersSayIsJudged(t *testing.T) {
	fleetOf(t, "a", func(t *testing.T, s *memory, fleet []*process) {
		a := fleet[0]
		s.Append(t.Context(), namesOf("one", "app").log(), []byte("nonsense"))
		a.expectLost(errVersion)
		time.Sleep(5 * time.Second)
		a.expectJoined(true)
	})
}

// TestTooManyMembers is at the bound and past it.
func TestTooManyMembers(t *testing.T) {
	fleetOf(t, "a", func(t *testing.T, s *memory, fleet []*process) {
		a := fleet[0]
		for i := range maxMembers + 1 {
			a.expectJoined(true)
			r := record{from: memberID{byte(i), byte(i >> 8), 1}, seq: 1, kind: joins}
			s.Append(t.Context(), namesOf("one", "app").log(), appendRecord(nil, &r))
		}
		a.expectLost(errMembers)
	})
}

// TestSeats: what one has told begin only that one ends; and a closed one has nothing begin.
func TestSeats(t *testing.T) {
	fleetOf(t, "a b", func(t *testing.T, s *memory, fleet []*process) {
		a, b := fleet[0], fleet[1]
		one, other, x := a.member.Seat(), a.member.Seat(), a.ledger.Table("t")
		one.Note(querycache.OpBegin, x)
		b.expect("begin t")
		other.Note(querycache.OpEnd, x)
		b.expect("change t")
		other.Note(querycache.OpBegin, x)
		b.expect("")
		one.Note(querycache.OpCancel, x)
		b.expect("")
		other.Close()
		b.expect("end t")
		other.Note(querycache.OpBegin, x)
		b.expect("change t")
		other.Note(querycache.OpEnd, x)
		b.expect("change t")
	})
}

// TestNotingAllocatesNothing: it is on the way of every write.
func TestNotingAllocatesNothing(t *testing.T) {
	m := New(newMemory(), "app", Pace{}, nil, nil)
	seat, x := m.Seat(), querycache.NewLedger().Table("t")
	seat.Note(querycache.OpChange, x)
	if n := testing.AllocsPerRun(100, func() {
		seat.Note(querycache.OpBegin, x)
		seat.Note(querycache.OpEnd, x)
	}); n != 0 {
		t.Errorf("noting allocates %v times", n)
	}
}
