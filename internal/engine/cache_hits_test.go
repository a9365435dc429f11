package engine

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// batch is an unnamed statement that is parsed, bound, described and executed.
func batch(text string) []string {
	return []string{"Parse: unnamed " + text, "Bind:", describePortal, "Execute:", "Sync:"}
}

// The second who asks is answered from the cache, whichever way: by Query, by an unnamed statement, by a named one, by asking what one returns.
func TestTheCacheAnswersEveryKind(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(2))
	a, b := w.client("a"), w.client("b")
	w.note("Query")
	w.misses(a, "select from a")
	w.hits(b, "select from a")
	w.hits(a, "select from a")
	w.note("Parse, Bind, Describe, Execute, Sync: neither is the other")
	w.misses(a, batch("select from a")...)
	w.hits(b, batch("select from a")...)
	w.note("Bind, Execute of a named statement")
	w.misses(a, "Parse: s select from a", describeStatement("s"), "Sync:")
	w.misses(a, "Bind: s", "Execute:", "Sync:")
	w.hits(a, "Bind: s", "Execute:", "Sync:")
	w.note("Describe: the second client has its Parse answered by us")
	w.says(b, "Parse: t select from a", "Sync:")
	w.hits(b, describeStatement("t"), "Sync:")
	w.hits(a, describeStatement("s"), "Sync:")
	w.hits(b, describeStatement("t"), "Sync:")
	w.hits(b, "Bind: t", "Execute:", "Sync:")
}

// A hit is what a server would have said, to the byte; with the Parse answered where there was one.
func TestAHitIsWhatTheServerSaid(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	a, b := w.client("a"), w.client("b")
	for _, messages := range [][]string{{"select from a"}, batch("select from a")} {
		said, _ := w.exchange(a, messages)
		again, heard := w.exchange(b, messages)
		if string(said) != string(again) || len(heard) > 0 {
			t.Errorf("%q: %s, and then %s, of %q", messages, what(said), what(again), heard)
		}
	}
}

// After a hit with a Parse the unnamed statement is the client's: a Bind of it on a server means that text.
func TestTheUnnamedStatementAfterAHit(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	a := w.client("a")
	w.keeps(a, batch("select from a")...)
	w.does(a, "insert into a")
	w.says(a, batch("select from b")...)
	w.keeps(a, batch("select from a")...)
	w.says(a, "Parse: other select from b", "Sync:")
	if _, heard := w.exchange(a, []string{"begin"}); len(heard) != 1 {
		t.Fatalf("begin: %q", heard)
	}
	if _, heard := w.exchange(a, []string{"Bind:", "Execute:", "Sync:"}); len(heard) != 1 || heard[0] != "select from a" {
		t.Errorf("the unnamed statement is %q", heard)
	}
	w.says(a, "commit")
}

// What follows in the same bytes is served: hits in one piece, and a miss between hits in its order.
func TestPipelinesOfHits(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	a := w.client("a")
	w.keeps(a, "select from a")
	w.keeps(a, "select from b")
	w.hits(a, "select from a", "select from b", "select from a")
	answer, heard := w.exchange(a, []string{"select from a", "insert into b", "select from a", "select from b"})
	if len(heard) < 2 || heard[0] != "insert into b" || heard[len(heard)-1] != "select from b" { // its server rests with it meanwhile
		t.Errorf("servers were asked %q", heard)
	}
	if got := what(answer); got != "T, D, SELECT 1, ready I, INSERT 0 1, ready I, T, D, SELECT 1, ready I, T, D, SELECT 1, ready I" {
		t.Error(got)
	}
}

// A unit that comes in two pieces is answered when it is there.
func TestAHitInPieces(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	a := w.client("a")
	w.keeps(a, "select from a")
	query := clientSays("select from a")
	w.waits(a, raw(query[:9]))
	a.in = query[9:]
	w.heard = nil
	w.settle()
	if len(w.heard) > 0 {
		t.Errorf("servers were asked %q", w.heard)
	}
}

// These are asked of Postgres, whatever is kept.
func TestWhatIsNeverFromTheCache(t *testing.T) {
	bound := func(portal, statement, tail string, rows string) []string {
		return []string{raw(frame(pgwire.Bind, portal, "\x00", statement, "\x00", tail)), raw(frame(pgwire.Execute, portal, "\x00", rows)), "Sync:"}
	}
	plain, all := "\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00"
	for name, messages := range map[string][]string{
		"a named portal":       bound("p", "s", plain, all),
		"some of the rows":     bound("", "s", plain, "\x00\x00\x00\x01"),
		"another format":       bound("", "s", "\x00\x00\x00\x00\x00\x01\x00\x01", all),
		"a parameter":          bound("", "s", "\x00\x00\x00\x01\x00\x00\x00\x011\x00\x00", all),
		"another type":         {raw(frame(pgwire.Parse, "\x00select from a\x00\x00\x01\x00\x00\x00\x17")), "Bind:", "Execute:", "Sync:"},
		"the time as a string": {"select from a where t > 'now'"},
		"two queries":          {"select from a; select from b"},
		"a hint against it":    {"Query: select from a /* cache: off */"},
		"nonsense as a hint":   {"Query: select from a /* cache: nonsense */"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCacheRig(t, 1, cachePool(1))
			a := w.client("a")
			w.says(a, "Parse: s select from a", describeStatement("s"), "Sync:")
			w.keeps(a, "select from a")
			w.keeps(a, "Bind: s", "Execute:", "Sync:")
			w.misses(a, messages...)
			if name != "another format" && name != "a parameter" && name != "another type" {
				w.misses(a, messages...)
			}
		})
	}
}

// Nor is anything within a transaction of which nobody knows how it is isolated, with the cache switched off, or for who listens.
func TestClientsThatAreNotServed(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(2))
	a, b := w.client("a"), w.client("b")
	w.keeps(b, "select from a")
	w.says(a, "begin")
	w.misses(a, "select from a")
	w.says(a, "commit")
	w.hits(a, "select from a")
	off := w.client("off", Setting{"pgmux.cache", "off"})
	w.misses(off, "select from a")
	w.misses(off, "select from a")
	w.misses(a, "Parse: unnamed select from a", "Bind:", "Execute:", raw(frame(pgwire.Flush)), "Sync:")
	w.says(a, "listen news")
	w.misses(a, "select from a")
}

// Who has another user, database or settings is not told what others are.
func TestRepliesAreNotShared(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	w.keeps(w.client("a"), "select from a")
	for name, c := range map[string]Client{
		"user":     {User: "other"},
		"database": {Database: "other"},
		"path":     {Startup: []Setting{{"search_path", "other"}}},
		"zone":     {Startup: []Setting{{"TimeZone", "UTC"}}},
	} {
		w.misses(w.clientAs(name, c), "select from a")
	}
	w.note("what changes no result makes no difference")
	w.hits(w.clientAs("named", Client{Startup: []Setting{{"application_name", "x"}, {"statement_timeout", "5"}}}), "select from a")
}

// A reply is served until its time has passed, which is its TTL or up to a tenth less.
func TestTheTimeOfAReply(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	a := w.client("a")
	w.misses(a, "select from a")
	w.pass(54*time.Second - 1)
	w.hits(a, "select from a")
	w.pass(6*time.Second + 1)
	w.misses(a, "select from a")
	w.note("a hint says otherwise")
	w.knows("Query: select from b /* cache: 30s */", "Query: select from b /* cache: on */")
	w.misses(a, "Query: select from b /* cache: 30s */")
	w.pass(27*time.Second - 1)
	w.hits(a, "Query: select from b /* cache: 30s */")
	w.pass(3*time.Second + 1)
	w.misses(a, "Query: select from b /* cache: 30s */")
	w.keeps(a, "Query: select from b /* cache: on */")
}
