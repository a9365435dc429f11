package querycache

// Which entry goes when there is no room, and which reply is not kept in the first place:
//
//  1. Entries are in a ring, and a hand goes round. One that it finds used loses a use and is passed by; one that is not goes. That is
//     CLOCK (Corbató, A Paging Experiment with the Multics System, 1968), with a small count in place of a bit, as in S3-FIFO (Yang and
//     others, FIFO Queues Are All You Need for Cache Eviction, SOSP 2023): close to LRU or better, and a hit moves nothing.
//  2. One that does not hold goes as soon as the hand comes to it, however much it was used.
//  3. A new entry comes in behind the hand, with no uses: it has one round to be asked for.
//  4. When there is no room, a reply is kept only if it has been asked for before, lately (door): it has to be wanted more than once before
//     anything goes for it. That is the doorkeeper of TinyLFU (Einziger, Friedman and Manes, TinyLFU: A Highly Efficient Cache Admission
//     Policy, 2017), and the ghost queue of S3-FIFO: what has gone for want of room is at the door.

// clock is the ring and its hand.
type clock struct {
	hand *Entry // nil: there are no entries
	n    int
}

const (
	// maxLooks bounds how many entries the hand passes for one that goes: if all of them are used, it is the least used one.
	maxLooks = 128
	// maxSwept bounds how many entries that do not hold go beside those that have to.
	maxSwept = 8
)

// add puts an entry behind the hand.
func (k *clock) add(e *Entry) {
	k.n++
	if k.hand == nil {
		e.prev, e.next = e, e
		k.hand = e
		return
	}
	e.prev, e.next = k.hand.prev, k.hand
	e.prev.next, e.next.prev = e, e
}

// remove takes an entry out.
func (k *clock) remove(e *Entry) {
	k.n--
	switch {
	case e.next == e:
		k.hand = nil
	case k.hand == e:
		k.hand = e.next
	}
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

// victim is the entry to go next; there must be one.
func (k *clock) victim(now int64) *Entry {
	if k.hand == nil {
		panic("bug: querycache: no room, and no entries")
	}
	least, fewest := k.hand, uint32(maxUses+1)
	for range maxLooks {
		e := k.hand
		uses := e.uses.Load()
		if uses == 0 || !e.holds(now) {
			return e
		}
		if uses < fewest {
			least, fewest = e, uses
		}
		e.uses.Store(uses - 1)
		e.served = true
		k.hand = e.next
	}
	return least
}

// spent is the entry at the hand if it does not hold, else nil.
func (k *clock) spent(now int64) *Entry {
	if k.hand == nil || k.hand.holds(now) {
		return nil
	}
	return k.hand
}
