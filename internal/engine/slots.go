package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// slotKind says what a slot holds.
type slotKind uint8

const (
	slotFree slotKind = iota
	slotClient
	slotServer
	slotAcceptor
)

// slot is one connection. It has no pointers: a million idle clients are a few thousand blocks of memory that the
// garbage collector never looks into.
type slot struct {
	gen      uint32
	kind     slotKind
	serverAt uint32 // index in slots.servers
	nextFree uint32
	client   client
}

// slotsPerBlock is how many slots are allocated together.
const slotsPerBlock = 256

// slots is every connection of a shard. Slot 0 is never used, so that 0 can mean none.
type slots struct {
	limit   uint32
	blocks  [][]slot
	used    uint32 // slots below were in use at least once
	free    uint32 // the first of the free ones
	servers []*server
	spare   []uint32 // free places in servers
}

func (t *slots) reset() {
	*t = slots{limit: t.limit, used: 1}
}

func (t *slots) slot(i uint32) *slot { return &t.blocks[i/slotsPerBlock][i%slotsPerBlock] }

// at is the slot of that connection; nil if it is closed.
func (t *slots) at(id loop.ID) *slot {
	i := id.Slot()
	if i == 0 || i >= t.used {
		return nil
	}
	if sl := t.slot(i); sl.kind != slotFree && sl.gen == id.Gen() {
		return sl
	}
	return nil
}

// take takes a free slot; 0 if there is none.
func (t *slots) take(kind slotKind) (uint32, *slot) {
	i := t.free
	if i != 0 {
		t.free = t.slot(i).nextFree
	} else {
		if t.used >= t.limit {
			return 0, nil
		}
		i = t.used
		t.used++
		if int(i/slotsPerBlock) == len(t.blocks) {
			t.blocks = append(t.blocks, make([]slot, slotsPerBlock))
		}
	}
	sl := t.slot(i)
	sl.gen++
	if sl.gen > loop.MaxGen {
		sl.gen = 1
	}
	sl.kind = kind
	return i, sl
}

// give gives a slot back.
func (t *slots) give(i uint32) {
	sl := t.slot(i)
	if sl.kind == slotFree {
		panic("bug: engine: a slot was freed twice")
	}
	*sl = slot{gen: sl.gen, nextFree: t.free}
	t.free = i
}

// addServer gives a server a slot; false if there is none.
func (t *slots) addServer(srv *server) bool {
	i, sl := t.take(slotServer)
	if i == 0 {
		return false
	}
	if n := len(t.spare); n > 0 {
		sl.serverAt = t.spare[n-1]
		t.spare = t.spare[:n-1]
	} else {
		sl.serverAt = uint32(len(t.servers))
		t.servers = append(t.servers, nil)
	}
	t.servers[sl.serverAt] = srv
	srv.slot = i
	srv.Conn = uint64(loop.MakeID(i, sl.gen))
	return true
}

// removeServer takes the slot of a server away.
func (t *slots) removeServer(srv *server) {
	at := t.slot(srv.slot).serverAt
	t.servers[at] = nil
	t.spare = append(t.spare, at)
	t.give(srv.slot)
	srv.slot = 0
}

func (sl *slot) server(s *Shard) *server { return s.slots.servers[sl.serverAt] }

// server is the one in that slot.
func (s *Shard) server(i uint32) *server { return s.slots.slot(i).server(s) }

// serverAt is the one of that connection; nil if there is none.
func (s *Shard) serverAt(conn uint64) *server {
	if sl := s.slots.at(loop.ID(conn)); sl != nil && sl.kind == slotServer {
		return sl.server(s)
	}
	return nil
}

// eachClient calls f for every client until it returns false. f may close it.
func (t *slots) eachClient(f func(*client) bool) {
	for i := uint32(1); i < t.used; i++ {
		if sl := t.slot(i); sl.kind == slotClient && !f(&sl.client) {
			return
		}
	}
}

var _ session.Wire = (*Shard)(nil)
