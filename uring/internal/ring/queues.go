//go:build linux

package ring

import "sync/atomic"

// The queues are single-producer, single-consumer: of the submission queue we own the tail, of the completion queue
// the head. The other ends are the kernel's and are read atomically.

// Entry implements Ring.
func (k *Kernel) Entry() *Entry {
	if k.prepared-atomic.LoadUint32(k.sqHead) == uint32(len(k.entries)) {
		return nil
	}
	e := &k.entries[k.prepared&uint32(len(k.entries)-1)]
	k.prepared++
	*e = Entry{}
	return e
}

// Unsubmitted implements Ring.
func (k *Kernel) Unsubmitted() int { return int(k.prepared - atomic.LoadUint32(k.sqHead)) }

// Reap implements Ring.
func (k *Kernel) Reap(into []Completion) int {
	head := *k.cqHead
	ready := atomic.LoadUint32(k.cqTail) - head
	n := min(int(ready), len(into))
	if n == 0 {
		return 0
	}
	from := int(head) & (len(k.cqes) - 1)
	copied := copy(into[:n], k.cqes[from:])
	copy(into[copied:n], k.cqes)
	atomic.StoreUint32(k.cqHead, head+uint32(n))
	return n
}

// Linger implements Ring.
func (k *Kernel) Linger(looks int) bool {
	head := *k.cqHead
	for range looks {
		if atomic.LoadUint32(k.sqFlags)&(sqTaskrun|sqOverflown) != 0 || atomic.LoadUint32(k.cqTail) != head {
			return true
		}
	}
	return false
}

// Overflown implements Ring.
func (k *Kernel) Overflown() bool { return atomic.LoadUint32(k.sqFlags)&sqOverflown != 0 }
