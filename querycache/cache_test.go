package querycache

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
)

// cached is a cache and a ledger to put evidence from.
type cached struct {
	*Cache
	ledger *Ledger
	t      *testing.T
}

const roomy = 1 << 20

func newCached(t *testing.T, maxBytes int64) cached {
	return cached{New(Settings{MaxBytes: maxBytes, MaxEntryBytes: 1 << 16}), NewLedger(), t}
}

// reply is an entry of a reply that depends on tables.
func (c cached) reply(reply string, until int64, tables ...string) *Entry {
	c.t.Helper()
	var on []*Table
	for _, name := range tables {
		on = append(on, c.ledger.Table(name))
	}
	evidence, ok := c.ledger.Evidence(on)
	if !ok {
		c.t.Fatalf("one of %q is being written", tables)
	}
	return &Entry{Reply: []byte(reply), Evidence: evidence, Until: until}
}

func (c cached) put(key string, e *Entry) bool { return c.Put(Hash([]byte(key)), []byte(key), e) }

// get is the reply for a key, or "-".
func (c cached) get(key string, now int64) string {
	if e := c.Get(Hash([]byte(key)), []byte(key), now); e != nil {
		return string(e.Reply)
	}
	return "-"
}

func (c cached) admits(key string) bool {
	admits, _ := c.Admits(Hash([]byte(key)))
	return admits
}

// want checks what a key gives.
func (c cached) want(key string, now int64, reply string) {
	c.t.Helper()
	if got := c.get(key, now); got != reply {
		c.t.Errorf("at %d, %s gives %q, want %q", now, key, got, reply)
	}
}

// check compares the figures with what is there.
func (c cached) check() {
	c.t.Helper()
	s := c.Status()
	var bytes int64
	indexed := 0
	found := dependents{}
	for i := range c.index.parts {
		for _, e := range c.index.parts[i].entries(nil) {
			indexed++
			bytes += e.size
			for _, t := range e.Evidence.tables {
				found[t]++
			}
		}
	}
	switch {
	case s.Bytes > s.MaxBytes || s.Bytes != bytes || s.Entries != indexed:
		c.t.Fatalf("there are %d entries of %d bytes: %+v", indexed, bytes, s)
	case s.Puts != uint64(s.Entries)+s.Evicted+s.Stale+s.Expired+s.Purged+s.Replaced:
		c.t.Fatalf("entries are lost: %+v", s)
	case !maps.Equal(c.dependents, found):
		c.t.Fatalf("on tables depend %v entries, and counted are %v", found.named(), c.dependents.named())
	}
	ring := 0
	for e := c.clock.hand; e != nil && (ring == 0 || e != c.clock.hand) && ring <= s.Entries; e = e.next {
		ring++
	}
	if ring != s.Entries {
		c.t.Fatalf("%d entries are in the ring of %d", ring, s.Entries)
	}
}

// A reply is there until its time has passed, or what it depends on has been written.
func TestEntriesHold(t *testing.T) {
	c := newCached(t, roomy)
	c.want("k", 0, "-")
	for key, tables := range map[string][]string{"a": {"a"}, "ab": {"a", "b"}, "b": {"b"}, "none": nil} {
		if !c.put(key, c.reply(key, 100, tables...)) {
			t.Fatalf("%s is not kept", key)
		}
	}
	c.want("ab", 99, "ab")
	c.want("ab", 100, "-")
	c.want("ab", math.MaxInt64, "-")
	c.want("abc", 99, "-")

	a := c.ledger.Table("a")
	a.Begin()
	c.want("a", 0, "-")
	c.want("ab", 0, "-")
	c.want("b", 0, "b")
	a.Cancel()
	c.want("a", 0, "a")
	a.Change(0)
	c.want("a", 0, "-")
	c.want("b", 0, "b")
	c.ledger.All.Change(0)
	c.want("b", 0, "-")
	c.want("none", 0, "-")
	c.check()
}

// Keys of one hash are two keys.
func TestKeysOfOneHash(t *testing.T) {
	c := newCached(t, roomy)
	for _, key := range []string{"one", "two", ""} {
		c.Put(1, []byte(key), c.reply("reply to "+key, 10))
	}
	for _, key := range []string{"one", "two", ""} {
		if e := c.Get(1, []byte(key), 0); e == nil || string(e.Reply) != "reply to "+key {
			t.Errorf("%q gives %v", key, e)
		}
	}
	if e := c.Get(1, []byte("three"), 0); e != nil {
		t.Errorf("a key that is not there gives %q", e.Reply)
	}
}

// The key is copied.
func TestPutCopiesTheKey(t *testing.T) {
	c := newCached(t, roomy)
	key := []byte("key")
	c.Put(1, key, c.reply("reply", 10))
	copy(key, "???")
	if c.Get(1, []byte("key"), 0) == nil || c.Get(1, key, 0) != nil {
		t.Error("an entry changes its key with its caller's")
	}
}

func TestRepliesThatAreNotPut(t *testing.T) {
	c := newCached(t, roomy)
	c.Configure(Settings{MaxBytes: 4096, MaxEntryBytes: 1000})
	for size, want := range map[int]bool{1000: true, 1001: false} {
		if got := c.put("k", c.reply(string(make([]byte, size)), 10)); got != want {
			t.Errorf("a reply of %d bytes, of at most 1000, is kept: %v", size, got)
		}
	}
	for room, want := range map[int64]bool{0: true, -1: false} {
		e := c.reply("reply", 10)
		c.Configure(Settings{MaxBytes: e.weigh([]byte("k")) + room, MaxEntryBytes: 1000})
		if got := c.put("k", e); got != want {
			t.Errorf("a reply with %d bytes of room is kept: %v", room, got)
		}
		c.check()
	}
	c.Configure(Settings{MaxBytes: roomy, MaxEntryBytes: 1000})
	late := c.reply("reply", 10, "t")
	c.ledger.Table("t").Change(0)
	if c.put("late", late) {
		t.Error("a reply from before a write is kept")
	}
	c.check()
}

func TestEntriesThatNobodyMayPut(t *testing.T) {
	c := newCached(t, roomy)
	put := c.reply("reply", 10)
	c.put("k", put)
	for what, e := range map[string]*Entry{"without evidence": {}, "twice": put} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("an entry is put %s", what)
				}
			}()
			c.put("l", e)
		}()
	}
}

// Another reply for a key takes the place of the first, and its uses.
func TestPutReplaces(t *testing.T) {
	c := newCached(t, roomy)
	c.put("k", c.reply("old", 10))
	c.want("k", 0, "old")
	renewed := c.reply("new", 20)
	c.put("k", renewed)
	c.want("k", 15, "new")
	if renewed.uses.Load() != 2 {
		t.Errorf("%d uses, of two", renewed.uses.Load())
	}
	if s := c.Status(); s.Entries != 1 || s.Puts != 2 || s.Replaced != 1 {
		t.Errorf("%+v", s)
	}
	c.want("k", 25, "-")
	c.put("k", c.reply("newest", 30, "t"))
	c.ledger.Table("t").Change(0)
	c.put("k", c.reply("last", 30))
	if s := c.Status(); s.Replaced != 1 || s.Expired != 1 || s.Stale != 1 {
		t.Errorf("%+v", s)
	}
	c.check()
}

// Purge drops what depends on a table, or everything.
func TestPurge(t *testing.T) {
	c := newCached(t, roomy)
	for i := range 1000 {
		c.put(fmt.Sprint(i), c.reply("reply", 10, []string{"a", "b"}[i%2], "c"))
	}
	for i, step := range []struct {
		table string
		n     int
	}{{"d", 0}, {"a", 500}, {"a", 0}, {"", 500}, {"", 0}} {
		if n := c.Purge(step.table); n != step.n {
			t.Errorf("step %d: purging %q drops %d, want %d", i, step.table, n, step.n)
		}
		c.check()
	}
	if s := c.Status(); s.Entries != 0 || s.Bytes != 0 || s.Purged != 1000 {
		t.Errorf("%+v", s)
	}
}

// A form knows the bytes of its entries, however they go.
func TestFormsKnowTheirEntries(t *testing.T) {
	c := newCached(t, roomy)
	var forms Forms
	form := formOf(&forms, "SELECT 1")
	for i := range 100 {
		e := c.reply("reply", 10)
		e.Form = form
		c.put(fmt.Sprint(i%50), e)
	}
	if got, want := form.bytes.Load(), c.Status().Bytes; got != want || want == 0 {
		t.Errorf("%d bytes, of %d", got, want)
	}
	c.Configure(Settings{MaxBytes: roomy / 1000})
	if got, want := form.bytes.Load(), c.Status().Bytes; got != want || want == 0 {
		t.Errorf("%d bytes, of %d, when there is less room", got, want)
	}
	c.Purge("")
	if got := form.bytes.Load(); got != 0 {
		t.Errorf("%d bytes when all have gone", got)
	}
}

// What is too much goes at once when there is less room, unused entries first; with no room at all nothing is kept, nor recorded.
func TestConfigure(t *testing.T) {
	c := newCached(t, roomy)
	for i := range 100 {
		c.put(fmt.Sprint(i), c.reply("reply", 10))
	}
	for i := range 10 {
		c.want(fmt.Sprint(i*10), 0, "reply")
	}
	c.Configure(Settings{MaxBytes: c.Status().Bytes / 10, MaxEntryBytes: 100})
	c.check()
	for i := range 10 {
		c.want(fmt.Sprint(i*10), 0, "reply")
	}
	if s := c.Status(); s.Entries != 10 || s.Evicted != 90 {
		t.Errorf("%+v", s)
	}
	for _, most := range []int64{0, math.MinInt64} {
		c.Configure(Settings{MaxBytes: most, MaxEntryBytes: 100})
		if s := c.Status(); s.Entries != 0 || s.MaxBytes != 0 {
			t.Errorf("%+v", s)
		}
		for range 2 {
			if c.admits("k") || c.put("k", c.reply("", 10)) {
				t.Error("something is kept in no bytes")
			}
		}
	}
}

// While there is room, everything is admitted; then what was asked for before: at the door, or in an entry that does not hold any more, or
// has gone for want of room.
func TestAdmits(t *testing.T) {
	c := newCached(t, 100*(entryBytes+64))
	for i := 0; c.hasRoom(); i++ {
		if key := fmt.Sprint("first ", i); !c.admits(key) || !c.put(key, c.reply("reply", 10, "t")) {
			t.Fatalf("with room, %s is not kept: %+v", key, c.Status())
		}
	}
	if c.admits("k") {
		t.Error("without room, what is asked for once is admitted")
	}
	if !c.admits("k") {
		t.Error("what is asked for twice is not")
	}
	c.ledger.Table("t").Change(0)
	if !c.admits("first 3") {
		t.Error("what was written since has to be asked for twice again")
	}
	if s := c.Status(); s.Refused != 1 {
		t.Errorf("%d were refused, of one", s.Refused)
	}
}

// What has gone for want of room comes in again when it is asked for once more.
func TestEvictedAreAtTheDoor(t *testing.T) {
	c := newCached(t, 10*(entryBytes+64))
	for i := range 20 {
		c.put(fmt.Sprint(i), c.reply("reply", 10))
	}
	c.want("0", 0, "-")
	if !c.admits("0") {
		t.Error("it is not admitted")
	}
}

// Entries that do not hold go before all others, used or not, and more of them than have to.
func TestWhatDoesNotHoldGoesFirst(t *testing.T) {
	for _, c := range []struct {
		what string
		end  func(c cached)
		gone func(s Status) uint64
	}{
		{"stale", func(c cached) { c.ledger.Table("t").Change(0) }, func(s Status) uint64 { return s.Stale }},
		{"expired", func(c cached) { c.want("0", 10, "-") }, func(s Status) uint64 { return s.Expired }},
	} {
		t.Run(c.what, func(t *testing.T) {
			c, end, gone := newCached(t, 100*(entryBytes+64)), c.end, c.gone
			var keys []string
			for i := 0; c.hasRoom(); i++ {
				keys = append(keys, fmt.Sprint(i))
				if i%2 == 0 {
					c.put(keys[i], c.reply("reply", 10, "t"))
				} else {
					c.put(keys[i], c.reply("reply", 1000))
				}
				c.want(keys[i], 0, "reply")
			}
			end(c)
			for i := range len(keys) / 2 {
				c.put(fmt.Sprint("new ", i), c.reply("reply", 1000))
			}
			c.check()
			if s := c.Status(); gone(s) < uint64(len(keys)*9/20) || s.Evicted > uint64(len(keys)/20) {
				t.Errorf("of %d entries, half of which do not hold: %+v", len(keys), s)
			}
			if !slices.ContainsFunc(keys, func(key string) bool { return c.get(key, 20) != "-" }) {
				t.Error("nothing that holds is left")
			}
		})
	}
}

// After a write to everything, a new entry takes several away, so there soon is room.
func TestSweeping(t *testing.T) {
	c := newCached(t, roomy)
	for i := range 10 * maxSwept {
		c.put(fmt.Sprint(i), c.reply("reply", 10))
	}
	c.ledger.All.Change(0)
	for i := range 10 {
		c.put(fmt.Sprint("new ", i), c.reply("reply", 10))
	}
	if s := c.Status(); s.Entries != 10 || s.Stale != 10*maxSwept {
		t.Errorf("%+v", s)
	}
}

// Looking, asking and refusing allocate nothing.
func TestLookingUpDoesNotAllocate(t *testing.T) {
	c := newCached(t, roomy)
	key := []byte("key")
	hash := Hash(key)
	c.Put(hash, key, c.reply("reply", 10, "a", "b"))
	for what, f := range map[string]func(){
		"a hit":           func() { c.Get(hash, key, 0) },
		"a miss":          func() { c.Get(hash+1, key, 0) },
		"one that ended":  func() { c.Get(hash, key, 20) },
		"asking":          func() { c.Admits(hash) },
		"asking the door": func() { c.door.Load().knock(hash) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	c := New(Settings{MaxBytes: 1 << 28, MaxEntryBytes: 1 << 16})
	ledger := NewLedger()
	tables := []*Table{ledger.Table("a"), ledger.Table("b")}
	keys := make([][]byte, 1<<16)
	for i := range keys {
		keys[i] = AppendKey(nil, 1, 2, Executed, nil, []byte("SELECT * FROM a JOIN b USING (id) WHERE id = $1"), fmt.Append(nil, i))
		evidence, _ := ledger.Evidence(tables)
		c.Put(Hash(keys[i]), keys[i], &Entry{Reply: make([]byte, 200), Evidence: evidence, Until: 10})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key := keys[i*7919%len(keys)]
		if c.Get(Hash(key), key, 0) == nil {
			b.Fatal("missed")
		}
	}
}

// BenchmarkPut is of replies that depend on two of a hundred tables, for each of which another goes.
func BenchmarkPut(b *testing.B) {
	const keys = 1 << 16
	c := New(Settings{MaxBytes: keys / 2 * 600, MaxEntryBytes: 1 << 16})
	ledger := NewLedger()
	var reads [50][]*Table
	for i := range reads {
		reads[i] = []*Table{ledger.Table(fmt.Sprint("a", i)), ledger.Table(fmt.Sprint("b", i))}
	}
	reply := make([]byte, 100)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key := AppendKey(nil, 1, 2, Executed, nil, []byte("SELECT * FROM a JOIN b USING (id) WHERE id = $1"), fmt.Append(nil, i%keys))
		evidence, _ := ledger.Evidence(reads[i%len(reads)])
		c.Put(Hash(key), key, &Entry{Reply: reply, Evidence: evidence, Until: 10})
	}
}
