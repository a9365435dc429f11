package session

import "github.com/pgmux/caddy-pgmux/internal/prepared"

// prepareInSQL makes on the server a statement that the client has made by PREPARE in SQL, by the same PREPARE.
func (f *feed) prepareInSQL(id prepared.StmtID) {
	e := f.e
	text := e.keep(e.Statements.AppendPrepare(e.room(len(e.Statements.Text(id))+prepared.ServerNameLen), id))
	e.Statements.Retain(id)
	f.runOurs(text, oweExecuteOurs, id)
}
