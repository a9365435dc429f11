package sim

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Classify implements engine.Host. The grammar is known in worlds with replicas or caches only; it takes its time, and now and then
// says nothing.
func (h *Host) Classify(r engine.ClassifyRequest) {
	defer h.trip()
	if h.w.cluster == nil && !h.w.caching || h.w.Chance(0.02) {
		h.engine.Classified(r.Ticket, nil)
		return
	}
	facts := h.factsOf(string(r.Text))
	h.w.After(int64(h.w.random.IntN(int(2*Millisecond))), func() { h.engine.Classified(r.Ticket, &facts) })
}

// factsOf is what the grammar says of a text.
func (h *Host) factsOf(text string) sql.Facts {
	list := parseSQL(text)
	if len(list) == 1 && list[0].verb == begins {
		if list[0].readOnly {
			return sql.Facts{Class: sql.ClassBeginsReadOnly}
		}
		return sql.Facts{Class: sql.ClassBegins}
	}
	f := sql.Facts{Class: sql.ClassReads, Traits: sql.Understood}
	for _, st := range list {
		if !st.grammarReads() && !(h.run.Fault == TakesWritesForReads && st.verb == inserts) {
			f.Class = sql.ClassWrites
		}
		if !st.understood() {
			return sql.Facts{}
		}
		if h.run.Fault != HidesWrites || st.verb != updates {
			f.Written = append(f.Written, st.written()...)
		}
		f.Functions = append(f.Functions, st.functions()...)
		f.Relations = append(f.Relations, st.relations()...)
	}
	if f.Class == sql.ClassReads && len(list) == 1 && strings.HasPrefix(list[0].options(list[0].text), "SELECT") {
		f.Traits |= sql.Repeatable
	}
	slices.Sort(f.Written)
	f.Written = slices.Compact(f.Written)
	slices.Sort(f.Functions)
	slices.Sort(f.Relations)
	f.Functions, f.Relations = slices.Compact(f.Functions), slices.Compact(f.Relations)
	return f
}

// grammarReads reports whether a statement is a SELECT, a SHOW or a COPY TO, whatever its functions do.
func (st *statement) grammarReads() bool {
	return st.queries() || strings.HasPrefix(strings.TrimSpace(st.options(st.text)), "SELECT")
}

var call, from = regexp.MustCompile(`([a-z_]+)\(`), regexp.MustCompile(`FROM ([a-z0-9_]+(?:, [a-z0-9_]+)*)`)

// functions is the names of those that a statement calls, relations of those that it reads.
func (st *statement) functions() []string { return st.mentions(call) }
func (st *statement) relations() []string { return st.mentions(from) }

func (st *statement) mentions(what *regexp.Regexp) (names []string) {
	for _, m := range what.FindAllStringSubmatch(withoutStrings(st.options(st.text)), -1) {
		names = append(names, strings.Split(m[1], ", ")...)
	}
	return names
}

// understood reports whether the grammar tells what a statement changes.
func (st *statement) understood() bool {
	switch st.verb {
	case alters, does, prepares, executes, createsTemp, dropsTemp, wrong:
		return false
	}
	return true
}

// written is the names of the tables that a statement changes.
func (st *statement) written() []string {
	switch st.verb {
	case updates:
		return []string{st.name}
	case inserts, copiesIn:
		return []string{"t"}
	}
	return nil
}

// withoutStrings is a text without what is between quotes.
func withoutStrings(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "'") {
		if i%2 == 0 {
			b.WriteString(part)
		}
	}
	return b.String()
}
