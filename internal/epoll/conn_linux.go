package epoll

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// state is what is so about a connection.
type state uint16

const (
	readable  state = 1 << iota // bytes, or the end, may be there to receive
	hungUp                      // epoll told of an end or an error: receive until it shows
	queued                      // in the ready queue
	paused                      // the core wants no bytes
	ended                       // end of file was told
	failed                      // Failed was told
	broken                      // a send failed: what came before is still to be received, then Failed
	writing                     // registered for EPOLLOUT
	finishing                   // to be closed once what is kept is sent and the peer has ended too
	shut                        // our end of file is sent
	detaching                   // to be given back once what is kept is sent
	keepsFD                     // attached with KeepFD
	listening                   // by Listen: accepted from, and never closed
)

// conn is one connection: no pointers, so that a million of them cost the collector nothing.
type conn struct {
	fd    int32
	gen   uint32 // 0: the slot is free
	kept  int32  // index in the keeper, 1 up; 0: nothing is kept
	batch int32  // index in the outbox, 1 up; 0: nothing was sent in this turn
	state state
	errno uint16 // with broken: why
}

func (c *conn) is(s state) bool { return c.state&s != 0 }

func (c *conn) id(slot uint32) loop.ID { return loop.MakeID(slot, c.gen) }

// slab is the connections by slot, in memory of its own: zero and not resident until used.
type slab struct {
	conns []conn
	high  uint32 // slots from here on were never used
	mem   []byte
}

func newSlab(n int) (slab, error) {
	size := n * int(unsafe.Sizeof(conn{}))
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return slab{}, fmt.Errorf("reserving %d bytes for %d connections: %w", size, n, err)
	}
	return slab{mem: mem, conns: unsafe.Slice((*conn)(unsafe.Pointer(unsafe.SliceData(mem))), n)}, nil
}

func (s *slab) free() {
	_ = unix.Munmap(s.mem)
	*s = slab{}
}

// used is the number of slots that may hold something.
func (s *slab) used() uint32 { return s.high }

// get returns the connection, or nil if it is closed.
func (s *slab) get(id loop.ID) *conn {
	slot := id.Slot()
	if slot >= s.high {
		return nil
	}
	if c := &s.conns[slot]; c.gen == id.Gen() && c.gen != 0 {
		return c
	}
	return nil
}

// take returns the slot's place for a new connection, with whatever is there.
func (s *slab) take(id loop.ID) *conn {
	slot := id.Slot()
	if int(slot) >= len(s.conns) || id.Gen() == 0 {
		panic(fmt.Sprintf("bug: attaching slot %d, generation %d, of %d slots", slot, id.Gen(), len(s.conns)))
	}
	s.high = max(s.high, slot+1)
	return &s.conns[slot]
}
