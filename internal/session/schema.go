package session

import (
	"bytes"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// Schema counts changes of what texts mean: tables, types and functions that are made, altered and dropped. All shards of
// a process share one.
//
// A statement keeps the parameter types that it had when it was parsed: Postgres plans anew what no longer fits its
// tables, but never asks for other parameters. So a Parse that a client sends after a change is not answered from memory,
// and makes stale what servers have from before (trap 19). What is bound without another Parse stays as it is, as with
// Postgres.
//
// A change is counted twice: when it is made, for who makes it, and when its transaction is over, for all others.
// Changes that only a function makes, or somebody who does not go through us, are not seen; Server.heal notices what
// they break when it fails.
type Schema struct {
	changes atomic.Uint32
	// unseen counts, beside them, what shows or makes likely that the columns of statements have changed, and reshaping the
	// transactions that may be changing them now. See shape.go.
	unseen    atomic.Uint32
	reshaping atomic.Int32
}

// schemaChanged takes note of a command by its tag. Temporary tables mean something to their own session only: while
// there are any, its server is asked every time.
func (s *Server) schemaChanged(e *Env, tag []byte) {
	verb, object, _ := bytes.Cut(tag, []byte{' '})
	switch string(verb) {
	case "CREATE", "DROP":
		if s.Pins&PinTemp != 0 && (string(object) == "TABLE" || string(object) == "INDEX") {
			s.ownTables = true
			return
		}
	case "ALTER":
	default:
		return
	}
	s.changing = true
	e.Schema.changes.Add(1)
}

// schemaSettled takes note of ReadyForQuery: what has been changed may be everybody's now.
func (s *Server) schemaSettled(e *Env) {
	if s.changing {
		s.changing = s.Status != pgwire.StatusIdle
		e.Schema.changes.Add(1)
	}
}

// asOfNow is the state of a server's copy for a client that parses the same text now, when that may mean something else
// than it did.
func (f *feed) asOfNow(id prepared.StmtID, state prepared.State) prepared.State {
	outdated := f.e.outdate(id)
	if state == prepared.Present && (outdated || f.s.ownTables && f.s.Pins&PinTemp != 0) {
		return prepared.Stale
	}
	return state
}

// outdate makes stale what servers have of a statement from before the last change, which is now parsed anew by some server:
// from then on it is current.
func (e *Env) outdate(id prepared.StmtID) bool {
	if e.current(id) {
		return false
	}
	if e.accepted(id) {
		e.Statements.Invalidate(id)
	}
	return true
}

// current reports whether some server has accepted the statement since the last change.
func (e *Env) current(id prepared.StmtID) bool {
	return e.accepted(id) && e.parsed[id].at == e.Schema.changes.Load()
}
