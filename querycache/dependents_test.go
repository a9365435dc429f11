package querycache

import (
	"fmt"
	"slices"
	"testing"
)

// named is for people.
func (d dependents) named() map[string]int {
	names := map[string]int{}
	for t, n := range d {
		names[t.Name] += n
	}
	return names
}

// Each table has the entries that depend on it, of those that are there, and each cache those of its own. That they are those that a walk finds,
// whatever comes and goes, is checked wherever the figures of a cache are (cached.check).
func TestDependentsAreOfEachTable(t *testing.T) {
	c, other := newCached(t, roomy), newCached(t, roomy)
	other.ledger = c.ledger
	c.put("a", c.reply("reply", 10, "a"))
	c.put("ab", c.reply("reply", 10, "a", "b"))
	c.put("none", c.reply("reply", 10))
	other.put("b", other.reply("reply", 10, "b"))
	tables := []*Table{c.ledger.Table("a"), c.ledger.Table("b"), c.ledger.Table("c")}
	if got := c.Dependents(tables); !slices.Equal(got, []int{2, 1, 0}) {
		t.Errorf("on a, b and c depend %d", got)
	}
	c.put("ab", c.reply("reply", 10, "b", "c"))
	if got := c.Dependents(tables); !slices.Equal(got, []int{1, 1, 1}) {
		t.Errorf("on a, b and c depend %d after one was replaced", got)
	}
	c.Purge("a")
	if got := c.Dependents(tables); !slices.Equal(got, []int{0, 1, 1}) {
		t.Errorf("on a, b and c depend %d after a was purged", got)
	}
	c.Purge("")
	if got := other.Dependents(tables); !slices.Equal(got, []int{0, 1, 0}) || len(c.dependents) != 0 {
		t.Errorf("on a, b and c depend %d in the other cache, and %d tables are kept in the empty one", got, len(c.dependents))
	}
}

// Tables that are looked up some at a time are all of them, in order.
func TestDependentsAtTheBoundOfALook(t *testing.T) {
	c := newCached(t, roomy)
	for _, n := range []int{0, 1, countedAtOnce - 1, countedAtOnce, countedAtOnce + 1, 3 * countedAtOnce} {
		for i := len(c.ledger.Tables()); i < n; i++ {
			c.put(fmt.Sprint(i), c.reply("reply", 10, fmt.Sprint("t", i)))
		}
		tables := append(slices.Clone(c.ledger.Tables()), NewLedger().Table("of another database"))
		got := c.Dependents(tables)
		if want := append(slices.Repeat([]int{1}, n), 0); !slices.Equal(got, want) {
			t.Errorf("on %d tables depend %d", n, got)
		}
	}
}

// The tables of a ledger are told in their order, and those that come later do not show in what was told before.
func TestTablesOfALedger(t *testing.T) {
	l := NewLedger()
	a, b := l.Table("a"), l.Table("b")
	before := l.Tables()
	c := l.Table("c")
	l.Table("a")
	if !slices.Equal(before, []*Table{a, b}) || !slices.Equal(l.Tables(), []*Table{a, b, c}) {
		t.Errorf("%d tables, and %d before", len(l.Tables()), len(before))
	}
	if _ = append(before, nil); l.Tables()[2] != c {
		t.Error("who was told of tables has changed them")
	}
}

// To keep an entry allocates its key, and nothing for the tables that it depends on, be it the only one that does.
func TestCountingDependentsDoesNotAllocate(t *testing.T) {
	const runs = 100
	c := newCached(t, roomy)
	var entries []*Entry
	for range 1 + runs { // AllocsPerRun has one more
		entries = append(entries, c.reply("reply", 10, "a", "b"))
	}
	if n := testing.AllocsPerRun(runs, func() {
		c.put("k", entries[0])
		entries = entries[1:]
	}); n != 1 {
		t.Errorf("%v allocations", n)
	}
}
