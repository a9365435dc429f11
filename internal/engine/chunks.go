package engine

import "math/bits"

// chunks is memory for what clients have sent and nobody could take yet: the beginning of a frame, or queries that
// wait for a server. A client refers to its chunk by number, so that it needs no pointer. Sizes are powers of two,
// from 256 bytes; freed chunks are kept for reuse, up to keepBytes.
type chunks struct {
	list    [][]byte
	spare   []uint32 // free numbers
	free    [25][][]byte
	kept    int
	used    int      // bytes of chunks that clients hold
	retired [][]byte // given back, but the driver may still read them until the turn ends
}

const (
	smallestChunk = 256
	// keepBytes is how much freed memory a shard keeps for reuse.
	keepBytes = 16 << 20
	// maxHeldTotal is how many bytes all clients of a loop may hold at once: waiting queries (at most maxHeld each) and
	// messages that are being collected (at most a little over 1 MiB each). Past it, whoever sends more is refused.
	maxHeldTotal = 1 << 30
)

// beginTurn makes what was given back in the last turn available.
func (h *chunks) beginTurn() {
	for i, b := range h.retired {
		if h.kept+cap(b) <= keepBytes {
			class := classOf(cap(b))
			h.free[class] = append(h.free[class], b[:0])
			h.kept += cap(b)
		}
		h.retired[i] = nil
	}
	h.retired = h.retired[:0]
}

func classOf(n int) int { return max(0, bits.Len(uint(max(n, 1)-1))-bits.Len(smallestChunk-1)) }

func (h *chunks) take(n int) []byte {
	class := classOf(n)
	if l := len(h.free[class]); l > 0 {
		b := h.free[class][l-1]
		h.free[class] = h.free[class][:l-1]
		h.kept -= cap(b)
		return b
	}
	return make([]byte, 0, smallestChunk<<class)
}

// put makes number *ref hold what it holds and b. ref 0 is none. want is the size it is going to reach, if known.
func (h *chunks) put(ref *uint32, b []byte, want int) {
	if *ref == 0 {
		*ref = h.number()
	}
	have := h.list[*ref]
	if need := max(len(have)+len(b), want); need > cap(have) {
		bigger := append(h.take(need), have...)
		h.used += cap(bigger) - cap(have)
		if have != nil {
			h.retired = append(h.retired, have)
		}
		have = bigger
	}
	h.list[*ref] = append(have, b...)
}

func (h *chunks) number() uint32 {
	if n := len(h.spare); n > 0 {
		ref := h.spare[n-1]
		h.spare = h.spare[:n-1]
		return ref
	}
	if len(h.list) == 0 {
		h.list = append(h.list, nil) // 0 is none
	}
	h.list = append(h.list, nil)
	return uint32(len(h.list) - 1)
}

// get is what ref holds.
func (h *chunks) get(ref uint32) []byte {
	if ref == 0 {
		return nil
	}
	return h.list[ref]
}

// drop frees *ref; its bytes stay until the turn ends.
func (h *chunks) drop(ref *uint32) {
	if *ref == 0 {
		return
	}
	if b := h.list[*ref]; b != nil {
		h.used -= cap(b)
		h.retired = append(h.retired, b)
	}
	h.list[*ref] = nil
	h.spare = append(h.spare, *ref)
	*ref = 0
}
