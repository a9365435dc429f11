package pool

// Idle is one server that nobody uses.
type Idle struct {
	Server uint32
	Tag    uint32 // what its session is set to, 0: nothing; see Ledger.Acquire
	Since  int64
	// Last: others have it last, because somebody may come back to it.
	Last bool
}

// idle is the servers nobody uses, in the order in which they came to rest: a ring.
type idle struct {
	ring []Idle // length a power of two
	head uint64 // the one that has rested longest
	tail uint64
}

func (q *idle) len() int { return int(q.tail - q.head) }

func (q *idle) at(i uint64) *Idle { return &q.ring[i&uint64(len(q.ring)-1)] }

func (q *idle) push(server, tag uint32, now int64) {
	if q.len() == len(q.ring) {
		bigger := make([]Idle, max(16, 2*len(q.ring)))
		for i := q.head; i != q.tail; i++ {
			bigger[i&uint64(len(bigger)-1)] = *q.at(i)
		}
		q.ring = bigger
	}
	*q.at(q.tail) = Idle{Server: server, Tag: tag, Since: now}
	q.tail++
}

// look is how many servers are looked at for one with the right tag. To look at 64 in vain costs 0.1 µs (BenchmarkTake); to set
// another's session costs fifty times that here, and 60 µs in Postgres.
const look = 64

// take takes the server used last (or, fifo, first), or one within some of it: one that has the tag, or else, rather than one
// that others may come back to, one that has none.
func (q *idle) take(tag uint32, fifo bool) (server uint32, ok bool) {
	n := q.len()
	if n == 0 {
		return 0, false
	}
	pick := q.pick(tag, fifo, min(n, look))
	server = q.nth(pick, fifo).Server
	q.removeAt(q.index(pick, fifo))
	return server, true
}

// pick finds the one to be taken among the first n.
func (q *idle) pick(tag uint32, fifo bool, n int) (best int) {
	least := q.nth(0, fifo).misfit(tag)
	for i := 1; i < n && least > 0; i++ {
		if m := q.nth(i, fifo).misfit(tag); m < least {
			best, least = i, m
		}
	}
	return best
}

// misfit is how badly one suits who wants a tag; 0: not at all badly.
func (s *Idle) misfit(tag uint32) (m int) {
	switch s.Tag {
	case tag:
	case 0:
		m = 1
	default:
		m = 2
	}
	if s.Last {
		m += 3
	}
	return m
}

func (q *idle) index(i int, fifo bool) uint64 {
	if fifo {
		return q.head + uint64(i)
	}
	return q.tail - 1 - uint64(i)
}

func (q *idle) nth(i int, fifo bool) *Idle { return q.at(q.index(i, fifo)) }

func (q *idle) removeAt(i uint64) {
	if i == q.head {
		q.head++
		return
	}
	for ; i+1 != q.tail; i++ {
		*q.at(i) = *q.at(i + 1)
	}
	q.tail--
}

// remove takes a given server out.
func (q *idle) remove(server uint32) bool {
	for i := q.head; i != q.tail; i++ {
		if q.at(i).Server == server {
			q.removeAt(i)
			return true
		}
	}
	return false
}
