package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A client may name in SQL, in EXECUTE and DEALLOCATE, a statement it has prepared by the protocol. The server knows
// that statement by another name, so the name in the text is replaced; in PREPARE too, for Postgres to say that it is
// taken (trap 17).

// naming is the effects of texts in which a name may have to be replaced.
const naming = sql.Deallocates | sql.SQLExecute | sql.SQLPrepare

// named is the statement of ours that a name in the text that was scanned last means.
func (f *feed) named(n *sql.Name) (id prepared.StmtID, ok bool) {
	if n.Effect == sql.SQLPrepare && f.e.scan.Effects.Has(forgetting) {
		return prepared.None, false // by then it may be free again
	}
	return f.e.Names.Get(f.c.Slot, n.Value)
}

// rewriteText replaces names in the text that was scanned last. It returns the text to use, and the client's names that
// DEALLOCATEs in it take away.
func (f *feed) rewriteText(text []byte) (out []byte, deallocated []string, changed bool) {
	e := f.e
	from := 0
	for _, n := range e.scan.Names() {
		id, ok := f.named(&n)
		if !ok {
			continue
		}
		f.ensure(id)
		switch n.Effect {
		case sql.Deallocates:
			deallocated = append(deallocated, string(n.Value))
		case sql.SQLExecute:
			f.pin(e.effectsOf(id))
		}
		out = append(out, text[from:n.Start]...)
		out = append(out, e.Statements.ServerName(id)...)
		from, changed = n.End, true
	}
	if !changed {
		return text, nil, false
	}
	return append(out, text[from:]...), deallocated, true
}

// rewriteQuery forwards a simple Query with its names replaced; false if there was nothing to replace.
func (f *feed) rewriteQuery(length int, frame []byte) bool {
	text, _, ok := pgwire.CString(frame[pgwire.HeaderLen:])
	if !ok {
		return false
	}
	if f.s.open || !f.preparedHere() {
		return false
	}
	text, deallocated, changed := f.rewriteText(text)
	if !changed {
		return false
	}
	f.s.deallocating = append(f.s.deallocating, deallocated...)
	f.s.deallocatingAt = f.s.owed.tail
	f.replace(length, f.e.keep(pgwire.AppendQuery(f.e.room(len(text)+8), string(text))))
	return true
}

// preparedHere prepares what a simple Query names; each Parse needs a Sync of its own, which nobody sees.
func (f *feed) preparedHere() bool {
	e, s := f.e, f.s
	for _, n := range e.scan.Names() {
		if id, ok := f.named(&n); ok {
			f.ensure(id)
		}
	}
	if s.open {
		s.open = false
		s.owed.push(oweSyncOurs, prepared.None)
		f.put(e.keep(pgwire.AppendEmpty(e.room(8), pgwire.Sync)))
	}
	return true
}

// deallocated takes the name of a statement away after SQL has deallocated it.
func (s *Server) deallocated(e *Env, c *Client) {
	if len(s.deallocating) == 0 {
		return
	}
	name := []byte(s.deallocating[0])
	s.deallocating = append(s.deallocating[:0], s.deallocating[1:]...)
	if c == nil {
		return
	}
	if id, ok := e.Names.Get(c.Slot, name); ok {
		s.Prepared.Remove(e.Statements.Hash(id))
		c.forgetName(e, name, id)
	}
}
