package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A unit is what Postgres takes as one transaction where none is open: a simple Query, or extended messages up to their Sync. Where
// reads are split from writes, what a unit does decides where it goes:
//
//  1. A unit reads if each of its texts does: its grammar says so, and every function and view in it is known to. One that only asks what
//     a statement returns does what that does: it is how a driver begins, and what it asks next goes the same way.
//  2. A unit that begins with BEGIN READ ONLY reads: Postgres refuses to write in that transaction. Not that of a client that listens,
//     which a transaction may ask about, and change: a standby does not listen.
//  3. A unit that begins with a BEGIN that can be deferred (deferred.go) reads if its other texts do, and there are any.
//  4. A unit that prepares what stays with its server reads not: its client would stay there with all that it writes.
//  5. Everything else may write: also what has not come yet, and what nobody has looked at yet.
//
// On a server that only reads, a unit that may write waits until what came before it is answered, and then for another server;
// inside a transaction that is open there it is passed on, and Postgres refuses it.

// UnitKind is what a unit does.
type UnitKind uint8

// The kinds. UnitSettles is for the session or the transaction: SET, BEGIN, COMMIT and the like. It has to go where writes go, but
// changes nothing that anybody could read elsewhere.
const (
	UnitWrites UnitKind = iota
	UnitReads
	UnitSettles
)

// Unit is what is known of a client's next unit.
type Unit struct {
	Kind UnitKind
	// Hint is where a comment wants it to go.
	Hint sql.Route
	// Text is its first text, as long as the bytes are that were given.
	Text []byte
}

// units is where in its units a server's client is.
type units struct {
	// Wrote: one of them may have written, the first since it was linked not counted. unitOver: what comes next begins one.
	Wrote, unitOver bool
	// tellsOwn: the present batch has been told what the pooler's own settings are.
	tellsOwn bool
	// Began: it was sent a BEGIN that its client had been answered before, and of what came with that not all has been answered.
	Began bool
}

// maxUnitNames bounds the statements that one unit may prepare and use, and still be known to read.
const maxUnitNames = 16

// unitReader reads one unit.
type unitReader struct {
	e    *Env
	c    *Client
	list *SuspectList
	unit Unit
	// names is the statements that the unit itself prepares.
	names [maxUnitNames][]byte
	named int
	begun bool // it has had a text
	only  bool // its first text is all that is wanted
	reads bool // one of them reads
	// settles: it is for the session, in part; writes: it may write; transaction: it begins one that only reads.
	settles, writes, transaction bool
}

// Unit reads the unit that the client's bytes begin with.
func (c *Client) Unit(e *Env, data []byte, list *SuspectList) Unit {
	u := unitReader{e: e, c: c, list: list}
	for at := 0; ; {
		rest := data[at:]
		if len(rest) < pgwire.HeaderLen {
			return u.end(false)
		}
		length := pgwire.FrameLen(rest)
		if length > len(rest) || length < pgwire.HeaderLen {
			return u.end(false)
		}
		if over, reads := u.message(rest[0], rest[pgwire.HeaderLen:length]); over {
			return u.end(reads)
		}
		at += length
	}
}

// FirstText is the first text of the unit that the client's bytes begin with; nil if there is none yet.
func (c *Client) FirstText(e *Env, data []byte) []byte {
	u := unitReader{e: e, c: c, only: true}
	for at := 0; !u.begun && len(data)-at >= pgwire.HeaderLen; {
		rest := data[at:]
		length := pgwire.FrameLen(rest)
		if length > len(rest) || length < pgwire.HeaderLen {
			break
		}
		if over, _ := u.message(rest[0], rest[pgwire.HeaderLen:length]); over {
			break
		}
		at += length
	}
	return u.unit.Text
}

func (u *unitReader) end(reads bool) Unit {
	switch {
	case u.transaction, reads && u.reads && !u.settles && !u.writes:
		u.unit.Kind = UnitReads
	case reads && u.begun && !u.writes:
		u.unit.Kind = UnitSettles
	}
	return u.unit
}

// message takes one message; over: the unit ends with it, or no more of it needs to be known.
func (u *unitReader) message(typ byte, body []byte) (over, reads bool) {
	switch typ {
	case pgwire.Query:
		u.text(bytes.TrimSuffix(body, []byte{0}), prepared.None)
		return true, true
	case pgwire.Parse:
		name, text, _, ok := pgwire.ParseBody(body)
		if !ok || u.named == maxUnitNames {
			return true, false
		}
		u.names[u.named] = name
		u.named++
		u.settles = u.settles || u.c.NoPrepared && len(name) > 0 || len(name) > maxName // it stays with its server
		u.text(text, prepared.None)
	case pgwire.Bind:
		if !u.bind(body) {
			return true, false
		}
	case pgwire.Sync:
		return true, true
	case pgwire.Describe:
		if len(body) > 0 && body[0] == 'S' {
			if name, _, ok := pgwire.CString(body[1:]); ok {
				u.uses(name)
			}
		}
	case pgwire.Close, pgwire.Execute, pgwire.Flush:
	default:
		return true, false
	}
	return u.writes || u.transaction, false
}

// bind takes a Bind: of a statement that the unit has prepared, or of one that the client has.
func (u *unitReader) bind(body []byte) bool {
	_, rest, ok := pgwire.CString(body)
	if !ok {
		return false
	}
	name, _, ok := pgwire.CString(rest)
	return ok && u.uses(name)
}

// uses takes the text of a statement that the unit has prepared, or that the client has; false if there is none.
func (u *unitReader) uses(name []byte) bool {
	for _, own := range u.names[:u.named] {
		if bytes.Equal(own, name) {
			return true
		}
	}
	id, ok := u.c.unnamed, true
	if len(name) > 0 {
		id, ok = u.e.Names.Get(u.c.Slot, name)
	}
	if !ok || id == prepared.None {
		return false
	}
	u.text(u.e.Statements.Text(id), id)
	return true
}

// text takes one text; id is of a statement that has it.
func (u *unitReader) text(text []byte, id prepared.StmtID) {
	first := !u.begun
	if first {
		u.begun, u.unit.Text = true, text
	}
	if u.only {
		return
	}
	if u.unit.Hint == sql.RouteNone {
		u.unit.Hint = hintIn(text)
	}
	if u.c.Unreadable || u.c.BackslashQuotes {
		u.writes = true
		return
	}
	if b, _ := deferrable(text); b != 0 && first && u.c.defers() {
		return // what follows decides
	}
	switch u.e.class(text, id, u.list) {
	case sql.ClassReads:
		u.reads = true
	case sql.ClassBeginsReadOnly:
		u.transaction = u.transaction || first && !u.c.Listens
		u.settles = true
	default:
		u.settles = true
		u.writes = u.writes || !u.e.settles(text)
	}
}

// settles reports whether a text is for the session or the transaction alone.
func (e *Env) settles(text []byte) bool {
	st := &e.scan
	st.Truncated, st.BackslashQuotes = false, false
	sql.Scan(text, st)
	if st.Kind == sql.Transaction && !st.Effects.Has(sql.Begins|sql.Ends) {
		return false // COMMIT PREPARED is one of these
	}
	return runsNothing(st)
}

// hintIn is where a comment in a text wants it to go. Few texts have comments, and they are found at once.
func hintIn(text []byte) sql.Route {
	if !bytes.Contains(text, blockComment) && !bytes.Contains(text, lineComment) {
		return sql.RouteNone
	}
	return sql.RouteOf(sql.CommentValue(text, "route"))
}

var blockComment, lineComment = []byte("/*"), []byte("--")

// belongs holds a unit back that may write, on a server that only reads. It reports false where Feed has to stop.
func (f *feed) belongs(typ byte, rest []byte) bool {
	s := f.s
	if !s.unitOver {
		return true
	}
	u := f.c.Unit(f.e, rest, s.Suspects)
	switch {
	case !s.ReadsOnly, u.Kind == UnitReads && u.Hint != sql.RoutePrimary, s.Pins != 0:
	case s.owed.len() > 0:
		f.flushServer()
		f.stop = Await
		return false
	case s.Status == pgwire.StatusIdle:
		f.stop = Yield
		return false
	default: // Postgres says what it thinks of it
	}
	s.Wrote, s.unitOver = s.Wrote || u.Kind == UnitWrites, false
	return true
}

// endUnit notes that a unit ends with the message that has been taken, if it has.
func (f *feed) endUnit() {
	if f.stop == More {
		f.s.unitOver, f.s.tellsOwn = true, false
	}
}

// NewUnit is for a server whose client begins with a unit that has been read already.
func (s *Server) NewUnit() { s.units = units{} }
