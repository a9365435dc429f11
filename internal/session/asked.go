package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A reply that has been kept can be given to a client that has no server, for a unit that one reply answers as a whole:
//
//  1. a Query;
//  2. Bind, Describe of the portal or not, Execute of all rows and Sync, of the unnamed portal and of a statement that is known; ahead of
//     it may be the Parse of the unnamed statement.
//  3. Describe of a statement that is known, and Sync, where the client has been answered its Parse.
//
// It has to be there up to its end, and the client must not be amid anything but a transaction that sees what others commit, and has
// written nothing. What the client has been told that the statement returns, the reply must return. Whether the transaction is such,
// the engine knows.

// AskedKind is which messages a unit consists of.
type AskedKind uint8

// The kinds. A Describe of the portal makes AskedDescribed of AskedBound.
const (
	AskedQuery AskedKind = iota
	AskedBound
	AskedDescribed
	AskedStatement
)

// Asked is such a unit. Its slices are of the client's bytes, or of the statement: valid as long as both.
type Asked struct {
	Kind  AskedKind
	Text  []byte
	Types []byte // as in Parse
	Tail  []byte // of the Bind: what is behind the names
	// Len is its length.
	Len int
	// Parses: it begins with a Parse of the unnamed statement.
	Parses bool
	// Told is what the client has been told that the statement returns; 0: nothing.
	Told prepared.Shape
	// ID is the statement that the client has, None where the unit itself parses it, or has none.
	ID   prepared.StmtID
	name []byte
}

// StandsAlone reports whether a unit means the same whatever such units are ahead of it that have not been sent yet: these may have made
// another statement the unnamed one.
func (a *Asked) StandsAlone() bool { return a.Kind == AskedQuery || a.Parses || len(a.name) > 0 }

// askedReader reads such a unit.
type askedReader struct {
	c *Client
	e *Env
	a *Asked
	// data is the client's bytes, of which Asked.Len have been read.
	data []byte
}

// Asks reads the unit that the client's bytes begin with; false if it is none that a kept reply could answer. a has the zero value before.
func (c *Client) Asks(e *Env, data []byte, a *Asked) bool {
	if c.left > 0 || c.skip || c.refused || c.failed || c.Listens || c.Unreadable || c.BackslashQuotes {
		return false
	}
	r := askedReader{c: c, e: e, a: a, data: data}
	return r.unit()
}

func (r *askedReader) unit() bool {
	typ, body, ok := r.next()
	if !ok {
		return false
	}
	switch typ {
	case pgwire.Query:
		r.a.Text = withoutNUL(body)
		return bytes.IndexByte(r.a.Text, 0) < 0 && !r.c.local
	case pgwire.Describe:
		return r.describe(body)
	case pgwire.Parse:
		if !r.parse(body) {
			return false
		}
		if typ, body, ok = r.next(); !ok || typ != pgwire.Bind {
			return false
		}
	}
	return typ == pgwire.Bind && r.bind(body) && r.execute()
}

// next is the next message, if it is there as a whole.
func (r *askedReader) next() (typ byte, body []byte, ok bool) {
	rest := r.data[r.a.Len:]
	if len(rest) < pgwire.HeaderLen {
		return 0, nil, false
	}
	length := pgwire.FrameLen(rest)
	if length < pgwire.HeaderLen || length > len(rest) {
		return 0, nil, false
	}
	r.a.Len += length
	return rest[0], rest[pgwire.HeaderLen:length], true
}

func (r *askedReader) parse(body []byte) bool {
	name, text, types, ok := pgwire.ParseBody(body)
	r.a.Text, r.a.Types, r.a.Parses = text, types, true
	return ok && len(name) == 0 && len(text) <= prepared.MaxText && len(types) <= prepared.MaxText && !r.c.NoPrepared
}

// statement looks up the client's statement of a name.
func (r *askedReader) statement(name []byte) bool {
	ok := true
	if len(name) == 0 {
		r.a.ID, r.a.Told = r.c.unnamed, r.c.unnamedTold
	} else {
		r.a.ID, r.a.Told, ok = r.e.Names.Told(r.c.Slot, name)
	}
	if !ok || r.a.ID == prepared.None || r.e.Statements.FromSQL(r.a.ID) || r.e.effectsOf(r.a.ID).Has(naming) {
		return false
	}
	r.a.name, r.a.Text, r.a.Types = name, r.e.Statements.Text(r.a.ID), r.e.Statements.Types(r.a.ID)
	return true
}

func (r *askedReader) bind(body []byte) bool {
	portal, name, end, ok := pgwire.Names2(body)
	if !ok || len(portal) > 0 || r.a.Parses && len(name) > 0 || !r.a.Parses && !r.statement(name) {
		return false
	}
	r.a.Kind, r.a.Tail = AskedBound, body[end:]
	return true
}

// execute reads what is behind the Bind.
func (r *askedReader) execute() bool {
	typ, body, ok := r.next()
	if ok && typ == pgwire.Describe && string(body) == "P\x00" {
		r.a.Kind = AskedDescribed
		typ, body, ok = r.next()
	}
	return ok && typ == pgwire.Execute && string(body) == "\x00\x00\x00\x00\x00" && r.sync()
}

func (r *askedReader) sync() bool {
	typ, body, ok := r.next()
	return ok && typ == pgwire.Sync && len(body) == 0
}

// describe reads a Describe of a statement and what is behind it.
func (r *askedReader) describe(body []byte) bool {
	if len(body) < 2 || body[0] != 'S' {
		return false
	}
	name, _, ok := pgwire.CString(body[1:])
	r.a.Kind = AskedStatement
	return ok && r.statement(name) && r.sync()
}

func withoutNUL(b []byte) []byte { return bytes.TrimSuffix(b, []byte{0}) }

// Fits reports whether a reply that returns a shape, 0 if that is not known, is what the client may be given.
func (a *Asked) Fits(shape prepared.Shape) bool {
	return a.Told <= prepared.NoRows || a.Told == shape && shape != prepared.TooWide
}

// Answer gives the client a reply that was kept outside a transaction, for what it has asked; shape is what that returns, as far as the
// reply tells, and status that of the client's transaction. It reports false if that cannot be done.
func (c *Client) Answer(e *Env, a *Asked, reply []byte, shape prepared.Shape, status byte) bool {
	if a.Parses && !c.hasParsed(e, a) {
		return false
	}
	if len(reply) <= small {
		out := e.room(len(reply) + pgwire.HeaderLen)
		if a.Parses {
			out = pgwire.AppendEmpty(out, pgwire.ParseComplete)
		}
		out = append(out, reply...)
		out[len(out)-1] = status // the last message is a ReadyForQuery
		e.Wire.Send(c.Conn, e.keep(out))
	} else {
		if a.Parses {
			e.Wire.Send(c.Conn, e.keep(pgwire.AppendEmpty(e.room(8), pgwire.ParseComplete)))
		}
		if status != pgwire.StatusIdle {
			e.Wire.Send(c.Conn, reply[:len(reply)-1])
			reply = e.keep(append(e.room(1), status))
		}
		e.Wire.Send(c.Conn, reply)
	}
	c.local = false
	if a.Kind == AskedQuery {
		c.setUnnamed(e, prepared.None) // as a Query does on a server
	}
	id := a.ID
	if a.Parses {
		id = c.unnamed
	}
	if shape != 0 && id != prepared.None && a.Kind >= AskedDescribed {
		c.told(e, a.name, id, shape)
	}
	return true
}

// hasParsed makes the text of a unit the client's unnamed statement.
func (c *Client) hasParsed(e *Env, a *Asked) bool {
	if id := c.unnamed; id != prepared.None && e.Statements.Settings(id) == c.meaning() && bytes.Equal(e.Statements.Text(id), a.Text) &&
		bytes.Equal(e.Statements.Types(id), a.Types) {
		c.unnamedTold = 0
		return true
	}
	f := feed{e: e, c: c}
	effects := f.look(a.Text, false).Effects
	id := e.Statements.Intern(c.meaning(), a.Types, a.Text)
	if id == prepared.None {
		return false
	}
	e.setEffects(id, f.executed(effects, a.Text))
	c.setUnnamed(e, id)
	return true
}

// runsUnread is runs for what nobody can read. plain: but it is known to define nothing.
func (f *feed) runsUnread(effects sql.Effects, plain bool) {
	f.s.texts.doubt()
	switch {
	case !f.s.Tracks:
	case plain:
		f.e.Runs(f.s, nil, prepared.None, effects, DefinesNot)
	default:
		f.e.Runs(f.s, nil, prepared.None, effects, MayDefine)
	}
}

// runs tells Env.Runs that a text is about to run on the server. id is of a statement that has it, None of a simple Query, and of what the
// server knows by the client's own name.
func (f *feed) runs(text []byte, id prepared.StmtID, effects sql.Effects) {
	simple := id == prepared.None
	switch {
	case !f.s.Tracks:
		return
	case f.c.Unreadable || f.c.BackslashQuotes:
		f.runsUnread(effects, false)
		return
	case effects.Has(sql.SQLExecute) && !effects.Has(sql.Multi) && executesOnly(text):
		if m := f.executedIn(); m != nil {
			text, id = f.e.Statements.Text(m.id), m.id
		} else if native := f.executedNatively(text); native != nil && simple {
			text, effects = native, effects|f.e.scanned(native).Effects&^sql.SQLPrepare
		}
	}
	f.e.Runs(f.s, text, id, effects, definingOf(text, effects))
	f.mayRename(text, simple)
}

// executesOnly reports whether a text with EXECUTE in it says nothing else: it begins with that word, and its arguments call nothing, for a call
// has parentheses of its own.
func executesOnly(text []byte) bool {
	const word = "execute"
	text = bytes.TrimLeft(text, blank)
	return len(text) > len(word) && bytes.EqualFold(text[:len(word)], []byte(word)) && !inWord[text[len(word)]] && bytes.Count(text, []byte("(")) <= 1
}

// executedIn is what the one EXECUTE runs that was read; nil where that is not known, or nothing was.
func (f *feed) executedIn() *mention {
	if m := f.e.reading.mentions; !f.c.NoPrepared && len(m) == 1 && m[0].effect == sql.SQLExecute && m[0].id != prepared.None {
		return &m[0]
	}
	return nil
}

// Inside reports whether what the server is sent now runs in a transaction that is open for certain, so that nothing of it can be
// committed before something ends that.
func (s *Server) Inside() bool { return s.Status != pgwire.StatusIdle || s.Began }

// FactsOf is what the grammar says of a text, by its fingerprint; id is of a statement that has it, or None. Where it is not known
// yet, asked says that the answer will come by Learn; where it is not, nobody will ever know.
func (e *Env) FactsOf(text []byte, id prepared.StmtID) (of uint64, f *sql.Facts, asked bool) {
	if of = e.fingerprint(text, id); of == 0 {
		return 0, nil, false
	}
	f, found := e.readings.facts(of)
	if f != nil || found || e.Ask == nil {
		return of, f, found
	}
	e.readings.entry(of)
	e.Ask(of, text)
	f, found = e.readings.facts(of)
	return of, f, found
}

// facts is what is known of a text; found: it is known, or asked for.
func (r *Readings) facts(of uint64) (f *sql.Facts, found bool) {
	e := r.find(of)
	if e != nil && e.known {
		f = &e.facts
	}
	return f, e != nil
}
