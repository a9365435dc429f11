package querycache

import (
	"cmp"
	"slices"
)

// reading collects what a read depends on.
type reading struct {
	l      *Lineage
	seen   map[int32]bool
	tables []string
	why    Reason
}

// function is one that the text calls. One of a user may hide one of Postgres, or not: it is held against the text if either has to be.
func (r *reading) function(name string) {
	n, known := r.l.functions[name]
	switch {
	case known:
		r.visit(n)
		if isOwn(name) {
			r.refuse(reasonOf(name))
		}
	case isOwn(name):
		r.refuse(reasonOf(name))
	default:
		r.refuse(UnknownFunction)
	}
}

// relation is one that the text reads from.
func (r *reading) relation(name string) {
	if n, known := r.l.relations[name]; known {
		r.visit(n)
		return
	}
	r.refuse(UnknownRelation)
}

// visit takes in a node and what it uses.
func (r *reading) visit(n int32) {
	if r.seen[n] {
		return
	}
	r.seen[n] = true
	here := &r.l.nodes[n]
	r.refuse(here.refusal())
	if here.kind == relationKind && here.flags&isTable != 0 {
		r.tables = append(r.tables, here.name)
	}
	for _, e := range here.edges {
		if e.how&whenRead != 0 {
			r.visit(e.to)
		}
	}
}

// refuse notes why there is nothing to cache; the first reason counts.
func (r *reading) refuse(why Reason) { r.why = cmp.Or(r.why, why) }

func (r *reading) result() (tables []string, why Reason) {
	if r.why != Cacheable {
		return nil, r.why
	}
	slices.Sort(r.tables)
	return slices.Compact(r.tables), Cacheable
}

// refusal is why what uses a node cannot be cached, as far as the node itself tells.
func (n *node) refusal() Reason {
	switch n.kind {
	case relationKind:
		return n.relationRefusal()
	case functionKind:
		return n.functionRefusal()
	case ownKind:
		return reasonInCode(n.name)
	}
	return Cacheable
}

func (n *node) relationRefusal() Reason {
	switch {
	case n.flags&isCatalog != 0:
		return SystemCatalog
	case n.flags&isForeign != 0:
		return ForeignTable
	case n.flags&isSequence != 0:
		return Sequence
	}
	return Cacheable
}

func (n *node) functionRefusal() Reason {
	switch {
	case n.flags&isVolatile != 0:
		return Volatile
	case n.flags&isOpaque != 0:
		return Opaque
	}
	return Cacheable
}
