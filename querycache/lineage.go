package querycache

import "github.com/pgmux/caddy-pgmux/internal/sql"

// Lineage is what the catalog of one database says of reads and writes: what of it they touch without naming it. It is immutable, and shared
// by all loops. Nil is that of a database of which nothing is known.
//
// # Names
//
// Everything is known by its name without a schema; see [Question]. Whoever has no such name is not known: a read of it is not cached, and a
// write to it changes everything.
//
// # What a read depends on
//
//  1. A table, partitioned or not, or a materialized view: itself and all its descendants, by partition or inheritance, and what the policies of
//     its row security use.
//  2. A view: what its query uses.
//  3. A function in SQL or PL/pgSQL: what its source mentions.
//
// # What a write reaches
//
//  1. A table: itself and all its descendants; what refers to it by a foreign key that cascades or sets; what its triggers, rules, defaults and
//     checks run. A view: what it reads from, and the same.
//  2. TRUNCATE: also all that refers to it by any foreign key, because of CASCADE.
//  3. A function that is volatile: every relation that its source mentions is written. One that is not: what the functions and views do
//     that it mentions. One that runs what cannot be seen, or defines something: everything.
//  4. To read a relation: what the functions do that its views and policies call.
//
// Who writes to a partition changes what a read of its parent depends on, by the first rule of reads; who writes to the parent changes
// the partitions, by the first rule of writes. So the two meet whichever of them is named.
type Lineage struct {
	nodes []node
	// relations and functions are where they are among the nodes, by name.
	relations, functions map[string]int32
	// attributes are the functions that may be called like a column is named, by the first plain word of their name, in lower case; those
	// of "" have none that could be looked for.
	attributes map[string][]int32
	sum        uint64
}

// node is what has a name: all objects that have it.
type node struct {
	name  string
	kind  kind
	flags flags
	edges []edge
}

type kind uint8

const (
	anyKind kind = iota // what any text may use: the first node
	relationKind
	functionKind
	ownKind
)

type flags uint8

// Of relations.
const (
	isTable flags = 1 << iota
	isView
	isForeign
	isSequence
	isCatalog
)

// Of functions.
const (
	isVolatile flags = 1 << iota
	// isOpaque: nobody knows what it reads.
	isOpaque
	// reachesAll: nobody knows what it changes.
	reachesAll
	truncates
	// isAttribute: it may be called like a column is named.
	isAttribute
)

// edge leads to what a node uses.
type edge struct {
	to  int32
	how how
}

// how something is used.
type how uint8

const (
	// whenRead (r): who reads or calls the one reads or calls the other.
	whenRead how = 1 << iota
	// whenWritten (w): who writes to the one writes to the other.
	whenWritten
	// asWritten (u): who writes to the one reads or calls the other.
	asWritten
	// whenTruncated (t): who truncates the one may truncate the other.
	whenTruncated
)

// Sum is equal for equal answers of the catalog, and almost never else.
func (l *Lineage) Sum() uint64 {
	if l == nil {
		return 0
	}
	return l.sum
}

// Reads is what the reply to a text depends on: the names of tables, each once, sorted; or why it cannot be cached. Of the text it wants the
// facts and the normal form. It takes some microseconds for each relation that is touched: to be remembered by fingerprint.
func (l *Lineage) Reads(f *sql.Facts, form []byte) (tables []string, why Reason) {
	switch {
	case l == nil:
		return nil, Unlearned
	case f.Class != sql.ClassReads:
		return nil, WritesOrLocks
	case !f.Traits.Has(sql.Repeatable):
		return nil, Unrepeatable
	}
	r := reading{l: l, seen: map[int32]bool{}}
	r.visit(0)
	for _, name := range f.Functions {
		r.function(name)
	}
	for _, name := range f.Relations {
		r.relation(name)
	}
	l.eachAttribute(form, r.visit)
	return r.result()
}

// Writes is what a text may change: the names of tables, each once, sorted; or anything. What only reads changes nothing. Else as Reads.
func (l *Lineage) Writes(f *sql.Facts, form []byte) (tables []string, all bool) {
	switch {
	case f.Class == sql.ClassBegins || f.Class == sql.ClassBeginsReadOnly:
		return nil, false
	case l == nil || !f.Traits.Has(sql.Understood) && f.Class != sql.ClassReads:
		return nil, true
	}
	w := writing{l: l, seen: map[touch]bool{}}
	w.visit(touch{0, reads})
	for _, name := range f.Functions {
		w.function(name)
	}
	for _, name := range f.Relations {
		w.relation(name, reads)
	}
	for _, name := range f.Written {
		w.relation(name, writesAs(f.Traits.Has(sql.Truncates)))
	}
	l.eachAttribute(form, func(n int32) { w.visit(touch{n, reads}) })
	return w.result()
}
