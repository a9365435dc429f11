package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/routing"
)

// Where others write as well, nothing is served before the change stream is heard, nor after it was lost; and nothing of tables that it
// does not tell of.
func TestTheChangeStream(t *testing.T) {
	p := cachePool(1)
	p.Cache.WAL = true
	w := newCacheRig(t, 1, p)
	a := w.client("a")
	w.misses(a, "select from a")
	w.misses(a, "select from a")
	if !slices.Equal(w.followed, []string{"app/db"}) {
		t.Fatalf("followed: %q", w.followed)
	}
	w.e.Follows("app", "db", []string{"a"})
	w.keeps(a, "select from a")
	w.misses(a, "select from b")
	w.misses(a, "select from b")
	w.note("somebody else writes")
	w.writes["a"]++
	w.e.Changing("db", []string{"a"})
	w.e.Changed("db", []string{"a"})
	w.keeps(a, "select from a")
	w.writes["a"]++
	w.e.Changing("db", nil)
	w.e.Changed("db", nil)
	w.keeps(a, "select from a")
	w.note("it is lost, and heard again")
	w.e.FollowsNot("app", "db")
	w.misses(a, "select from a")
	w.misses(a, "select from a")
	w.e.Follows("app", "db", []string{"a"})
	w.keeps(a, "select from a")
	w.note("given up: it is wanted again")
	w.e.Unfollowed("app", "db")
	w.misses(a, "select from a")
	if len(w.followed) != 2 {
		t.Errorf("followed: %q", w.followed)
	}
}

// What a replica answers that has not replayed the last write is not kept. Another primary: nothing of the last one's is served.
func TestRepliesOfReplicas(t *testing.T) {
	r := splitRig(t, 1, func(p *PoolConfig) { p.Cache, p.ReadYourWrites = cachePool(1).Cache, true })
	w := &cacheRig{rig: r, lineage: cacheLineage, writes: map[string]int{}}
	w.facts, w.answers = cacheFacts, w.answer
	w.knows("select from a", "insert into a")
	a, b := w.client("a"), w.client("b")
	w.pass(2 * time.Second)
	w.keeps(a, "select from a")
	w.does(b, "insert into a")
	w.note("a replica answers, as a has not written")
	w.misses(a, "select from a")
	w.misses(a, "select from a")
	w.note("both have replayed it")
	w.probe("one", false, 300)
	w.probe("two", true, 300)
	w.probe("three", true, 300)
	w.misses(a, "select from a")
	w.hits(a, "select from a")
	w.note("two is promoted")
	for range 2 {
		w.report(routing.Report{Address: "one:5432", Failed: "no answer"})
	}
	w.hits(a, "select from a")
	w.report(routing.Report{Address: "two:5432", Timeline: 2, System: 7, Position: 500})
	w.misses(a, "select from a")
}
