package pool

// Waiter is one client in the queue.
type Waiter struct {
	Client uint32
	Since  int64 // when it began to wait, nanoseconds
}

// waiters is who waits: a line for each priority, in the order in which they began to wait. Who is next is the one
// among the first of the lines whose time, with its priority's penalty, is the smallest. A ticket is a place: it is
// somebody else's only after its holder has left.
type waiters struct {
	places []place // by ticket; 0 is nobody's
	free   uint32  // the first of the free ones, by next
	lines  [priorities]line
	live   int
}

type place struct {
	Waiter
	prev, next uint32
	priority   Priority
	taken      bool
}

type line struct{ first, last uint32 }

// push puts one at the end of its line.
func (w *waiters) push(client uint32, now int64, p Priority) (ticket uint64) {
	return w.insert(client, now, p, w.lines[p].last)
}

// rejoin puts one who has waited already where it was in its line: before all that came later.
func (w *waiters) rejoin(client uint32, since int64, p Priority) (ticket uint64) {
	before := uint32(0)
	for at := w.lines[p].first; at != 0 && w.places[at].Since < since; at = w.places[at].next {
		before = at
	}
	return w.insert(client, since, p, before)
}

// insert puts one behind a place in its line; before is 0 for the first place.
func (w *waiters) insert(client uint32, since int64, p Priority, before uint32) (ticket uint64) {
	at, l := w.place(), &w.lines[p]
	next := l.first
	if before != 0 {
		next = w.places[before].next
	}
	w.places[at] = place{Waiter: Waiter{client, since}, prev: before, next: next, priority: p, taken: true}
	*w.behind(l, before) = at
	*w.ahead(l, next) = at
	w.live++
	return uint64(at)
}

// behind is where it is written who is behind a place; ahead, who is ahead of it. For no place that is the line.
func (w *waiters) behind(l *line, at uint32) *uint32 {
	if at == 0 {
		return &l.first
	}
	return &w.places[at].next
}

func (w *waiters) ahead(l *line, at uint32) *uint32 {
	if at == 0 {
		return &l.last
	}
	return &w.places[at].prev
}

// place is a free place.
func (w *waiters) place() uint32 {
	if at := w.free; at != 0 {
		w.free = w.places[at].next
		return at
	}
	if len(w.places) == 0 {
		w.places = make([]place, 1, 16)
	}
	w.places = append(w.places, place{})
	return uint32(len(w.places) - 1)
}

// leave takes a ticket out of the queue.
func (w *waiters) leave(ticket uint64) Waiter {
	if ticket >= uint64(len(w.places)) || !w.places[ticket].taken {
		panic("bug: pool: a waiter left that did not wait")
	}
	at := uint32(ticket)
	out := w.places[at]
	l := &w.lines[out.priority]
	*w.behind(l, out.prev) = out.next
	*w.ahead(l, out.next) = out.prev
	w.places[at] = place{next: w.free}
	w.free = at
	w.live--
	return out.Waiter
}

// next is whose turn it is, and its time with its penalty; 0 if nobody waits.
func (w *waiters) next() (ticket uint64, key int64) {
	for p := range w.lines {
		if at := w.lines[p].first; at != 0 {
			if k := w.places[at].Since + penalty[p]; ticket == 0 || k < key {
				ticket, key = uint64(at), k
			}
		}
	}
	return ticket, key
}

// longest is who has waited longest; 0 if nobody waits.
func (w *waiters) longest() (ticket uint64) {
	for p := range w.lines {
		if at := w.lines[p].first; at != 0 && (ticket == 0 || w.places[at].Since < w.places[ticket].Since) {
			ticket = uint64(at)
		}
	}
	return ticket
}

// since counts those who began to wait at a time or before, up to most, and tells when the first of the others began; ok
// is false if there is none.
func (w *waiters) since(at int64, most int) (n int, next int64, ok bool) {
	for p := range w.lines {
		for i := w.lines[p].first; i != 0 && n < most; i = w.places[i].next {
			if since := w.places[i].Since; since > at {
				if !ok || since < next {
					next, ok = since, true
				}
				break
			}
			n++
		}
	}
	return n, next, ok
}
