package querycache

import "slices"

// writing collects what a text changes.
type writing struct {
	l      *Lineage
	seen   map[touch]bool
	tables []string
	// writes: something is written, so defaults of domains may run.
	writes, all bool
}

// touch is a node, and what is done to it: a function is run, whichever it says.
type touch struct {
	node int32
	deed deed
}

type deed uint8

const (
	reads deed = iota
	writes
	writesAll // TRUNCATE
)

// writesAs is how a relation is written, or truncated.
func writesAs(truncated bool) deed {
	if truncated {
		return writesAll
	}
	return writes
}

// function is one that the text calls.
func (w *writing) function(name string) {
	n, known := w.l.functions[name]
	if known {
		w.visit(touch{n, reads})
	}
	w.all = w.all || !known && !isOwn(name) || isOwn(name) && runs(name)
}

// relation is one that the text mentions.
func (w *writing) relation(name string, d deed) {
	n, known := w.l.relations[name]
	if !known || d != reads && w.l.nodes[n].flags&isCatalog != 0 {
		w.all = true
		return
	}
	w.visit(touch{n, d})
}

// visit takes in what is done, and what follows.
func (w *writing) visit(t touch) {
	if w.all || w.seen[t] {
		return
	}
	w.seen[t] = true
	switch here := &w.l.nodes[t.node]; here.kind {
	case functionKind:
		w.run(here)
	case ownKind:
		w.all = w.all || runs(here.name)
	case relationKind, anyKind:
		w.touch(here, t.deed)
	}
}

// run takes in what a function does.
func (w *writing) run(f *node) {
	if f.flags&reachesAll != 0 {
		w.all = true
		return
	}
	d := reads
	if f.flags&isVolatile != 0 {
		d = writesAs(f.flags&truncates != 0)
	}
	for _, e := range f.edges {
		w.visit(touch{e.to, d})
	}
}

// touch takes in what follows from touching a relation.
func (w *writing) touch(r *node, d deed) {
	if d != reads {
		w.write(r)
	}
	for _, e := range r.edges {
		switch {
		case d == writesAll && e.how&(whenTruncated|whenWritten) != 0:
			w.visit(touch{e.to, writesAll})
		case d == writes && e.how&whenWritten != 0:
			w.visit(touch{e.to, writes})
		case e.how&whenRead != 0, d != reads && e.how&asWritten != 0:
			w.visit(touch{e.to, reads})
		}
	}
}

// write notes that a relation itself is written. What becomes of a foreign table, nobody knows: it may be one of this database.
func (w *writing) write(r *node) {
	w.writes = true
	w.all = w.all || r.flags&isForeign != 0
	if r.flags&isTable != 0 {
		w.tables = append(w.tables, r.name)
	}
}

func (w *writing) result() (tables []string, all bool) {
	if w.writes {
		w.visit(touch{0, writes})
	}
	if w.all {
		return nil, true
	}
	slices.Sort(w.tables)
	return slices.Compact(w.tables), false
}
