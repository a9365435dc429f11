package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A reply is asked for once, and again behind a write; meanwhile nobody who reads it has a server.
func TestTheQueryCache(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(2))
	w.log = nil
	a, b := w.client("a"), w.client("b")
	w.note("a asks, and b waits for that: both are answered by one query, and from then on by none")
	w.mute("select")
	w.says(a, "select from a")
	w.says(b, "select from a")
	w.unmute()
	w.says(b, "select from a", "select from a")
	w.note("b writes: until that is answered a asks Postgres")
	w.mute("insert")
	w.says(b, "insert into a")
	w.says(a, "select from a")
	w.unmute()
	w.note("behind it a asks once more")
	w.says(a, "select from a")
	w.says(a, "select from a")
	w.note("the catalog is changed: that is asked before anything is kept again")
	w.pass(time.Second)
	w.says(b, "create table d (n int)")
	w.says(a, "select from a")
	w.says(a, "select from a")
	w.note("within a transaction nothing is from the cache")
	w.says(a, "begin")
	w.says(a, "select from a")
	w.says(a, "commit")
	w.says(a, "select from a")
	w.compare()
}

// Rule 7: what is cached of a table is not served from when a write of it may be on its way to be committed, and never again.
func TestNothingIsServedWhileAWriteIsCommitted(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(3))
	a, b := w.client("a"), w.client("b")
	w.keeps(a, "select from a")
	w.keeps(a, "select from v")
	w.keeps(a, "select from b")
	w.note("b's write is at its server, and not answered")
	w.mute("insert")
	w.waits(b, "insert into a")
	w.misses(a, "select from a")
	w.misses(a, "select from a")
	w.misses(a, "select from v")
	w.hits(a, "select from b")
	w.note("it is answered")
	w.unmute()
	w.misses(a, "select from a")
	w.hits(a, "select from a")
	w.keeps(a, "select from v")
}

// In a transaction nothing is committed before COMMIT is sent. ROLLBACK may be COMMIT as far as anybody can tell.
func TestTheWritesOfATransaction(t *testing.T) {
	for _, end := range []string{"commit", "rollback"} {
		t.Run(end, func(t *testing.T) {
			w := newCacheRig(t, 1, cachePool(3))
			a, b := w.client("a"), w.client("b")
			w.keeps(a, "select from a")
			w.says(b, "begin")
			w.says(b, "insert into a")
			w.writes["a"] = 0 // nobody else sees it yet
			w.hits(a, "select from a")
			w.mute(end)
			w.waits(b, end)
			w.misses(a, "select from a")
			w.unmute()
			w.misses(a, "select from a")
			w.hits(a, "select from a")
		})
	}
}

// What was asked before a write and answered behind it is not kept.
func TestAReplyFromBeforeAWriteIsNotKept(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(3))
	a, b := w.client("a"), w.client("b")
	w.mute("select")
	w.waits(a, "select from a")
	w.mutesAt = ""
	w.says(b, "insert into a")
	w.unmute()
	w.misses(b, "select from a")
	w.pass(50 * time.Millisecond)
	w.misses(b, "select from a")
	w.hits(a, "select from a")
}

// A server that is lost amid a commit: for a minute nobody knows what it has done. In a transaction that it has not begun to commit, it
// has done nothing.
func TestAServerIsLostAmidACommit(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(3))
	a, b, c := w.client("a"), w.client("b"), w.client("c")
	w.keeps(a, "select from a")
	w.says(c, "begin")
	w.says(c, "insert into a")
	w.writes["a"] = 0
	w.hits(a, "select from a")
	w.servers[0].socket.ended = true
	w.settle()
	w.hits(a, "select from a")
	w.mute("insert")
	w.says(b, "insert into a")
	w.loses("insert into a")
	w.mutesAt = ""
	w.misses(a, "select from a")
	w.misses(a, "select from a")
	w.pass(lostChanges - time.Second)
	w.misses(a, "select from a")
	w.pass(2 * time.Second)
	w.keeps(a, "select from a")
}

// loses ends the server that was asked that last.
func (w *cacheRig) loses(text string) {
	w.Helper()
	for _, s := range w.servers {
		if s.mute {
			s.socket.ended = true
		}
	}
	w.settle()
}

// A text that nobody has read before may change anything until it has been read. Then what was cached of other tables holds again.
func TestATextThatNobodyHasRead(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(3))
	a, b := w.client("a"), w.client("b")
	w.keeps(a, "select from a")
	w.keeps(a, "select from b")
	w.holdFacts = true
	w.says(b, "insert into a values (1)")
	w.misses(a, "select from a")
	w.misses(a, "select from b")
	w.classify()
	w.hits(a, "select from b")
	w.keeps(a, "select from a")
	w.note("what only reads changes nothing")
	w.holdFacts = true
	w.says(b, "select from c")
	w.misses(a, "select from a")
	w.classify()
	w.hits(a, "select from a")
}

// A transaction is over before its text has been read: what it has changed counts all the same.
func TestATextIsReadInAnotherTransaction(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(3))
	a, b := w.client("a"), w.client("b")
	w.keeps(a, "select from a")
	w.keeps(a, "select from b")
	w.holdFacts = true
	w.says(b, "begin", "insert into a values (1)", "commit", "begin")
	w.misses(a, "select from a")
	w.classify()
	w.misses(a, "select from a")
	w.hits(a, "select from b")
}

// What may change anything drops all: where it changes the catalog, that is asked again before anything is kept.
func TestWhatDropsAll(t *testing.T) {
	for name, messages := range map[string][]string{
		"garbage":       {"garbage"},
		"DDL":           {"create table d (n int)"},
		"EXECUTE":       {"execute s"},
		"FunctionCall":  {raw(frame(pgwire.FunctionCall, "\x00\x00\x00\x01", "\x00\x00", "\x00\x00", "\x00\x00"))},
		"a long text":   inPieces("insert into a values ('" + strings.Repeat("x", prepared.MaxText+maxWholeText) + "')"),
		"transactional": {"begin", "create table d (n int)", "commit"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCacheRig(t, 1, cachePool(2)) // b may keep one
			a, b := w.client("a"), w.client("b")
			w.keeps(a, "select from b")
			asked := w.catalogs
			functionCalls(w)
			if name == "a long text" {
				w.says(b, messages[0])
				messages = messages[1:]
			}
			w.says(b, messages...)
			w.pass(2 * time.Second)
			w.misses(a, "select from b")
			w.says(a, "select from b") // the first may have come before the catalog was asked again
			w.hits(a, "select from b")
			if w.catalogs == asked {
				t.Error("the catalog was not asked again")
			}
		})
	}
}

// maxWholeText is more than is looked at of a Query.
const maxWholeText = 64 << 10

// inPieces is a Query that is so long that its end is not looked at: it comes in two pieces.
func inPieces(text string) []string {
	query := clientSays(text)
	return []string{raw(query[:len(query)-20]), raw(query[len(query)-20:])}
}

// functionCalls has servers answer FunctionCalls.
func functionCalls(w *cacheRig) {
	answer := w.answers
	w.answers = func(s *rigServer, typ byte, body string) bool {
		if typ == pgwire.FunctionCall {
			s.answer(frame(pgwire.FunctionCallResponse, "\xff\xff\xff\xff"), s.ready())
			return true
		}
		return answer(s, typ, body)
	}
}

// Another pool of the same database, with a cache or without: its writes count. So do those of a shard of its own.
func TestWritesByAnotherPool(t *testing.T) {
	other := onePool(1)
	other.Name = "other"
	w := newCacheRig(t, 2, cachePool(2), other)
	a, b := w.client("a"), w.clientAs("b", Client{Pool: "other"})
	if a.loop == b.loop {
		t.Fatal("both are on one shard")
	}
	w.keeps(a, "select from a")
	w.mute("insert")
	w.waits(b, "insert into a")
	w.misses(a, "select from a")
	w.unmute()
	w.keeps(a, "select from a")
	w.note("those of another database do not")
	c := w.clientAs("c", Client{Pool: "other", Database: "elsewhere"})
	w.does(c, "insert into a")
	w.writes["a"]--
	w.hits(a, "select from a")
}

// The cache is turned on while a transaction is open: what that has written before is not known.
func TestTheCacheIsTurnedOnAmidATransaction(t *testing.T) {
	w := newCacheRig(t, 1, onePool(3))
	a, b := w.client("a"), w.client("b")
	w.says(b, "begin", "insert into a")
	w.apply(cachePool(3))
	w.pass(2 * time.Second)
	w.misses(a, "select from b")
	w.misses(a, "select from b")
	w.says(b, "commit")
	w.pass(2 * time.Second)
	w.keeps(a, "select from b")
	w.note("off, and on again: what was kept is not there any more")
	w.apply(onePool(3))
	w.misses(a, "select from b")
	w.apply(cachePool(3))
	w.pass(2 * time.Second)
	w.keeps(a, "select from b")
	w.note("another TTL")
	p := cachePool(3)
	p.Cache.TTL = time.Hour
	w.apply(p)
	w.misses(a, "select from b")
}

// A loop that crashes has had writes under way: all is dropped, and then kept again.
func TestALoopCrashesAmidAWrite(t *testing.T) {
	w := newCacheRig(t, 2, cachePool(3))
	w.crashes = true
	a, b := w.client("a"), w.client("b")
	w.keeps(a, "select from a")
	w.keeps(a, "select from b")
	w.mute("insert")
	w.waits(b, "insert into a")
	b.loop.shard.mail.Post(mail{kind: mailServer})
	w.mutesAt = ""
	w.settle()
	w.misses(a, "select from b")
	w.keeps(a, "select from a")
	c, d := w.client("c"), w.client("d")
	w.does(c, "insert into a")
	w.misses(d, "select from a")
}

// A client with temporary tables may mean them by any name, or a view: whatever it says may change everything, and its reads are its own.
func TestTemporaryTablesAndTheCache(t *testing.T) {
	p := cachePool(2)
	p.Pinning = session.PinningOn
	w := newCacheRig(t, 1, p)
	a, b := w.client("a"), w.client("b")
	w.does(b, "create temp table a (n int)")
	w.misses(a, "select from a") // the catalog is asked again
	w.keeps(a, "select from a")
	w.misses(b, "select from a")
	w.misses(b, "select from a")
	w.keeps(a, "select from b")
	w.says(b, "insert into a")
	w.misses(a, "select from b")
}
