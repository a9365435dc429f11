package querycache

import (
	"sync"
	"sync/atomic"
)

// Cache is replies by key, bounded in bytes. All methods may be called from several loops at once; readers never wait. Which entries go
// when there is no room is told in clock.go.
type Cache struct {
	index index
	door  atomic.Pointer[door]
	// max and bytes are written by writers.
	max, bytes atomic.Int64
	refused    atomic.Uint64
	// late is the latest time that a reader found an entry's time to have passed: what ends before then is over for certain.
	late atomic.Int64

	// mu is of the writers.
	mu         sync.Mutex
	maxEntry   int
	clock      clock
	probes     probes
	dependents dependents
	puts       uint64
	ends       [endings]uint64
}

// Settings bound a Cache.
type Settings struct {
	// MaxBytes is of entries, their keys and an allowance for bookkeeping together. 0: nothing is kept. The door comes on top of it, with
	// 1/64 of it, at least 4 KiB and at most 4 MiB.
	MaxBytes int64
	// MaxEntryBytes is of one reply.
	MaxEntryBytes int
}

// New is a Cache without entries.
func New(s Settings) *Cache {
	c := &Cache{probes: probes{useful: 1<<probesCounted - 1}, dependents: dependents{}}
	c.Configure(s)
	return c
}

// Configure changes the bounds, at any time. What is too much goes before it returns; writers wait meanwhile.
func (c *Cache) Configure(s Settings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.maxEntry = s.MaxEntryBytes
	c.max.Store(max(s.MaxBytes, 0))
	if d := c.door.Load(); d == nil || len(*d) != doorPlaces(s.MaxBytes) {
		d := make(door, doorPlaces(s.MaxBytes))
		c.door.Store(&d)
	}
	c.makeRoom(0)
}

// Get is the entry for a key, if there is one that holds: its time has not passed and its Evidence holds; else nil. It takes no lock and
// does not allocate. One that does not hold is left to the writers. The hash is that of the key.
func (c *Cache) Get(hash uint64, key []byte, now int64) *Entry {
	e := c.index.find(hash, key)
	switch {
	case e == nil:
		return nil
	case e.holds(now):
		e.use()
		return e
	case now >= e.Until:
		c.isNow(now)
	}
	return nil
}

// isNow notes a time.
func (c *Cache) isNow(now int64) {
	for {
		was := c.late.Load()
		if was >= now || c.late.CompareAndSwap(was, now) {
			return
		}
	}
}

// Admits says whether a reply for that hash would be kept now: while there is room, and as long as that proves to be of use (probes.go);
// else only if it has been asked for before, lately, so that a scan neither costs a recording nor drives out what is used. Each call counts as
// asking. again tells that it has been asked for before, as far as that is looked for. It takes no lock and does not allocate.
func (c *Cache) Admits(hash uint64) (admits, again bool) {
	switch {
	case c.max.Load() == 0:
		return false, false
	case c.index.has(hash):
		return true, true
	case c.hasRoom() && (!c.probes.particular.Load() || isProbe(hash)):
		return true, false
	case c.door.Load().knock(hash):
		return true, true
	}
	c.refused.Add(1)
	return false, false
}

// roomShare is the share of the bytes that is free when there is room: so an entry of as much comes in without another going.
const roomShare = 16

func (c *Cache) hasRoom() bool {
	most := c.max.Load()
	return c.bytes.Load() <= most-most/roomShare
}

// Put keeps a reply, in place of the one for that key, if there is one. It copies key, and takes over e and e.Reply. It reports false if the
// reply is too large, or its evidence does not hold any more.
func (c *Cache) Put(hash uint64, key []byte, e *Entry) bool {
	if e.Evidence.all == nil || e.key != nil {
		panic("bug: querycache: an entry was put without evidence, or twice")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	size := e.weigh(key)
	if len(e.Reply) > c.maxEntry || size > c.max.Load() || !e.Evidence.Holds() {
		return false
	}
	e.hash, e.size, e.key = hash, size, append(make([]byte, 0, len(key)), key...)
	c.replace(e)
	c.sweep()
	c.makeRoom(size)
	c.add(e)
	return true
}

// Purge drops the entries that depend on a table, named without its schema, or all of them if that is "", and returns how many. Whoever
// calls Get after it has returned gets none that was Put before it began; one that is Put meanwhile, from a reply that was asked for
// before, may stay: change the table in the ledger first where that matters. It takes a time for each entry there is, in slices between
// which others write.
func (c *Cache) Purge(table string) (n int) {
	var entries []*Entry
	for i := range c.index.parts {
		c.mu.Lock()
		entries = c.index.parts[i].entries(entries[:0])
		for _, e := range entries {
			if table == "" || e.Evidence.DependsOn(table) {
				c.drop(e, purged)
				n++
			}
		}
		c.mu.Unlock()
		clear(entries)
	}
	return n
}

// replace makes way for an entry, which takes over the uses of the one that it replaces.
func (c *Cache) replace(e *Entry) {
	if old := c.index.find(e.hash, e.key); old != nil {
		e.uses.Store(old.uses.Load())
		c.drop(old, c.ending(old, replaced))
	}
}

// sweep drops some of what does not hold where the hand is: after a write to many tables, there soon is room.
func (c *Cache) sweep() {
	for range maxSwept {
		e := c.clock.spent(c.late.Load())
		if e == nil {
			return
		}
		c.drop(e, c.ending(e, stale))
	}
}

// makeRoom drops entries until there is room for so many bytes.
func (c *Cache) makeRoom(size int64) {
	for c.bytes.Load()+size > c.max.Load() {
		e := c.clock.victim(c.late.Load())
		c.door.Load().knock(e.hash)
		c.drop(e, c.ending(e, evicted))
	}
}

// add puts an entry in for which there is room.
func (c *Cache) add(e *Entry) {
	c.puts++
	c.bytes.Add(e.size)
	c.clock.add(e)
	c.dependents.add(&e.Evidence)
	if isProbe(e.hash) {
		c.probes.add(e)
	}
	e.Form.weigh(e.size)
	c.index.add(e)
}

// drop takes an entry out.
func (c *Cache) drop(e *Entry, why ending) {
	c.index.remove(e)
	c.clock.remove(e)
	c.dependents.remove(&e.Evidence)
	c.probes.close(e)
	c.bytes.Add(-e.size)
	c.ends[why]++
	e.Form.weigh(-e.size)
}
