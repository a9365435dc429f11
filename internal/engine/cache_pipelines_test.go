package engine

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"
)

// All replies of a pipeline that nobody has asked for before are kept, whatever pieces they come in.
func TestAPipelineOfMisses(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	a, b := w.client("a"), w.client("b")
	w.says(a, "select from c") // so that the catalog is known
	w.says(a, "Parse: s select from b", "Sync:")
	all := slices.Concat([]string{"select from a", "select from b"}, batch("select from a"), []string{"Bind: s", "Execute:", "Sync:"}, batch("select from b"))
	before := w.e.CacheStatus()[0].Misses
	w.misses(a, all...)
	if n := w.e.CacheStatus()[0].Misses - before; n != 5 {
		t.Errorf("five units that missed count as %d", n)
	}
	w.hits(a, all...)
	w.hits(b, "select from b")
	w.hits(b, batch("select from b")...)
	w.does(b, "insert into a") // what depends on b still holds
	w.misses(a, all...)
	w.hits(a, all...)
}

// The bound, and one more.
func TestHowMuchOfAPipelineIsKept(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(1))
	a := w.client("a")
	w.says(a, "select from a")
	var all []string
	for i := range maxPipelined + 1 {
		all = append(all, fmt.Sprintf("select from a where n = %d", i))
	}
	w.says(a, "select from a where n = 1000") // so that it has been read
	w.misses(a, all...)
	w.hits(a, all[:maxPipelined]...)
	w.misses(a, all[maxPipelined])
}

// What is kept ends with the first of which it is not known what it is, or where its reply ends; and each reply is kept for its own unit.
func TestWhereThePipelineIsKeptTo(t *testing.T) {
	for name, amid := range map[string][]string{
		"a write":                       {"insert into c"},
		"what depends on the time":      {"select now()"},
		"a batch that is none":          {"Parse: t select from a", "Sync:"},
		"the unnamed statement":         {"Bind:", "Execute:", "Sync:"},
		"an error":                      {"select fails from a"},
		"what was never read":           {"select from a where unread"},
		"what is switched off":          {"Query: select from a /* cache: off */"},
		"a setting":                     {"set TimeZone to UTC"},
		"the beginning of transactions": {"begin", "select from b", "commit"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCacheRig(t, 1, cachePool(1))
			w.knows("select fails from a")
			a := w.client("a")
			w.says(a, "select from c")
			w.says(a, "Parse: unnamed select from c", "Sync:")
			w.misses(a, slices.Concat([]string{"select from a"}, amid, []string{"select from b", "select from c where n = 1"})...)
			w.pass(50 * time.Millisecond)
			for _, text := range []string{"select from a", "select from b", "select from c where n = 1"} {
				w.says(a, text) // whether it is kept or not
				w.hits(a, text)
				answer, _ := w.exchange(a, []string{text})
				if !bytes.Contains(answer, dataRow(w.row(table(text)))) {
					t.Errorf("%s is answered %q", text, answer)
				}
			}
		})
	}
}
