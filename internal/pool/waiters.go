package pool

// Waiter is one client in the queue.
type Waiter struct {
	Client uint32
	Since  int64 // when it began to wait, nanoseconds
	gone   bool
}

// waiters is a queue, first in, first out, from whose middle one may leave: a ring, in which those who left stay as
// gaps until they come to the head. A ticket is a place in it: it is somebody else's only after its holder has left.
type waiters struct {
	ring []Waiter // length a power of two
	head uint64   // the ticket at the head
	tail uint64   // the next ticket
	live int
}

func (w *waiters) at(ticket uint64) *Waiter { return &w.ring[ticket&uint64(len(w.ring)-1)] }

func (w *waiters) push(client uint32, now int64) (ticket uint64) {
	if w.tail-w.head == uint64(len(w.ring)) {
		w.grow()
	}
	ticket = w.tail
	*w.at(ticket) = Waiter{Client: client, Since: now}
	w.tail++
	w.live++
	return ticket
}

// pushFront puts one who has waited already in front of all.
func (w *waiters) pushFront(client uint32, since int64) (ticket uint64) {
	if w.tail-w.head == uint64(len(w.ring)) {
		w.grow()
	}
	w.head--
	*w.at(w.head) = Waiter{Client: client, Since: since}
	w.live++
	return w.head
}

func (w *waiters) grow() {
	bigger := make([]Waiter, max(16, 2*len(w.ring)))
	for t := w.head; t != w.tail; t++ {
		bigger[t&uint64(len(bigger)-1)] = *w.at(t)
	}
	w.ring = bigger
}

// first is the waiter at the head; nil if nobody waits. No gap is ever at the head.
func (w *waiters) first() *Waiter {
	if w.live == 0 {
		return nil
	}
	return w.at(w.head)
}

func (w *waiters) pop() Waiter {
	first := *w.at(w.head)
	w.leave(w.head)
	return first
}

// leave takes a ticket out of the queue.
func (w *waiters) leave(ticket uint64) {
	if ticket-w.head >= w.tail-w.head || w.at(ticket).gone {
		panic("bug: pool: a waiter left that did not wait")
	}
	w.at(ticket).gone = true
	w.live--
	for w.head != w.tail && w.at(w.head).gone {
		w.head++
	}
}
