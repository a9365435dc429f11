package querycache_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// catalog is an answer as people write it: a row a line, columns between bars, what comes in lines in the answer between commas.
const catalog = `
	relation | 1 | parent,child,grandchild,referrer,view,sequence,abroad,pg_class,matview,log,logged | 1,1,1,1,2,8,4,16,1,1,1 | 0
	function | 1 | stable,volatile,opaque,truncating,attr,Ünknown | 0,1,6,9,16,1 | 0
	own | 1 | now,query_to_xml,current_setting | 0,0,0 | 0
	edges | rwt | r1 r2 r2 r3 | |
	edges | wt | r1 r4 | |
	edges | t | r4 r11 | |
	edges | rw | r5 r1 | |
	edges | r | f1 r5 f1 o3 f2 r10 f2 f1 f4 r4 f5 o1 | |
	edges | u | r11 f2 r9 r5 x0 f3 | |
	lineage | 11 | 6 | 3 | 14`

// rows is the answer's.
func rows(text string) (all [][][]byte) {
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		var row [][]byte
		for i, column := range strings.Split(line, "|") {
			column = strings.TrimSpace(column)
			if i == 2 && !strings.Contains(line, "edges") {
				column = strings.ReplaceAll(column, ",", "\n")
			}
			row = append(row, []byte(column))
		}
		all = append(all, row)
	}
	return all
}

func built(rows [][][]byte) *querycache.Lineage {
	var b querycache.LineageBuilder
	for _, row := range rows {
		b.Row(row)
	}
	return b.Done()
}

func TestReads(t *testing.T) {
	l := built(rows(strings.Replace(catalog, "x0 f3", "r8 f3", 1)))
	for _, c := range []struct {
		relations, functions, form, want string
	}{
		{"", "", "", "nothing"},
		{"parent", "", "", "child, grandchild, parent"},
		{"child", "", "", "child, grandchild"},
		{"parent child", "", "", "child, grandchild, parent"},
		{"view", "", "", "child, grandchild, parent"},
		{"matview", "", "", "matview"},
		{"", "stable", "", "child, grandchild, parent"},
		{"log", "upper stable", "", "child, grandchild, log, parent"},
		{"", "volatile", "", "! calls a volatile function"},
		{"", "opaque", "", "! calls a function that hides what it reads"},
		{"", "now", "", "! depends on time"},
		{"", "random", "", "! calls a volatile function"},
		{"", "strange", "", "! unknown function"},
		{"strange", "", "", "! unknown relation"},
		{"sequence", "", "", "! sequence"},
		{"abroad", "", "", "! foreign table"},
		{"pg_class", "", "", "! system catalog"},
		{"log", "", "select l.attr from log l", "! depends on time"},
		{"log", "", `select l."Attr" from log l`, "! depends on time"},
		{"log", "", "select l.attribute, attr2 from log l", "log"},
	} {
		f := &sql.Facts{Class: sql.ClassReads, Traits: sql.Understood | sql.Repeatable, Relations: strings.Fields(c.relations), Functions: strings.Fields(c.functions)}
		tables, why := l.Reads(f, []byte(c.form))
		if got := shown(tables, why.String()); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
		if tables, all := l.Writes(f, []byte(c.form)); why == querycache.Cacheable && (all || len(tables) > 0) {
			t.Errorf("%+v: it is cached, and changes %v, or all: %v", c, tables, all)
		}
	}
}

func TestReadsThatTheGrammarRefuses(t *testing.T) {
	var none *querycache.Lineage
	repeatable := sql.Facts{Class: sql.ClassReads, Traits: sql.Repeatable}
	if _, why := none.Reads(&repeatable, nil); why != querycache.Unlearned || none.Sum() != 0 {
		t.Errorf("of an unknown database: %v", why)
	}
	l := built(rows(catalog))
	if _, why := l.Reads(&sql.Facts{Traits: sql.Repeatable}, nil); why != querycache.WritesOrLocks {
		t.Errorf("of what writes: %v", why)
	}
	if _, why := l.Reads(&sql.Facts{Class: sql.ClassReads}, nil); why != querycache.Unrepeatable {
		t.Errorf("of what does not repeat: %v", why)
	}
	if _, why := built(rows(strings.Replace(catalog, "edges | u", "edges | ru", 1))).Reads(&repeatable, nil); why != querycache.Opaque {
		t.Errorf("where an operator may do anything: %v", why)
	}
}

func TestWrites(t *testing.T) {
	l := built(rows(strings.Replace(catalog, "x0 f3", "r8 f3", 1)))
	for _, c := range []struct {
		relations, written, functions string
		traits                        sql.Traits
		want                          string
	}{
		{"parent view matview sequence abroad pg_class", "", "stable now upper", sql.Understood, "nothing"},
		{"", "parent", "", sql.Understood, "child, grandchild, parent, referrer"},
		{"", "child", "", sql.Understood, "child, grandchild"},
		{"", "grandchild", "", sql.Understood, "grandchild"},
		{"", "referrer", "", sql.Understood, "referrer"},
		{"", "parent", "", sql.Understood | sql.Truncates, "child, grandchild, log, logged, parent, referrer"},
		{"", "view", "", sql.Understood, "child, grandchild, parent, referrer"},
		{"", "matview", "", sql.Understood | sql.Refreshes, "matview"},
		{"", "logged", "", sql.Understood, "log, logged"},
		{"", "sequence", "", sql.Understood, "nothing"},
		{"", "", "volatile", sql.Understood, "log"},
		{"", "", "truncating", sql.Understood, "log, logged, referrer"},
		{"", "", "opaque", sql.Understood, "! everything"},
		{"", "", "query_to_xml", sql.Understood, "! everything"},
		{"", "", "strange", sql.Understood, "! everything"},
		{"strange", "", "", sql.Understood, "! everything"},
		{"", "strange", "", sql.Understood, "! everything"},
		{"", "abroad", "", sql.Understood, "! everything"},
		{"", "pg_class", "", sql.Understood, "! everything"},
		{"", "", "", 0, "! everything"},
		{"", "", "", sql.Roles, "! everything"},
	} {
		f := &sql.Facts{Traits: c.traits, Relations: strings.Fields(c.relations), Written: strings.Fields(c.written), Functions: strings.Fields(c.functions)}
		tables, all := l.Writes(f, nil)
		got := shown(tables, "")
		if all {
			got = "! everything"
		}
		if got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	for _, class := range []sql.Class{sql.ClassBegins, sql.ClassBeginsReadOnly} {
		if tables, all := l.Writes(&sql.Facts{Class: class}, nil); all || len(tables) > 0 {
			t.Errorf("BEGIN changes %v, or all: %v", tables, all)
		}
	}
	var none *querycache.Lineage
	if _, all := none.Writes(&sql.Facts{Traits: sql.Understood}, nil); !all {
		t.Error("of an unknown database it is known what is changed")
	}
}

// TestDefaultsOfDomains: what they do, whatever is written may do, and nothing that is only read.
func TestDefaultsOfDomains(t *testing.T) {
	l := built(rows(catalog))
	if _, all := l.Writes(&sql.Facts{Traits: sql.Understood, Written: []string{"log"}}, nil); !all {
		t.Error("what is written does not run them")
	}
	if _, all := l.Writes(&sql.Facts{Traits: sql.Understood, Relations: []string{"log"}}, nil); all {
		t.Error("what is read runs them")
	}
}

// TestWhoeverIsNamedReadsMeetWrites: a write to any of a family changes what a read of any other rests on, if they share rows.
func TestWhoeverIsNamedReadsMeetWrites(t *testing.T) {
	l := built(rows(strings.Replace(catalog, "x0 f3", "r8 f3", 1)))
	family := []string{"parent", "child", "grandchild"} // each has the rows of those behind it
	for _, read := range family {
		depends, _ := l.Reads(&sql.Facts{Class: sql.ClassReads, Traits: sql.Repeatable, Relations: []string{read}}, nil)
		for _, written := range family {
			reached, _ := l.Writes(&sql.Facts{Traits: sql.Understood, Written: []string{written}}, nil)
			if !slices.ContainsFunc(depends, func(name string) bool { return slices.Contains(reached, name) }) {
				t.Errorf("a read of %s depends on %v; a write to %s reaches %v", read, depends, written, reached)
			}
		}
	}
}

// TestTheOrderOfRowsDoesNotMatter, for what is said nor for its sum.
func TestTheOrderOfRowsDoesNotMatter(t *testing.T) {
	one := rows(catalog)
	other := slices.Clone(one)
	slices.Reverse(other)
	if built(one).Sum() != built(other).Sum() || built(one).Sum() == 0 {
		t.Error("the sums differ, or are none")
	}
	f := &sql.Facts{Class: sql.ClassReads, Traits: sql.Repeatable, Functions: []string{"stable"}}
	if tables, why := built(other).Reads(f, nil); len(tables) != 3 {
		t.Errorf("a stable function depends on %v: %v", tables, why)
	}
}

// TestWhatIsNoAnswer: of less than all of one, or of something else, there is no lineage.
func TestWhatIsNoAnswer(t *testing.T) {
	whole := rows(catalog)
	for i := range whole {
		if built(slices.Delete(slices.Clone(whole), i, i+1)) != nil {
			t.Errorf("without row %d there is a lineage", i)
		}
		named := !slices.Contains([]string{"edges", "lineage"}, string(whole[i][0]))
		if built(append(slices.Clone(whole), whole[i])) != nil && !named {
			t.Errorf("with row %d twice there is a lineage", i)
		}
	}
	for _, wrong := range []string{"x | | | |", "edges | q | r1 r2 | |", "edges | r | r1 | |", "edges | r | r1 r99 | |", "edges | r | r1 | r2 | |", "relation | 1 | a,b | 1 | 0",
		"relation | x | a | 1 | 0", "relation | 1 | a | 256 | 0", "edges", "lineage | 1 | 1 | 1 | x"} {
		if built(append(slices.Clone(whole), rows(wrong)...)) != nil {
			t.Errorf("with %q there is a lineage", wrong)
		}
	}
	if built(nil) != nil {
		t.Error("of nothing there is a lineage")
	}
	if built([][][]byte{{[]byte("lineage"), []byte("0"), []byte("0"), []byte("0"), []byte("0")}}) == nil {
		t.Error("of an empty database there is none")
	}
}

// TestTheBoundOfAnAnswer: as much as the bound is taken, and no byte more.
func TestTheBoundOfAnAnswer(t *testing.T) {
	for _, c := range []struct {
		more int
		want bool
	}{{0, true}, {1, false}} {
		last := [][]byte{[]byte("lineage"), []byte("1"), []byte("0"), []byte("0"), []byte("0")}
		row := [][]byte{[]byte("relation"), []byte("1"), nil, []byte("1"), nil}
		const others = len("lineage1000") + len("relation11")
		row[2] = []byte(strings.Repeat("x", querycache.MaxAnswerForTests-others+c.more))
		if got := built([][][]byte{row, last}) != nil; got != c.want {
			t.Errorf("%d bytes more than the bound: %v", c.more, got)
		}
	}
}

// TestRowsAreCopied: bytes of a row are not kept.
func TestRowsAreCopied(t *testing.T) {
	var b querycache.LineageBuilder
	for _, row := range rows(catalog) {
		b.Row(row)
		for _, c := range row {
			clear(c)
		}
	}
	if l := b.Done(); l == nil || l.Sum() != built(rows(catalog)).Sum() {
		t.Error("what is remembered of a row changes with its bytes")
	}
}

func TestReasonsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for r := querycache.Cacheable; r <= querycache.UnknownRelation; r++ {
		name := r.String()
		if seen[name] || name == "" && r != querycache.Cacheable {
			t.Errorf("reason %d is %q", r, name)
		}
		seen[name] = true
	}
}

func ExampleLineage() {
	l := built(rows(strings.Replace(catalog, "x0 f3", "r8 f3", 1)))
	tables, why := l.Reads(&sql.Facts{Class: sql.ClassReads, Traits: sql.Repeatable, Relations: []string{"view"}}, nil)
	fmt.Printf("%v %q\n", tables, why)
	fmt.Println(l.Writes(&sql.Facts{Traits: sql.Understood, Written: []string{"child"}}, nil))
	// Output:
	// [child grandchild parent] ""
	// [child grandchild] false
}
