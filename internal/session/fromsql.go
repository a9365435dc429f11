package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// helper is the name, on servers, of the statement and the portal by which a PREPARE of ours runs. It is not the unnamed
// ones', because those may be the client's.
const helper = prepared.ServerNamePrefix + "prepare"

// prepareInSQL makes on the server a statement that the client has made by PREPARE in SQL, by the same PREPARE.
func (f *feed) prepareInSQL(id prepared.StmtID) {
	e := f.e
	text := e.keep(e.Statements.AppendPrepare(e.room(len(e.Statements.Text(id))+prepared.ServerNameLen), id))
	e.Statements.Retain(id)
	f.runOurs(text, id)
}

// runOurs executes a command of ours among the client's messages; nobody sees its replies. With id, for which it takes over
// the reference, the command makes that statement.
func (f *feed) runOurs(text []byte, id prepared.StmtID) {
	e, s := f.e, f.s
	s.open = true
	if s.untidy {
		// An earlier one failed, and what was to tidy up behind it was skipped.
		s.untidy = false
		f.closeHelper()
	}
	s.owed.push(oweParseOurs, prepared.None)
	f.put(e.keep(pgwire.AppendParse(e.room(len(text)+64), []byte(helper), text, noTypes[:])))
	s.owed.push(oweBindOurs, prepared.None)
	bind := pgwire.AppendBind(e.room(128), []byte(helper), []byte(helper), len(noArguments))
	f.put(e.keep(append(bind, noArguments[:]...)))
	s.owed.push(oweExecuteOurs, id)
	execute := append(e.room(64), pgwire.Execute, 0, 0, 0, byte(4+len(helper)+1+4))
	f.put(e.keep(append(append(execute, helper...), 0, 0, 0, 0, 0)))
	f.closeHelper()
}

func (f *feed) closeHelper() {
	e := f.e
	for _, kind := range [...]byte{'P', 'S'} {
		f.s.owed.push(oweCloseOurs, prepared.None)
		b := pgwire.AppendStatement(e.room(64), pgwire.Close, []byte(helper))
		b[pgwire.HeaderLen] = kind
		f.put(e.keep(b))
	}
}

var (
	noTypes     [2]byte // no parameters
	noArguments [6]byte // no formats, no parameters, no formats of results
)
