package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// ownName is the name, on servers, of the statement and the portal by which commands run that stand amid a client's extended
// messages and are not its own. They are not the unnamed ones, because those may be the client's.
const ownName = prepared.ServerNamePrefix + "own"

// noTypes is of a Parse that leaves all types to Postgres.
var noTypes = []byte{0, 0}

// extendedOurs executes statements of ours amid a client's extended messages; nobody sees their replies.
func (f *feed) extendedOurs(texts []string) {
	for _, text := range texts {
		f.runOurs([]byte(text), oweExecuteOurs, prepared.None)
	}
}

// runOurs executes a command by extended messages, whose replies nobody sees but that of the Execute, if it is owed as a
// client's. One of ours with an id, for which it takes over the reference, makes that statement.
func (f *feed) runOurs(text []byte, execute Kind, id prepared.StmtID) {
	e, s := f.e, f.s
	name := []byte(ownName)
	b := e.room(len(text) + 256)
	b = pgwire.AppendClose(b, 'S', name) // should one that failed have left it there
	b = pgwire.AppendParse(b, name, text, noTypes)
	b = pgwire.AppendPlainBind(b, name, name)
	b = pgwire.AppendExecute(b, name)
	b = pgwire.AppendClose(b, 'P', name)
	b = pgwire.AppendClose(b, 'S', name)
	s.owed.push(oweCloseOurs, prepared.None)
	s.owed.push(oweParseOurs, prepared.None)
	s.owed.push(oweBindOurs, prepared.None)
	s.owed.push(execute, id)
	s.owed.push(oweCloseOurs, prepared.None)
	s.owed.push(oweCloseOurs, prepared.None)
	s.open, s.untidy = true, false
	f.put(e.keep(b))
}

// apart ends the client's batch that no Sync has ended, before a Query or FunctionCall: should something of ours be executed ahead of that, Postgres
// would take it for a pipeline, and leave the transaction of the Query open. Where the client has executed something itself, it is
// one. It reports false if the client has to wait: whether the Query is skipped is not known yet.
func (f *feed) apart() bool {
	s := f.s
	if !s.open || s.executes || s.skipping {
		return true
	}
	if s.owed.len() > 0 {
		f.flushServer()
		f.stop = Await
		return false
	}
	f.syncOurs(false)
	return true
}

// closeOurs closes what is left of a command of ours if it has failed: pg_prepared_statements shows that.
func (f *feed) closeOurs() {
	f.s.untidy, f.s.open = false, true
	f.s.owed.push(oweCloseOurs, prepared.None)
	f.put(f.e.keep(pgwire.AppendClose(f.e.room(64), 'S', []byte(ownName))))
}
