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
		var idle, used []uint32
		type wait struct {
			client uint32
			ticket uint64
		}
		var waiting []wait
		next := uint32(0)
		for now := range int64(2000) {
			switch k := r.IntN(10); {
			case k < 4: // a client asks
				next++
				server, ticket, a := l.Acquire(now, next, 0)
				if len(waiting) == 0 && len(idle) > 0 {
					at := len(idle) - 1
					if l.FIFO {
						at = 0
					}
					if a != Got || server != idle[at] {
						return fmt.Errorf("step %d: %v, server %d, not %d", now, a, server, idle[at])
					}
					idle = slices.Delete(idle, at, at+1)
					used = append(used, server)
					break
				}
				if a != Queued {
					return fmt.Errorf("step %d: %v", now, a)
				}
				waiting = append(waiting, wait{next, ticket})
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
						return fmt.Errorf("step %d: %v", now, o)
					}
					idle = append(idle, server)
					break
				}
				if o != ToWaiter || client != waiting[0].client {
					return fmt.Errorf("step %d: %v, client %d, not %d", now, o, client, waiting[0].client)
				}
				waiting = waiting[1:]
				used = append(used, server)
			case k == 8 && len(waiting) > 0: // one leaves
				i := r.IntN(len(waiting))
				l.Leave(waiting[i].ticket)
				waiting = slices.Delete(waiting, i, i+1)
			case k == 9 && len(idle) > 0: // a server dies
				i := r.IntN(len(idle))
				if !l.Remove(idle[i]) {
					return fmt.Errorf("step %d: server %d does not rest", now, idle[i])
				}
				idle = slices.Delete(idle, i, i+1)
			}
			if l.Idle() != len(idle) || l.Waiting() != len(waiting) || l.Shared().Waiting() != len(waiting) {
				return fmt.Errorf("step %d: %d idle and %d waiting, not %d and %d", now, l.Idle(), l.Waiting(), len(idle), len(waiting))
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
}

type message struct {
	kind   string // wanted, server, freed, dialed
	from   int
	server uint32
}

func (w *world) post(to int, m message) { w.mail[to] = append(w.mail[to], m) }

// supply is the engine's: dial what is missing and permitted, or ask another shard.
func (w *world) supply(i int) {
	l := w.ledgers[i]
	for l.Missing() > 0 && w.shared.Size.Take() {
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
	first, waits := l.FirstWaiter()
	outcome, to := l.Release(w.now, server, 0)
	switch outcome {
	case ToWaiter:
		if !waits || to != first.Client {
			return fmt.Errorf("client %d is served, and not the first, %d", to, first.Client)
		}
		for j, other := range w.ledgers {
			if o, ok := other.FirstWaiter(); j != i && ok && first.Since > o.Since+Skew {
				return fmt.Errorf("a client of shard %d was served that began to wait %d ns after one of shard %d", i, first.Since-o.Since, j)
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
	if n > w.limit {
		return fmt.Errorf("%d servers, and %d may be", n, w.limit)
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
		w := &world{Rand: r, limit: 1 + r.IntN(6), using: make([][]uint32, n), mail: make([][]message, n)}
		w.shared = NewShared(n, w.limit)
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
				server, ticket, a := w.ledgers[i].Acquire(w.now, w.next, 0)
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
