package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// cacheRig is a rig whose pools have a query cache, and a Postgres with the tables a, b and c, and v, a view of a. A read of one returns its name and how
// often it has been written to, so that a stale reply can be told from a true one.
type cacheRig struct {
	*rig
	// heard is what clients' texts servers have run since it was last looked at.
	heard []string
	// writes is how often a table was written.
	writes map[string]int
	// lineage is what the catalog says; catalogs counts how often it was asked.
	lineage  [][]string
	catalogs int
	// spoils is sent amid the next reply.
	spoils []byte
	// wide is how many bytes a row of "wide" has.
	wide int
}

// cachePool is onePool with a cache.
func cachePool(size int) PoolConfig {
	p := onePool(size)
	p.Cache = CacheConfig{TTL: time.Minute, MaxBytes: 1 << 20, MaxEntryBytes: 64 << 10}
	return p
}

var cacheLineage = [][]string{
	{"relation", "0", "a\nb\nc\nv", "1,1,1,2", "1"},
	{"edges", "rw", "r3 r0", "", ""},
	{"lineage", "4", "0", "0", "1"},
}

func newCacheRig(t testing.TB, shards int, pools ...PoolConfig) *cacheRig {
	t.Helper()
	w := &cacheRig{lineage: cacheLineage, writes: map[string]int{}}
	w.rig = newRig(t, shards, pools...)
	w.facts, w.answers = cacheFacts, w.answer
	w.knows("select from a", "select from b", "select from v", "insert into a", "insert into b", "begin", "commit", "rollback", "select now()")
	return w
}

// cacheFacts is what the grammar says of the texts of these tests; nil of garbage.
func cacheFacts(text string) *sql.Facts {
	text, _, _ = strings.Cut(text, " /*")
	words := strings.Fields(text)
	last := strings.Trim(words[len(words)-1], "'")
	switch words[0] {
	case "select", "wide":
		f := &sql.Facts{Class: sql.ClassReads, Traits: sql.Understood | sql.Repeatable}
		if last == "now()" {
			f.Functions = []string{"now"}
		} else {
			f.Relations = []string{words[2]}
		}
		return f
	case "insert", "copy":
		return &sql.Facts{Traits: sql.Understood, Written: []string{words[2]}}
	case "begin":
		return &sql.Facts{Class: sql.ClassBegins, Traits: sql.Understood}
	case "commit", "rollback", "set", "listen", "prepare":
		return &sql.Facts{Traits: sql.Understood}
	case "garbage":
		return nil
	}
	return &sql.Facts{}
}

// cacheColumns says that there is one column, n.
var cacheColumns = frame(pgwire.RowDescription, "\x00\x01n\x00",
	"\x00\x00\x00\x00", "\x00\x00", "\x00\x00\x00\x17", "\x00\x04", "\xff\xff\xff\xff", "\x00\x00")

// answer is rig.answers.
func (w *cacheRig) answer(s *rigServer, typ byte, body string) bool {
	switch typ {
	case pgwire.Query:
		return w.query(s, body)
	case pgwire.Describe:
		if body[0] == 'S' {
			s.answer(frame(pgwire.ParameterDescription, "\x00\x00"))
		}
		w.heard = append(w.heard, "describe")
		s.answer(cacheColumns)
	case pgwire.Execute:
		w.heard = append(w.heard, s.bound)
		if strings.HasPrefix(s.bound, "BEGIN") {
			return false
		}
		w.run(s, s.bound, false)
	default:
		return false
	}
	return true
}

func (w *cacheRig) query(s *rigServer, text string) bool {
	switch word, _, _ := strings.Cut(text, " "); {
	case text == lineageQuestion:
		w.catalogs++
		for _, row := range w.lineage {
			s.answer(dataRow(row...))
		}
		s.answer(frame(pgwire.CommandComplete, "SELECT 1\x00"), s.ready())
		return true
	case text == suspectsQuestion, strings.HasPrefix(text, "SELECT"), strings.HasPrefix(text, "DISCARD"), strings.HasPrefix(text, "RESET"):
		return false
	case !slices.Contains([]string{"select", "insert", "create", "garbage", "execute"}, word), strings.HasPrefix(text, "create temp"):
		w.heard = append(w.heard, text)
		return false
	}
	w.heard, s.queries = append(w.heard, text), append(s.queries, text)
	if strings.Contains(text, "fails") {
		s.fail("22012", "division by zero")
		return true
	}
	w.run(s, text, true)
	s.answer(s.ready())
	return true
}

// run answers a text, as a Query is or an Execute.
func (w *cacheRig) run(s *rigServer, text string, simple bool) {
	if !strings.HasPrefix(text, "select") {
		w.writes[table(text)]++
		s.answer(frame(pgwire.CommandComplete, "INSERT 0 1\x00"))
		return
	}
	if simple {
		s.answer(cacheColumns)
	}
	s.answer(w.spoils)
	w.spoils = nil
	if strings.Contains(text, "wide") {
		s.answer(dataRow(strings.Repeat("x", w.wide)))
	} else {
		s.answer(dataRow(w.row(table(text))))
	}
	s.answer(frame(pgwire.CommandComplete, "SELECT 1\x00"))
}

// table is the one that a text of these tests reads or writes.
func table(text string) string {
	words := strings.Fields(text)
	name := strings.TrimSuffix(words[min(2, len(words)-1)], ";")
	if name == "v" {
		name = "a"
	}
	return name
}

func (w *cacheRig) row(table string) string { return table + strings.Repeat("!", w.writes[table]) }

// exchange has a client say something, and tells what it is sent and what servers have run.
func (w *cacheRig) exchange(c *rigSocket, messages []string) (answer []byte, heard []string) {
	w.Helper()
	from := len(c.received)
	w.heard = nil
	w.says(c, messages...)
	return c.received[from:], w.heard
}

// hits demands that a client is answered, and no server is asked.
func (w *cacheRig) hits(c *rigSocket, messages ...string) {
	w.Helper()
	answer, heard := w.exchange(c, messages)
	if len(heard) > 0 || !ready(answer) {
		w.Fatalf("%s says %q, and servers are asked %q; it is told %s", c.name, messages, heard, what(answer))
	}
	w.isTrue(answer)
}

// misses demands that a client is answered, by a server.
func (w *cacheRig) misses(c *rigSocket, messages ...string) {
	w.Helper()
	answer, heard := w.exchange(c, messages)
	if len(heard) == 0 || !ready(answer) {
		w.Fatalf("%s says %q, and servers are asked %q; it is told %s", c.name, messages, heard, what(answer))
	}
}

// keeps has a reply kept: a miss, then a hit.
func (w *cacheRig) keeps(c *rigSocket, messages ...string) {
	w.Helper()
	w.misses(c, messages...)
	w.hits(c, messages...)
}

// does has a client say something that is done at a server, and give that back: after a write it may keep it for a moment, for its numbers.
func (w *cacheRig) does(c *rigSocket, messages ...string) {
	w.Helper()
	w.misses(c, messages...)
	w.pass(50 * time.Millisecond)
}

// waits demands that a client is not answered yet, and says what servers have run.
func (w *cacheRig) waits(c *rigSocket, messages ...string) []string {
	w.Helper()
	answer, heard := w.exchange(c, messages)
	if len(answer) > 0 {
		w.Fatalf("%s says %q, and is told %s", c.name, messages, what(answer))
	}
	return heard
}

// isTrue demands that all rows of an answer are what the tables hold now.
func (w *cacheRig) isTrue(answer []byte) {
	w.Helper()
	for b := answer; len(b) > 0; b = b[pgwire.FrameLen(b):] {
		if b[0] != pgwire.DataRow {
			continue
		}
		row := string(b[pgwire.HeaderLen+6 : pgwire.FrameLen(b)])
		if name := strings.TrimRight(row, "!"); row != w.row(name) && len(name) == 1 {
			w.Fatalf("stale: %s, and it is %s", row, w.row(name))
		}
	}
}

// mute keeps servers from answering what begins so, until they are told otherwise.
func (w *cacheRig) mute(text string) { w.mutesAt = text }

// unmute has them answer.
func (w *cacheRig) unmute() {
	w.Helper()
	w.mutesAt = ""
	for _, s := range w.servers {
		s.mute = false
	}
	w.settle()
}

// classify answers what the grammar was asked.
func (w *cacheRig) classify() {
	w.Helper()
	w.holdFacts = false
	for _, q := range w.questions {
		w.e.Classified(q.Ticket, w.facts(string(q.Text)))
	}
	w.questions = nil
	w.settle()
}

// ready reports whether an answer ends with a ReadyForQuery.
func ready(b []byte) bool { return len(b) >= 6 && b[len(b)-6] == pgwire.ReadyForQuery }

// what is the types of messages, in short.
func what(b []byte) string {
	if len(b) == 0 {
		return "nothing"
	}
	return messages(b, true)
}

func raw(b []byte) string { return "Raw:" + string(b) }

var describePortal = raw(frame(pgwire.Describe, "P\x00"))

func describeStatement(name string) string { return raw(frame(pgwire.Describe, "S", name, "\x00")) }
