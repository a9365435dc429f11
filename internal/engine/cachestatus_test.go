package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tables is what is told of the tables of a pool's cache: entries and changes of each.
func (w *cacheRig) tables(pool string) string {
	var told []string
	for _, t := range w.e.CacheTables(pool) {
		told = append(told, fmt.Sprintf("%s.%s %d %d", t.Database, t.Table, t.Entries, t.Changes))
	}
	slices.Sort(told)
	return strings.Join(told, ", ")
}

// forms is what is told of the forms of a pool's cache: hits and misses of each.
func (w *cacheRig) forms(pool string) string {
	var told []string
	for _, f := range w.e.CacheForms(pool) {
		told = append(told, fmt.Sprintf("%s %d %d", f.Text, f.Hits, f.Misses))
	}
	slices.Sort(told)
	return strings.Join(told, ", ")
}

// A pool's tables have the entries of its own cache that depend on them, though it shares the database, and what is written there, with another
// pool; its forms are its own.
func TestTablesAndFormsOfACache(t *testing.T) {
	other, plain := cachePool(1), onePool(1)
	other.Name, plain.Name = "other", "plain"
	w := newCacheRig(t, 1, cachePool(1), other, plain)
	a, b := w.client("a"), w.clientAs("b", Client{Pool: "other"})
	w.misses(a, "select from a")
	w.hits(a, "select from a")
	w.misses(a, "select from v")
	w.misses(b, "select from a")
	w.does(a, "insert into b")
	for pool, want := range map[string][2]string{
		"app":   {"db.a 2 0, db.b 0 1", "insert into b 0 0, select from a 1 1, select from v 0 1"},
		"other": {"db.a 1 0, db.b 0 1", "select from a 0 1"},
		"plain": {}, "none": {},
	} {
		if got := [2]string{w.tables(pool), w.forms(pool)}; got != want {
			t.Errorf("of %s are told %q, not %q", pool, got, want)
		}
	}
	if n := w.e.PurgeCache("other", ""); n != 1 || !strings.HasPrefix(w.tables("app"), "db.a 2") || !strings.HasPrefix(w.tables("other"), "db.a 0") {
		t.Errorf("%d are purged, and there are %q and %q", n, w.tables("app"), w.tables("other"))
	}
}
