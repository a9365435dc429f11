//go:build linux

package uring

import (
	"unsafe"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// turn is what one Submit works on.
type turn struct {
	ops  []loop.Op
	next []int32 // by operation: the next send to the same connection in this turn; -1: none
	runs []run
	// settle is who has finished or detached, and is looked at once the turn's sends are known to have been taken.
	settle []loop.ID
	// taken: the kernel has taken the turn's sends, and which fell short is known.
	taken bool
}

// run is what a turn sends to one connection: a chain of operations.
type run struct {
	conn        loop.ID
	first, last int32
	ops         int
	bytes       int
	start       unsafe.Pointer // of the first piece
	end         uintptr        // just past the last
	contiguous  bool
	prepared    bool
}

func (t *turn) begin(ops []loop.Op) {
	t.ops = ops
	if cap(t.next) < len(ops) {
		t.next = make([]int32, len(ops)+len(ops)/2)
	}
	t.next = t.next[:cap(t.next)]
	t.taken = false
}

// end forgets the turn, and with it the bytes the core sent.
func (t *turn) end() {
	t.ops = nil
	clear(t.runs)
	t.runs = t.runs[:0]
	t.settle = t.settle[:0]
}

// runOf returns the run of a connection in this turn, if it has one. What c.run says from an earlier turn is not
// cleared; the run says whose it is.
func (t *turn) runOf(id loop.ID, c *conn) *run {
	if int(c.run) < len(t.runs) && t.runs[c.run].conn == id {
		return &t.runs[c.run]
	}
	return nil
}

// add chains operation i, a send, to what its connection is sent in this turn.
func (t *turn) add(c *conn, i int32, op *loop.Op) {
	t.next[i] = -1
	start := unsafe.Pointer(unsafe.SliceData(op.Data))
	end := uintptr(start) + uintptr(len(op.Data))
	r := t.runOf(op.Conn, c)
	if r == nil {
		c.run = int32(len(t.runs))
		t.runs = append(t.runs, run{conn: op.Conn, first: i, last: i, ops: 1, bytes: len(op.Data), start: start, end: end,
			contiguous: true})
		return
	}
	t.next[r.last] = i
	r.last = i
	r.ops++
	r.bytes += len(op.Data)
	r.contiguous = r.contiguous && r.end == uintptr(start)
	r.end = end
}
