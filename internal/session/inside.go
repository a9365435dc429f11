package session

import (
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A function or a DO block may say EXECUTE of what its client has prepared, in dynamic SQL, where no name can be replaced. So before
// a text that may do so, of a client that has prepared anything by SQL, the server becomes native.

// executesInside reports whether a text may. st is what was found in it. An EXECUTE that it says itself is read.
func (f *feed) executesInside(st *sql.Statement, text []byte) bool {
	if !f.c.fromSQL || f.c.NoPrepared || st.Effects.Has(naming) || runsNothing(st) {
		return false
	}
	if containsFold(text, "execute") {
		return true
	}
	x := f.s.suspects()
	return x != nil && x != Everything && x.of(st, text).Has(PinPrepare)
}

// executesInsideBound is executesInside for a statement that was read when it was prepared.
func (f *feed) executesInsideBound(id prepared.StmtID) bool {
	if !f.c.fromSQL {
		return false
	}
	text := f.e.Statements.Text(id)
	return f.executesInside(f.look(text, false), text)
}
