package pool

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

var seed = flag.Uint64("seed", 0, "the seed of the random tests; 0: many")

func seeds(t *testing.T, n uint64, f func(seed uint64) error) {
	t.Helper()
	first, last := uint64(1), n
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for s := first; s <= last; s++ {
		if err := f(s); err != nil {
			t.Fatalf("-seed %d: %v", s, err)
		}
	}
}

// TestLedgerAgainstModel: one shard, compared with plain slices.
func TestLedgerAgainstModel(t *testing.T) {
	seeds(t, 300, func(seed uint64) error {
		r := rand.New(rand.NewPCG(seed, 2))
		l := one(1000)
		l.FIFO = r.IntN(2) == 0
		kinds := 1 + r.IntN(priorities) // of priority
		var idle, used []uint32
		type wait struct {
			client   uint32
			ticket   uint64
			since    int64
			priority Priority
		}
		var waiting []wait // in the order in which they began to wait
		next := uint32(0)
		first := func() int { // whose turn it is
			at := 0
			for i, w := range waiting {
				if w.since+penalty[w.priority] < waiting[at].since+penalty[waiting[at].priority] {
					at = i
				}
			}
			return at
		}
		now := int64(0)
		for step := range 2000 {
			now += 1 + r.Int64N(2*LowPenalty/int64(1+r.IntN(1000)))
			p := Priority(r.IntN(kinds))
			switch k := r.IntN(11); {
			case k < 4: // a client asks
				next++
				server, ticket, a := l.Acquire(now, next, 0, p)
				if len(waiting) == 0 && len(idle) > 0 {
					at := len(idle) - 1
					if l.FIFO {
						at = 0
					}
					if a != Got || server != idle[at] {
						return fmt.Errorf("step %d: %v, server %d, not %d", step, a, server, idle[at])
					}
					idle = slices.Delete(idle, at, at+1)
					used = append(used, server)
					break
				}
				if a != Queued {
					return fmt.Errorf("step %d: %v", step, a)
				}
				waiting = append(waiting, wait{next, ticket, now, p})
			case k < 8: // a server, new or used, is released
				server := 1000 + next
				next++
				if len(used) > 0 && r.IntN(4) > 0 {
					i := r.IntN(len(used))
					server = used[i]
					used = slices.Delete(used, i, i+1)
				}
				o, client := l.Release(now, server, 0)
				if len(waiting) == 0 {
					if o != ToIdle {
						return fmt.Errorf("step %d: %v", step, o)
					}
					idle = append(idle, server)
					break
				}
				at := first()
				if o != ToWaiter || client != waiting[at].client {
					return fmt.Errorf("step %d: %v, client %d, not %d", step, o, client, waiting[at].client)
				}
				for _, w := range waiting { // the bound: who is overtaken came less than the penalty before
					if ahead := waiting[at].since - w.since; ahead > penalty[w.priority]-penalty[waiting[at].priority] {
						return fmt.Errorf("step %d: client %d is served that came %d ns after client %d", step, client, ahead, w.client)
					}
				}
				w := waiting[at]
				waiting = slices.Delete(waiting, at, at+1)
				if r.IntN(5) > 0 || len(idle) > 0 {
					used = append(used, server)
					break
				}
				// The server is lost before it was used: the client is where it was.
				_, ticket, a := l.Rejoin(w.since, w.client, 0, w.priority)
				if a != Queued {
					return fmt.Errorf("step %d: %v", step, a)
				}
				w.ticket = ticket
				waiting = slices.Insert(waiting, at, w)
			case k == 8 && len(waiting) > 0: // one leaves
				i := r.IntN(len(waiting))
				l.Leave(waiting[i].ticket)
				waiting = slices.Delete(waiting, i, i+1)
			case k == 9 && len(idle) > 0: // a server dies
				i := r.IntN(len(idle))
				if !l.Remove(idle[i]) {
					return fmt.Errorf("step %d: server %d does not rest", step, idle[i])
				}
				idle = slices.Delete(idle, i, i+1)
			case k == 10 && len(waiting) > 0: // one has waited too long
				if w := l.PopWaiter(); w != (Waiter{waiting[0].client, waiting[0].since}) {
					return fmt.Errorf("step %d: %v has waited longest, not %v", step, w, waiting[0])
				}
				waiting = waiting[1:]
			}
			if l.Idle() != len(idle) || l.Waiting() != len(waiting) || l.Shared().Waiting() != len(waiting) {
				return fmt.Errorf("step %d: %d idle and %d waiting, not %d and %d", step, l.Idle(), l.Waiting(), len(idle), len(waiting))
			}
			if w, ok := l.FirstWaiter(); ok != (len(waiting) > 0) || ok && w.Client != waiting[0].client {
				return fmt.Errorf("step %d: %v has waited longest", step, w)
			}
			since := now - r.Int64N(LowPenalty)
			want := len(waiting)
			for i, w := range waiting {
				if w.since > since {
					want = i
					break
				}
			}
			n, later, ok := l.WaitingSince(since, len(waiting)+1)
			if n != want || ok != (want < len(waiting)) || ok && later != waiting[want].since {
				return fmt.Errorf("step %d: %d have waited since %d, and the next since %d", step, n, since, later)
			}
		}
		return nil
	})
}

// world is several shards that tell each other things which arrive later, in order from shard to shard, as the
// engine's do.
type world struct {
	*rand.Rand
	now     int64
	shared  *Shared
	ledgers []*Ledger
	using   [][]uint32 // servers in use, by shard
	mail    [][]message
	dialing int
	moving  int
	next    uint32
	limit   int
	reserve int
}

// turn is whose turn it is on a shard, and its time with its penalty.
func (w *world) turn(i int) (client uint32, key int64, ok bool) {
	q := &w.ledgers[i].waiters
	ticket, key := q.next()
	if ticket == 0 {
		return 0, 0, false
	}
	return q.places[ticket].Client, key, true
}

// takes takes a permit for a shard: one of the reserve where somebody has waited long enough.
func (w *world) takes(i int) bool {
	if w.shared.Size.Take() {
		return true
	}
	overdue, _, _ := w.ledgers[i].WaitingSince(w.now-reserveAfter, 1)
	return overdue > 0 && w.shared.TakeReserve()
}

const reserveAfter = 5_000_000

type message struct {
	kind   string // wanted, server, freed, dialed
	from   int
	server uint32
}

func (w *world) post(to int, m message) { w.mail[to] = append(w.mail[to], m) }

// supply is the engine's: dial what is missing and permitted, or ask another shard.
func (w *world) supply(i int) {
	l := w.ledgers[i]
	for l.Missing() > 0 && w.takes(i) {
		l.Coming()
		w.dialing++
		w.next++
		w.post(i, message{kind: "dialed", server: w.next})
	}
	if l.Missing() > 0 {
		if other := l.Lender(); other >= 0 {
			w.post(other, message{kind: "wanted", from: i})
		}
	}
}

func (w *world) release(i int, server uint32) error {
	l := w.ledgers[i]
	first, key, waits := w.turn(i)
	outcome, to := l.Release(w.now, server, 0)
	switch outcome {
	case ToWaiter:
		if !waits || to != first {
			return fmt.Errorf("client %d is served, and it is the turn of %d", to, first)
		}
		for j := range w.ledgers {
			if _, other, ok := w.turn(j); j != i && ok && key > other+Skew {
				return fmt.Errorf("a client of shard %d was served whose turn was %d ns after that of one of shard %d", i, key-other, j)
			}
		}
		w.using[i] = append(w.using[i], server)
	case ToShard:
		w.moving++
		w.post(int(to), message{kind: "server", server: server})
	case ToClose:
		w.close()
	}
	return nil
}

// close gives a permit back, and tells who lacks one.
func (w *world) close() {
	w.shared.Size.Give()
	for i := range w.ledgers {
		if w.shared.Starving(i) {
			w.post(i, message{kind: "freed"})
		}
	}
}

// deliver delivers the oldest message of a shard.
func (w *world) deliver(i int) error {
	m := w.mail[i][0]
	w.mail[i] = w.mail[i][1:]
	switch m.kind {
	case "dialed":
		w.dialing--
		w.ledgers[i].Came()
		if w.IntN(5) == 0 { // refused
			w.close()
			w.supply(i)
			return nil
		}
		err := w.release(i, m.server)
		w.supply(i)
		return err
	case "server":
		w.moving--
		return w.release(i, m.server)
	case "wanted":
		if server, ok := w.ledgers[i].Lend(m.from); ok {
			w.moving++
			w.post(m.from, message{kind: "server", server: server})
		} else if other := w.ledgers[i].Lender(); other >= 0 && w.shared.Starving(m.from) {
			w.post(other, m) // it has none any more, but that one has
		}
	case "freed":
		w.supply(i)
	}
	return nil
}

// check is rule 8: every permit is a server or a dial, and there are never too many.
func (w *world) check() error {
	n := w.dialing + w.moving
	for i, l := range w.ledgers {
		n += l.Idle() + len(w.using[i])
	}
	if taken := w.shared.Size.Taken(); taken != n {
		return fmt.Errorf("%d permits are out for %d servers", taken, n)
	}
	if n > w.limit+w.reserve {
		return fmt.Errorf("%d servers, and %d and %d may be", n, w.limit, w.reserve)
	}
	return nil
}

// settled: nobody waits while a server rests, or a permit is free.
func (w *world) settled() error {
	for i, l := range w.ledgers {
		if l.Waiting() == 0 {
			continue
		}
		for j, other := range w.ledgers {
			if other.Idle() > 0 {
				return fmt.Errorf("%d wait on shard %d while %d servers rest on shard %d", l.Waiting(), i, other.Idle(), j)
			}
		}
		if w.shared.Size.Taken() < w.shared.Size.Limit() {
			return fmt.Errorf("%d wait on shard %d while there are permits", l.Waiting(), i)
		}
	}
	return nil
}

// TestShardsAreOnePool: random clients on several shards, whose messages take their time.
func TestShardsAreOnePool(t *testing.T) {
	seeds(t, 2000, func(seed uint64) error {
		r := rand.New(rand.NewPCG(seed, 3))
		n := 1 + r.IntN(4)
		w := &world{Rand: r, limit: 1 + r.IntN(6), reserve: r.IntN(3) * r.IntN(2), using: make([][]uint32, n), mail: make([][]message, n)}
		w.shared = NewShared(n, w.limit)
		w.shared.SetReserve(w.reserve)
		kinds := 1 + r.IntN(priorities) // of priority
		for i := range n {
			w.ledgers = append(w.ledgers, NewLedger(w.shared, i))
		}
		tickets := make([]map[uint32]uint64, n)
		for i := range tickets {
			tickets[i] = map[uint32]uint64{}
		}
		settle := func() error {
			for range 10_000 {
				quiet := true
				for i := range n {
					if len(w.mail[i]) > 0 {
						quiet = false
						if err := w.deliver(i); err != nil {
							return err
						}
					}
				}
				if quiet {
					return w.settled()
				}
			}
			return fmt.Errorf("the shards never stop talking")
		}
		for step := range 400 {
			w.now += r.Int64N(3_000_000)
			i := r.IntN(n)
			var err error
			switch k := r.IntN(20); {
			case k < 6:
				w.next++
				server, ticket, a := w.ledgers[i].Acquire(w.now, w.next, 0, Priority(r.IntN(kinds)))
				if a == Got {
					w.using[i] = append(w.using[i], server)
				} else {
					tickets[i][w.next] = ticket
					w.supply(i)
				}
			case k < 11 && len(w.using[i]) > 0:
				at := r.IntN(len(w.using[i]))
				server := w.using[i][at]
				w.using[i] = slices.Delete(w.using[i], at, at+1)
				if r.IntN(10) == 0 {
					w.close() // it died
					w.supply(i)
				} else {
					err = w.release(i, server)
				}
			case k < 12:
				if first, ok := w.ledgers[i].FirstWaiter(); ok {
					w.ledgers[i].Leave(tickets[i][first.Client])
				}
			case k < 19 && len(w.mail[i]) > 0:
				err = w.deliver(i)
			case k == 19 && r.IntN(4) == 0:
				err = settle()
			}
			if err == nil {
				err = w.check()
			}
			if err != nil {
				return fmt.Errorf("step %d: %w", step, err)
			}
		}
		return settle()
	})
}
