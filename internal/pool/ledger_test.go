package pool

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

func one(size int) *Ledger { return NewLedger(NewShared(1, size), 0) }

func TestAServerThatRestsIsGivenAtOnce(t *testing.T) {
	l := one(2)
	if o, _ := l.Release(1, 7, 0); o != ToIdle {
		t.Fatalf("a server nobody waits for goes %v", o)
	}
	if server, _, a := l.Acquire(2, 100, 0, Normal); a != Got || server != 7 {
		t.Fatalf("server %d, answer %v", server, a)
	}
	if _, _, a := l.Acquire(2, 101, 0, Normal); a != Queued {
		t.Fatalf("without a server the answer is %v", a)
	}
}

func TestWaitersComeFirstInFirstOut(t *testing.T) {
	l := one(1)
	var tickets []uint64
	for c := range uint32(40) {
		_, ticket, a := l.Acquire(int64(c), c, 0, Normal)
		if a != Queued {
			t.Fatal(a)
		}
		tickets = append(tickets, ticket)
	}
	for _, gone := range []int{0, 1, 5, 39} { // the first, the next, one amid, the last
		l.Leave(tickets[gone])
	}
	for _, want := range []uint32{2, 3, 4, 6, 7} {
		if o, client := l.Release(50, 1, 0); o != ToWaiter || client != want {
			t.Fatalf("served %d (%v) and not %d", client, o, want)
		}
	}
	if l.Waiting() != 31 {
		t.Fatalf("%d wait", l.Waiting())
	}
	if w := l.PopWaiter(); w.Client != 8 || w.Since != 8 {
		t.Fatalf("popped %+v", w)
	}
}

func TestNobodyOvertakesThoseWhoWait(t *testing.T) {
	l := one(2)
	l.Acquire(1, 1, 0, Normal)
	l.idle.push(9, 0, 1) // as if a server came to rest while somebody waits
	if _, _, a := l.Acquire(2, 2, 0, Normal); a != Queued {
		t.Fatalf("a newcomer gets %v", a)
	}
}

func TestTheLastUsedServerOrTheFirst(t *testing.T) {
	for _, fifo := range []bool{false, true} {
		l := one(9)
		l.FIFO = fifo
		for s := range uint32(3) {
			l.Release(int64(s), s, 0)
		}
		want := uint32(2)
		if fifo {
			want = 0
		}
		if server, _, _ := l.Acquire(9, 1, 0, Normal); server != want {
			t.Fatalf("fifo %v: server %d", fifo, server)
		}
	}
}

func TestAServerSetAsTheClientIsIsPreferred(t *testing.T) {
	const n = look + 10
	l := one(n)
	for s := range uint32(n) {
		l.Release(int64(s), s, s) // its tag is its number
	}
	if server, _, _ := l.Acquire(n, 1, 15, Normal); server != 15 {
		t.Fatalf("server %d, and 15 is among the last", server)
	}
	if server, _, _ := l.Acquire(n, 1, 2, Normal); server != n-1 {
		t.Fatalf("server %d: 2 is too far down to be looked for", server)
	}
	if r, _ := l.OldestIdle(); r.Server != 0 {
		t.Fatalf("the one at rest longest is %d", r.Server)
	}
	if !l.Remove(10) || l.Remove(10) || l.Idle() != n-3 {
		t.Fatal("removing one out of the middle")
	}
	last := int64(-1)
	l.EachIdle(func(r Idle) bool {
		if r.Since <= last || r.Server == 10 || r.Server == 15 || r.Server == n-1 {
			t.Fatalf("server %d since %d behind %d", r.Server, r.Since, last)
		}
		last = r.Since
		return true
	})
}

func TestMaxWaiting(t *testing.T) {
	s := NewShared(2, 1)
	a, b := NewLedger(s, 0), NewLedger(s, 1)
	a.MaxWaiting, b.MaxWaiting = 2, 2
	a.Acquire(1, 1, 0, Normal)
	b.Acquire(1, 2, 0, Normal)
	if _, _, answer := a.Acquire(1, 3, 0, Normal); answer != Full {
		t.Fatalf("the third on two shards gets %v", answer)
	}
}

// Who waits in pools of one family counts together, whichever of them it is.
func TestMaxWaitingOfAFamily(t *testing.T) {
	family := []*Shared{NewShared(2, 1), NewShared(2, 1)}
	for _, member := range family {
		member.SetFamily(family)
	}
	a, b := NewLedger(family[0], 0), NewLedger(family[1], 1)
	a.MaxWaiting, b.MaxWaiting = 2, 2
	_, first, _ := a.Acquire(1, 1, 0, Normal)
	b.Acquire(1, 2, 0, Normal)
	for _, l := range []*Ledger{a, b} {
		if _, _, answer := l.Acquire(1, 3, 0, Normal); answer != Full {
			t.Fatalf("the third gets %v", answer)
		}
	}
	a.Leave(first)
	if _, _, answer := b.Acquire(1, 3, 0, Normal); answer != Queued {
		t.Fatalf("where one has left, the next gets %v", answer)
	}
}

func TestTooManyServersAreClosedAtTheirRelease(t *testing.T) {
	l := one(1)
	size := &l.Shared().Size
	if !size.Take() || size.Take() {
		t.Fatal("one permit")
	}
	size.SetLimit(2)
	size.Take()
	size.SetLimit(1)
	if o, _ := l.Release(1, 1, 0); o != ToClose {
		t.Fatalf("over the limit a server goes %v", o)
	}
	size.Give()
	if o, _ := l.Release(1, 2, 0); o != ToIdle {
		t.Fatal("within the limit it stays")
	}
}

func TestAServerGoesWhereAClientHasWaitedLonger(t *testing.T) {
	s := NewShared(2, 1)
	a, b := NewLedger(s, 0), NewLedger(s, 1)
	b.Acquire(0, 20, 0, Normal)
	if o, to := a.Release(1, 1, 0); o != ToShard || to != 1 || a.Idle() != 0 {
		t.Fatalf("nobody waits here: it goes %v %d", o, to)
	}
	a.Acquire(Skew, 10, 0, Normal)
	if o, _ := a.Release(Skew+1, 1, 0); o != ToWaiter {
		t.Fatalf("within the skew a shard serves its own: it goes %v", o)
	}
	a.Acquire(Skew+1, 11, 0, Normal)
	if o, to := a.Release(Skew+2, 1, 0); o != ToShard || to != 1 {
		t.Fatalf("beyond the skew it goes %v %d", o, to)
	}
}

func TestLending(t *testing.T) {
	s := NewShared(2, 1)
	a, b := NewLedger(s, 0), NewLedger(s, 1)
	a.Release(1, 5, 0)
	if _, ok := a.Lend(1); ok {
		t.Fatal("lent to a shard where nobody waits")
	}
	b.Acquire(2, 1, 0, Normal)
	if b.Lender() != 0 || b.Missing() != 1 {
		t.Fatal("the shard with a server is not found")
	}
	if server, ok := a.Lend(1); !ok || server != 5 || b.Lender() != -1 {
		t.Fatalf("lent %d, %v", server, ok)
	}
	b.Coming()
	if b.Missing() != 0 || b.Connecting() != 1 {
		t.Fatal("one is coming")
	}
	b.Came()
}

func TestBugsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"leaving twice": func() {
			l := one(1)
			_, ticket, _ := l.Acquire(1, 1, 0, Normal)
			l.Leave(ticket)
			l.Leave(ticket)
		},
		"a permit nobody has": func() { new(Budget).Give() },
		"coming":              func() { one(1).Came() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: nothing is said", name)
				}
			}()
			f()
		}()
	}
}

// Rule 8: never more than the limit, at any instant, from any number of threads.
func TestBudgetUnderContention(t *testing.T) {
	const limit, threads, rounds = 3, 8, 20_000
	var b Budget
	b.SetLimit(limit)
	var out, refused, most atomic.Int64
	var all sync.WaitGroup
	for range threads {
		all.Go(func() {
			for range rounds {
				if !b.Take() {
					refused.Add(1)
					continue
				}
				n := out.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				out.Add(-1)
				b.Give()
			}
		})
	}
	all.Wait()
	if most.Load() > limit || b.Taken() != 0 {
		t.Fatalf("%d permits were out at once, %d still are", most.Load(), b.Taken())
	}
	t.Logf("at most %d out; %d of %d refused", most.Load(), refused.Load(), threads*rounds)
	b.SetLimit(0)
	for range 100 {
		if !b.Take() {
			t.Fatal("no limit")
		}
	}
	b.SetLimit(99)
	if !b.Over() {
		t.Fatal("100 of 99 is not over")
	}
}

// TakeBelow and GoingAbove are exact from any number of threads: a floor is neither overshot nor undercut.
func TestTheFloorOfABudget(t *testing.T) {
	const floor, threads, rounds = 3, 8, 20_000
	var b Budget
	b.SetLimit(100)
	for range floor {
		b.Take()
	}
	var all sync.WaitGroup
	var wrong atomic.Int64
	for range threads {
		all.Go(func() {
			for range rounds {
				if b.TakeBelow(floor + 2) {
					if b.Taken() > floor+2 {
						wrong.Add(1)
					}
				}
				if b.GoingAbove(floor) {
					if b.Staying() < floor {
						wrong.Add(1)
					}
					b.Gone()
				}
			}
		})
	}
	all.Wait()
	if n := wrong.Load(); n > 0 || b.Leaving() != 0 || b.Taken() < floor || b.Taken() > floor+2 || b.Staying() != b.Taken() {
		t.Fatalf("%d times beyond the bounds; at the end %d taken, %d leaving", n, b.Taken(), b.Leaving())
	}
}

func TestAPermitThatIsGoing(t *testing.T) {
	var b Budget
	b.SetLimit(2)
	b.Take()
	b.Take()
	b.SetLimit(1)
	if !b.Over() || b.GoingAbove(2) || !b.GoingAbove(1) {
		t.Fatal("two of one: one may go")
	}
	if b.Over() || b.Take() || b.TakeBelow(2) || b.Taken() != 2 || b.Leaving() != 1 || b.Staying() != 1 {
		t.Fatal("one that is going is still out, and no longer too many")
	}
	b.Gone()
	if b.Taken() != 1 || b.Leaving() != 0 || b.TakeBelow(1) || !b.TakeBelow(2) {
		t.Fatal("one is gone")
	}
}

// A server of the reserve stays while somebody waits, on whatever shard, and goes when nobody does.
func TestTheReserve(t *testing.T) {
	s := NewShared(2, 1)
	s.SetReserve(1)
	a, b := NewLedger(s, 0), NewLedger(s, 1)
	if !s.Size.Take() || s.Size.Take() || !s.TakeReserve() || s.TakeReserve() || s.InReserve() != 1 {
		t.Fatal("one, and one of the reserve")
	}
	b.Acquire(1, 20, 0, Normal)
	if o, to := a.Release(2, 1, 0); o != ToShard || to != 1 {
		t.Fatalf("somebody waits elsewhere: it goes %v", o)
	}
	if o, _ := b.Release(3, 1, 0); o != ToWaiter {
		t.Fatalf("it goes %v", o)
	}
	if o, _ := a.Release(4, 2, 0); o != ToClose {
		t.Fatalf("nobody waits: it goes %v", o)
	}
	s.Size.Give()
	if o, _ := b.Release(5, 1, 0); o != ToIdle || s.InReserve() != 0 {
		t.Fatalf("the last one goes %v", o)
	}
	b.Acquire(6, 21, 0, Normal)
	b.Acquire(6, 22, 0, Normal)
	s.Size.SetLimit(3)
	s.Size.Take()
	s.Size.Take()
	s.Size.SetLimit(1)
	if o, _ := a.Release(7, 3, 0); o != ToClose {
		t.Fatalf("there are more than the reserve allows: it goes %v", o)
	}
	s.Size.Give()
	if o, _ := a.Release(7, 2, 0); o != ToShard {
		t.Fatalf("there are as many as it allows: it goes %v", o)
	}
}

// Who is next: at the bound of the penalty, and past it; on another shard too.
func TestPrioritiesAreBounded(t *testing.T) {
	for _, c := range []struct {
		waits, comes Priority
		bound        int64
	}{{Normal, High, NormalPenalty}, {Low, High, LowPenalty}, {Low, Normal, LowPenalty - NormalPenalty}} {
		for _, late := range []bool{false, true} {
			at := c.bound - 1
			if late {
				at = c.bound + 1
			}
			l := one(1)
			l.Acquire(0, 1, 0, c.waits)
			l.Acquire(at, 2, 0, c.comes)
			if o, client := l.Release(at, 9, 0); o != ToWaiter || (client == 1) != late {
				t.Errorf("%d has waited for %d ns when %d comes: %d is served", c.waits, at, c.comes, client)
			}
			s := NewShared(2, 1)
			a, b := NewLedger(s, 0), NewLedger(s, 1)
			a.Acquire(0, 1, 0, c.waits)
			if late {
				at += Skew
			} else {
				at -= Skew
			}
			b.Acquire(at, 2, 0, c.comes)
			if o, to := b.Release(at, 9, 0); (o == ToShard && to == 0) != late {
				t.Errorf("on another shard %d has waited for %d ns when %d comes: %v", c.waits, at, c.comes, o)
			}
			if !late {
				b.Acquire(at, 2, 0, c.comes) // it has been served
			}
			if o, to := a.Release(at, 9, 0); (o == ToWaiter && to == 1) != late {
				t.Errorf("%d has waited for %d ns when %d comes on another shard: %v", c.waits, at, c.comes, o)
			}
		}
	}
}

// Those who lost their servers at one time are where they were, in whatever order they come back.
func TestManyWhoLostTheirServers(t *testing.T) {
	l := one(1)
	for client := range uint32(4) {
		l.Acquire(10+int64(client), 10+client, 0, Normal)
	}
	for _, client := range []uint32{3, 1, 2, 0, 4} {
		l.Rejoin(int64(client), client, 0, Normal)
	}
	for _, want := range []uint32{0, 1, 2, 3, 4, 10, 11, 12, 13} {
		if _, client := l.Release(50, 1, 0); client != want {
			t.Fatalf("%d is served, not %d", client, want)
		}
	}
}

func acquireRelease(l *Ledger) {
	server, _, _ := l.Acquire(1, 7, 0, Normal)
	l.Release(2, server, 0)
}

func TestAcquireAndReleaseDoNotAllocate(t *testing.T) {
	for _, shards := range []int{1, 4} {
		l := NewLedger(NewShared(shards, 20), 0)
		for s := range uint32(20) {
			l.Release(1, s, 0)
		}
		if n := testing.AllocsPerRun(1000, func() { acquireRelease(l) }); n != 0 {
			t.Fatalf("%d shards: %v allocations", shards, n)
		}
		for range 20 {
			l.Acquire(1, 1, 0, Normal)
		}
		for c := range uint32(100) {
			l.Acquire(1, c, 0, Normal)
		}
		if n := testing.AllocsPerRun(1000, func() {
			l.Release(2, 1, 0)
			l.Acquire(2, 1, 0, Normal)
		}); n != 0 {
			t.Fatalf("%d shards, with waiters: %v allocations", shards, n)
		}
	}
}

func benchmarkAcquireRelease(b *testing.B, shards, waiting int) {
	l := NewLedger(NewShared(shards, 20), 0)
	for s := range uint32(20) {
		l.Release(1, s, 0)
	}
	b.ReportAllocs()
	if waiting == 0 {
		for b.Loop() {
			acquireRelease(l)
		}
		return
	}
	for range 20 {
		l.Acquire(1, 1, 0, Normal)
	}
	for c := range uint32(waiting) {
		l.Acquire(1, c, 0, Normal)
	}
	for b.Loop() {
		l.Release(2, 1, 0)
		l.Acquire(2, 1, 0, Normal)
	}
}

// Below 200 ns is promised.
func BenchmarkAcquireRelease(b *testing.B)            { benchmarkAcquireRelease(b, 1, 0) }
func BenchmarkAcquireReleaseTwoShards(b *testing.B)   { benchmarkAcquireRelease(b, 2, 0) }
func BenchmarkAcquireReleaseWithWaiters(b *testing.B) { benchmarkAcquireRelease(b, 2, 1000) }

// As many servers are looked at as may be, and none has the tag.
func BenchmarkTake(b *testing.B) {
	l := one(look)
	for s := range uint32(look) {
		l.Release(1, s, 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		server, _, _ := l.Acquire(1, 1, 2, Normal)
		l.Release(1, server, 1)
	}
}

// Of kinds of clients for all of whom there are servers, every one comes to have its own: from then on each client gets a server
// that is set as itself, in whatever order they come and go.
func TestKindsOfClientsShareTheServers(t *testing.T) {
	for _, c := range []struct{ kinds, each int }{{2, 10}, {5, 4}, {20, 1}, {40, 1}} {
		for seed := range uint64(10) {
			if n := misfits(c.kinds, c.each, rand.New(rand.NewPCG(seed, 1))); n > 0 {
				t.Fatalf("%d kinds of %d, seed %d: %d got servers of others, long after the beginning", c.kinds, c.each, seed, n)
			}
		}
	}
}

// misfits lets clients of so many kinds, so many of each, come and go, and counts those that got another's server in the end.
func misfits(kinds, each int, r *rand.Rand) (n int) {
	l := one(kinds * each)
	for s := range uint32(kinds * each) {
		l.Release(1, s, 0)
	}
	busy := make([][]uint32, kinds)
	tag := map[uint32]uint32{}
	const steps = 20_000
	for step := range int64(steps) {
		k := r.IntN(kinds)
		kind := uint32(k + 1)
		if there := len(busy[k]); there == each || there > 0 && r.IntN(2) == 0 {
			i := r.IntN(there)
			l.Release(step, busy[k][i], kind)
			busy[k] = append(busy[k][:i], busy[k][i+1:]...)
			continue
		}
		server, _, _ := l.Acquire(step, 1, kind, Normal)
		busy[k] = append(busy[k], server)
		if tag[server] != kind && step > steps/2 {
			n++
		}
		tag[server] = kind
	}
	return n
}

func TestWhoLostItsServerIsFirstAgain(t *testing.T) {
	l := one(1)
	l.MaxWaiting = 2
	for client := range uint32(2) {
		l.Acquire(int64(client), client, 0, Normal)
	}
	_, gone, answer := l.Rejoin(-1, 7, 0, Normal)
	if answer != Queued {
		t.Fatalf("the third gets %v", answer)
	}
	l.Rejoin(-2, 8, 0, Normal)
	l.Leave(gone)
	for _, want := range []Waiter{{Client: 8, Since: -2}, {Client: 0, Since: 0}, {Client: 1, Since: 1}} {
		if w, ok := l.FirstWaiter(); !ok || w != want {
			t.Fatalf("%v is first, not %v", w, want)
		}
		l.PopWaiter()
	}
	l.Release(1, 42, 0)
	if server, _, answer := l.Rejoin(0, 9, 0, Normal); answer != Got || server != 42 {
		t.Fatalf("%v, %d", answer, server)
	}
}
