package querycache

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// busy is a cache that several loops use at once, and what they know of it.
type busy struct {
	c      *Cache
	ledger *Ledger
	now    atomic.Int64
	ending sync.Mutex
	tables [busyTables]busyTable
	// order numbers what happens to tables and entries.
	order atomic.Int64
	// put is when the Put of an entry was over, by its Shape: its number; 0: it is not yet.
	put [busyEntries]atomic.Int64
}

const (
	busyKeys    = 60
	busyTables  = 3
	busyEntries = 20_000 // by one loop after the other
	busyLoops   = 2
	busyMax     = 40 * (entryBytes + 150)
)

// busyTable is a table: its content is a number, which grows with each write.
type busyTable struct {
	*Table
	content, acknowledged atomic.Uint64
	purged                atomic.Int64 // when the last Purge began that is over
}

// busyReply is what a reply says: its key, its table, and what was in it.
type busyReply struct{ key, table, content uint64 }

func (b busyReply) bytes() (reply []byte) {
	for _, n := range []uint64{b.key, b.table, b.content} {
		reply = binary.BigEndian.AppendUint64(reply, n)
	}
	return reply
}

func parseBusyReply(b []byte) busyReply {
	return busyReply{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}
}

// read looks a key up and checks what it gets against what was known before.
func (b *busy) read(t *testing.T, n uint64) {
	table := &b.tables[n%busyTables]
	acknowledged, purged, now := table.acknowledged.Load(), table.purged.Load(), b.now.Load()
	key := binary.BigEndian.AppendUint64(nil, n)
	e := b.c.Get(n+1, key, now)
	if e == nil {
		return
	}
	reply, put := parseBusyReply(e.Reply), b.put[e.Shape].Load()
	switch {
	case reply.key != n:
		t.Errorf("key %d gives the reply of %d", n, reply.key)
	case now >= e.Until:
		t.Errorf("at %d, a reply until %d", now, e.Until)
	case reply.content < acknowledged:
		t.Errorf("a reply of write %d of the table, of which %d was acknowledged", reply.content, acknowledged)
	case put != 0 && put < purged:
		t.Errorf("a reply that was put at %d, before a purge at %d that was over", put, purged)
	}
}

// answer asks the table and puts the reply; number is the entry's.
func (b *busy) answer(n, number uint64, ttl int64) {
	table := &b.tables[n%busyTables]
	evidence, ok := b.ledger.Evidence([]*Table{table.Table})
	if !ok {
		return
	}
	reply := busyReply{n, n % busyTables, table.content.Load()}.bytes()
	e := &Entry{Reply: reply, Evidence: evidence, Until: b.now.Add(1) + ttl, Shape: number}
	if b.c.Put(n+1, binary.BigEndian.AppendUint64(nil, n), e) {
		b.put[number].Store(b.order.Add(1))
	}
}

// write changes a table, as Postgres does between the moments when the commit is on its way and when it is over.
func (b *busy) write(n uint64) {
	table := &b.tables[n]
	table.Begin()
	content := table.content.Add(1)
	table.End(0)
	table.acknowledged.Store(content)
}

// count looks at the tables: not more depend on one than there are keys of it.
func (b *busy) count(t *testing.T) {
	for i, n := range b.c.Dependents(b.ledger.Tables()) {
		if n < 0 || n > busyKeys/busyTables {
			t.Errorf("%d entries depend on table %d, of which there are %d keys", n, i, busyKeys/busyTables)
		}
	}
}

func (b *busy) purge(n uint64) {
	began := b.order.Add(1)
	b.c.Purge(b.tables[n].Name)
	b.tables[n].purged.Store(began)
}

// ends does what ends entries: one loop at a time, so that acknowledged and purged only grow.
func (b *busy) ends(t *testing.T, r *rand.Rand) {
	b.ending.Lock()
	defer b.ending.Unlock()
	switch n := r.Uint64N(busyTables); r.IntN(12) {
	case 0:
		b.purge(n)
	case 1:
		b.c.Configure(Settings{MaxBytes: busyMax/2 + r.Int64N(busyMax/2), MaxEntryBytes: 100})
	case 2, 3:
		b.write(n)
	default:
		b.now.Add(1)
	}
	if s := b.c.Status(); s.Bytes > s.MaxBytes {
		t.Errorf("%+v", s)
	}
}

// While loops put, others write, purge and change the bound: nobody gets an entry of another key, nor one that was purged before, nor one
// whose time has passed, nor one that a write has changed that was acknowledged before.
func TestNobodyGetsWhatDoesNotHold(t *testing.T) {
	const seed = 11
	b := &busy{c: New(Settings{MaxBytes: busyMax, MaxEntryBytes: 100}), ledger: NewLedger()}
	for i := range b.tables {
		b.tables[i].Table = b.ledger.Table(string(rune('a' + i)))
	}
	var putting, others sync.WaitGroup
	var done atomic.Bool
	for loop := range uint64(busyLoops) {
		putting.Go(func() {
			r := rand.New(rand.NewPCG(seed, loop))
			for number := loop; number < busyEntries; number += busyLoops {
				b.answer(r.Uint64N(busyKeys), number, r.Int64N(100))
				for range 3 {
					b.read(t, r.Uint64N(busyKeys))
				}
				if r.IntN(5) == 0 {
					b.ends(t, r)
				}
			}
		})
		others.Go(func() {
			for r := rand.New(rand.NewPCG(seed, 100+loop)); !done.Load(); {
				b.read(t, r.Uint64N(busyKeys))
				b.c.Admits(r.Uint64N(busyKeys) + 1)
				b.count(t)
			}
		})
	}
	putting.Wait()
	done.Store(true)
	others.Wait()
	cached{b.c, b.ledger, t}.check()
	if s := b.c.Status(); min(s.Evicted, s.Stale, s.Expired, s.Purged, s.Replaced) == 0 {
		t.Errorf("entries did not end in all ways: %+v", s)
	}
}
