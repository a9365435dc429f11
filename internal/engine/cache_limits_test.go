package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// wideRig is a cacheRig with other bounds, and a client. Rows of what is "wide" have one byte, until somebody says otherwise.
func wideRig(t *testing.T, change func(*CacheConfig)) (w *cacheRig, a *rigSocket) {
	t.Helper()
	p := cachePool(1)
	change(&p.Cache)
	w = newCacheRig(t, 1, p)
	a = w.client("a")
	w.wide = 1
	w.knows("select from a wide")
	return w, a
}

// A reply of max_entry_bytes is kept, and one of a byte more is not.
func TestTheLargestReplyInTheCache(t *testing.T) {
	const most = 4096
	w, a := wideRig(t, func(c *CacheConfig) { c.MaxEntryBytes = most })
	answer, _ := w.exchange(a, []string{"Query: select from a wide where 1=1"})
	w.wide = most - len(answer) + 1
	w.misses(a, "select from a wide")
	w.hits(a, "select from a wide")
	w.does(a, "insert into a")
	w.wide++
	w.misses(a, "select from a wide")
	w.misses(a, "select from a wide")
}

// The cache has no more than max_bytes: what is not used goes.
func TestTheCacheIsBounded(t *testing.T) {
	const most = 64 << 10
	w, a := wideRig(t, func(c *CacheConfig) { c.MaxBytes, c.MaxEntryBytes = most, 8<<10 })
	w.wide = 1 << 10
	for i := range 300 {
		text := fmt.Sprintf("select from a wide where n = %d", i)
		w.says(a, text)
		w.says(a, text)
	}
	s := w.e.CacheStatus()[0]
	if s.Bytes > most || s.Bytes < most/2 || s.Evicted == 0 {
		t.Errorf("of %d bytes %d are taken, by %d entries, and %d have made room", most, s.Bytes, s.Entries, s.Evicted)
	}
}

// Whose replies are kept: of listed tables, of those with a hint.
func TestWhoseRepliesAreInTheCache(t *testing.T) {
	w, a := wideRig(t, func(c *CacheConfig) { c.Match, c.Tables = CacheTables, []string{"public.a"} })
	w.keeps(a, "select from v")
	w.misses(a, "select from b")
	w.misses(a, "select from b")
	w, a = wideRig(t, func(c *CacheConfig) { c.Match = CacheHinted })
	w.knows("Query: select from a /* cache: on */")
	w.misses(a, "select from a")
	w.misses(a, "select from a")
	w.keeps(a, "Query: select from a /* cache: on */")
}

// A client that was told other columns is not given these: that they have changed, Postgres says (0A000).
func TestOtherColumnsAreNotFromTheCache(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(2))
	a, b := w.client("a"), w.client("b")
	w.says(a, "Parse: s select from a", describeStatement("s"), "Sync:")
	w.keeps(a, "Bind: s", "Execute:", "Sync:")
	w.note("the columns change, past us, and another client asks")
	was := cacheColumns
	defer func() { cacheColumns = was }()
	cacheColumns = bytes.Replace(was, []byte("n\x00"), []byte("m\x00"), 1)
	w.e.Changing("db", nil)
	w.e.Changed("db", nil)
	w.says(b, "Parse: s select from a", "Sync:")
	w.says(b, describeStatement("s"), "Sync:")
	w.misses(b, "Bind: s", "Execute:", "Sync:")
	w.hits(b, "Bind: s", "Execute:", "Sync:")
	w.misses(a, "Bind: s", "Execute:", "Sync:")
}

// A hit allocates nothing, and is sent at once.
func TestNoAllocationPerHit(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	w.quiet = true
	a := w.client("a")
	w.says(a, "Parse: s select from a", "Sync:")
	for name, messages := range map[string][]string{
		"simple":   {"select from a"},
		"prepared": {"Bind: s", "Execute:", "Sync:"},
		"unnamed":  batch("select from a"),
	} {
		w.says(a, messages...)
		w.hits(a, messages...)
		data := said(messages)
		mustNotAllocate(t, func() {
			if ops := w.step(a, data); len(ops) != 1 || ops[0].Kind != loop.Send || uint64(ops[0].Conn) != uint64(a.id) {
				t.Fatalf("%s: %v", name, ops)
			}
		})
	}
	both := slices.Concat(clientSays("select from a"), clientSays("select from a"))
	if ops := w.step(a, both); len(ops) != 1 {
		t.Errorf("two hits are sent in %d pieces", len(ops))
	}
}

// What is asked once, of a cache that is full, is not admitted, and costs no allocation.
func TestNoAllocationPerMissThatIsNotAdmitted(t *testing.T) {
	w, a := wideRig(t, func(c *CacheConfig) { c.MaxBytes, c.MaxEntryBytes = 16<<10, 4<<10 })
	w.quiet, w.wide = true, 1<<10
	for i := range 100 {
		w.says(a, fmt.Sprintf("select from a wide where n = %d", i))
	}
	w.says(a, "Parse: s select from a", "Sync:")
	bind := frame(pgwire.Bind, "\x00s\x00\x00\x00\x00\x01\x00\x00\x00\x04", "0000", "\x00\x00")
	data, refused := slices.Concat(bind, said([]string{"Execute:", "Sync:"})), w.e.CacheStatus()[0].Refused
	answer := slices.Concat(frame(pgwire.BindComplete), dataRow("1"), frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I"))
	i := uint32(0)
	mustNotAllocate(t, func() {
		i++
		binary.BigEndian.PutUint32(data[len(bind)-6:], i)
		w.isAsked(a, data, answer)
	})
	if now := w.e.CacheStatus()[0].Refused; now-refused < 2000 {
		t.Errorf("%d were not admitted", now-refused)
	}
}

// isAsked has a client ask something, and its server answer.
func (w *cacheRig) isAsked(c *rigSocket, data, answer []byte) {
	var server loop.ID
	for _, op := range w.step(c, data) {
		if op.Kind == loop.Send && op.Conn != c.id {
			server = op.Conn
		}
	}
	if w.stepOf(loop.Event{Kind: loop.Received, Conn: server, Data: answer}); server == 0 {
		w.Fatal("no server was asked")
	}
}

// What cannot be kept costs none either.
func TestNoAllocationPerMiss(t *testing.T) {
	for name, text := range map[string]string{"not kept": "select now()", "a write": "insert into a"} {
		p := cachePool(1)
		p.HiddenState = true
		w := newCacheRig(t, 1, p)
		w.suspects = [][]string{{"reads", "", "0"}}
		w.quiet = true
		a := w.client("a")
		w.says(a, text)
		w.misses(a, text)
		data := said([]string{text})
		answer := slices.Concat(cacheColumns, dataRow("1"), frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I"))
		if text[0] == 'i' {
			answer = slices.Concat(frame(pgwire.CommandComplete, "INSERT 0 1\x00"), frame(pgwire.ReadyForQuery, "I"))
		}
		t.Run(name, func(t *testing.T) { mustNotAllocate(t, func() { w.isAsked(a, data, answer) }) })
	}
}

func said(messages []string) (data []byte) {
	for _, m := range messages {
		data = append(data, clientSays(m)...)
	}
	return data
}

// step is one turn of the first loop in which a client says something. What it decides is not done.
func (w *cacheRig) step(c *rigSocket, data []byte) []loop.Op {
	return w.stepOf(loop.Event{Kind: loop.Received, Conn: c.id, Data: data})
}

func (w *cacheRig) stepOf(ev loop.Event) []loop.Op {
	s := w.loops[0].shard
	s.Tick(w.now)
	s.Step(&ev)
	return s.Ops()
}

// Who asks for much more than it reads is answered bit by bit: what it is sent in one turn is bounded, and nothing is lost.
func TestMuchIsAnsweredBitByBit(t *testing.T) {
	w, a := wideRig(t, func(c *CacheConfig) { c.MaxEntryBytes = 1 << 20 })
	w.wide = 100 << 10
	w.keeps(a, "select from a wide")
	one, _ := w.exchange(a, []string{"select from a wide"})
	var asked []string
	for range 10 {
		asked = append(asked, "Query: select from a wide")
	}
	began := w.e.shards[0].turns
	all, heard := w.exchange(a, asked)
	if turns := w.e.shards[0].turns - began; turns < 4 {
		t.Errorf("a megabyte in %d turns", turns)
	}
	if !bytes.Equal(all, bytes.Repeat(one, 10)) || len(heard) > 0 {
		t.Errorf("%d bytes, of 10 replies of %d; servers heard %q", len(all), len(one), heard)
	}
}

// A unit that is refused by us has no reply to be kept: the next one is of what was asked behind it.
func TestWhatIsRefusedAmidAPipelineIsNotRecorded(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	a, b := w.client("a"), w.client("b")
	w.says(a, "Parse: s select from a", describeStatement("s"), "Sync:")
	w.says(a, "Parse: other select from b", "Sync:")
	w.keeps(a, "Bind: s", "Execute:", "Sync:")
	w.keeps(a, "Bind: other", "Execute:", "Sync:")
	w.note("the columns change, past us")
	was := cacheColumns
	defer func() { cacheColumns = was }()
	cacheColumns = bytes.Replace(was, []byte("n\x00"), []byte("m\x00"), 1)
	w.e.Changing("db", nil)
	w.e.Changed("db", nil)
	w.e.schema.Doubt()
	w.says(b, "Parse: s select from a", describeStatement("s"), "Sync:") // so it is known what the server's copy returns
	w.says(b, describeStatement("s"), "Sync:")
	answer, _ := w.exchange(a, []string{"Bind: s", "Execute:", "Sync:", "Bind: other", "Execute:", "Sync:"})
	if !bytes.Contains(answer, []byte("0A000")) || !bytes.Contains(answer, []byte("b")) {
		t.Fatalf("a is told %s", what(answer))
	}
	c := w.client("c")
	w.says(c, "Parse: s select from a", "Sync:")
	w.misses(c, "Bind: s", "Execute:", "Sync:")
	w.hits(c, "Bind: s", "Execute:", "Sync:")
}

// Who follows what a session of another process has written is not served what was cached before that is known here.
func TestWhoFollowsAnotherProcessIsNotServed(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	a := w.client("a")
	w.keeps(a, "select from a")
	for c := range w.e.shards[0].slots.eachClient {
		w.e.shards[0].follow(c, "1:0123456789abcdef:7")
	}
	w.misses(a, "select from a")
	w.misses(a, "select from a")
}
