package engine

import (
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"
)

// Whether a signal reaches a client has to be known at once, on whatever shard the client is: the asker is told. So each shard
// shows the others, for every slot, who may signal the client there, by which process ID: one number, which only its own thread
// writes. It may be outdated by the time the signal comes, as with Postgres.

// reachPerPage is how many slots have their numbers in one piece: 32 KiB.
const reachPerPage = 4096

type (
	reachPage [reachPerPage]atomic.Uint64
	reaches   struct {
		pages atomic.Pointer[[]atomic.Pointer[reachPage]]
	}
)

// reachKey is the number of a client: of its process ID, its pool and its user.
func reachKey(pid uint32, pool, user string) uint64 {
	var h maphash.Hash
	h.SetSeed(profileSeed)
	h.WriteString(pool)
	h.WriteByte(0)
	h.WriteString(user)
	h.WriteByte(0)
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], pid)
	h.Write(b[:])
	return h.Sum64() | 1
}

// begin makes room for so many slots, all of them nobody's.
func (r *reaches) begin(slots uint32) {
	if pages := r.pages.Load(); pages != nil {
		for i := range *pages {
			(*pages)[i].Store(nil)
		}
		return
	}
	pages := make([]atomic.Pointer[reachPage], slots/reachPerPage+1)
	r.pages.Store(&pages)
}

// set makes a slot's number key; 0: nobody is there.
func (r *reaches) set(slot uint32, key uint64) {
	p := &(*r.pages.Load())[slot/reachPerPage]
	page := p.Load()
	if page == nil {
		page = new(reachPage)
		p.Store(page)
	}
	page[slot%reachPerPage].Store(key)
}

// has reports whether a slot's number is key. Any thread may ask.
func (r *reaches) has(slot uint32, key uint64) bool {
	pages := r.pages.Load()
	if pages == nil || int(slot/reachPerPage) >= len(*pages) {
		return false
	}
	page := (*pages)[slot/reachPerPage].Load()
	return page != nil && page[slot%reachPerPage].Load() == key
}
