package querycache

import "sync/atomic"

// Entry is one reply. Nobody changes it once it was Put, but for its use count.
type Entry struct {
	// Reply is the messages as the client gets them.
	Reply []byte
	// Evidence is what it rests on.
	Evidence Evidence
	// Until is when its time passes, nanoseconds: from then on it is not served.
	Until int64
	// Form counts its hits, and the bytes of its entries; nil: nobody does.
	Form *Form
	// Shape is of the engine: what a client is told by it.
	Shape uint64

	key  []byte
	hash uint64
	size int64
	uses atomic.Uint32
	// probe is its place among the probes, counted from 1; served: it has been, though the clock may have taken that from its uses. Both are of
	// the cache's writers.
	probe  uint8
	served bool
	// prev and next are its neighbours on the clock; of the cache's writers.
	prev, next *Entry
}

// maxUses is how many uses an entry has to its credit at most: how often the hand of the clock passes it by. Few, so that what was in
// demand long ago goes soon; and from then on a hit stores nothing, so that loops share the entry without sending it to and fro.
const maxUses = 3

// entryBytes is the allowance for what an entry costs beside reply, key and the states of its evidence: itself, at most eight places in
// the index, and what the allocator rounds up.
const entryBytes = 384

// holds reports whether it may be served.
func (e *Entry) holds(now int64) bool { return now < e.Until && e.Evidence.Holds() }

// use counts one use.
func (e *Entry) use() {
	if n := e.uses.Load(); n < maxUses {
		e.uses.Store(n + 1)
	}
}

// weigh is what an entry with that key takes of the cache, bytes.
func (e *Entry) weigh(key []byte) int64 {
	return int64(cap(e.Reply)+len(key)+8*len(e.Evidence.states)) + entryBytes
}

// Jitter shortens a TTL by up to a tenth, by a random number: entries of one moment do not end in one moment.
func Jitter(ttl int64, random uint64) int64 {
	if ttl <= 0 {
		return ttl
	}
	return ttl - int64(random%uint64(ttl/10+1))
}
