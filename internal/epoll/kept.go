package epoll

// keeper holds what sockets refused. Few connections are congested at a time, so the bytes are in a table of
// their own and a connection has an index only.
type keeper struct {
	rests []rest
	free  []int32
}

// rest is what one connection has still to send: buf[sent:].
type rest struct {
	buf  []byte
	sent int
}

// reusable is the largest buffer a free rest holds on to, and idleRests how many of them do: 16 MiB in all.
const (
	reusable  = 64 << 10
	idleRests = 256
)

// keep returns the index of an empty rest, 1 up.
func (k *keeper) keep() int32 {
	if n := len(k.free); n > 0 {
		i := k.free[n-1]
		k.free = k.free[:n-1]
		return i
	}
	k.rests = append(k.rests, rest{})
	return int32(len(k.rests))
}

func (k *keeper) at(i int32) *rest { return &k.rests[i-1] }

// release forgets the rest i.
func (k *keeper) release(i int32) {
	r := k.at(i)
	if cap(r.buf) > reusable || len(k.free) >= idleRests {
		r.buf = nil
	}
	r.buf, r.sent = r.buf[:0], 0
	k.free = append(k.free, i)
}

// add puts p behind what is there. The part already sent is dropped when it is more than half, so that each byte is
// moved at most once more, and a long transfer does not grow.
func (r *rest) add(p []byte) {
	if r.sent > len(r.buf)/2 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.sent:])]
		r.sent = 0
	}
	r.buf = append(r.buf, p...)
}

func (r *rest) unsent() []byte { return r.buf[r.sent:] }
