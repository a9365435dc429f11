package session

import (
	"encoding/binary"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// set_config(x, NULL, …) resets x, and returns what it is then. The client is to get its startup value, so that stands in the
// place of the NULL: in the text, or in the Bind, if a parameter brings it.

// configuring is the effects of texts that call set_config.
const configuring = sql.CallsSetConfig | sql.SetsLocal

// mayGiveNull reports whether a text of these effects may give set_config a NULL that stands for a startup value.
func (f *feed) mayGiveNull(effects sql.Effects) bool {
	return f.c.Startup != 0 && effects&configuring != 0
}

// givesNull reports whether the text that was scanned last gives set_config a NULL that stands for a startup value.
func (f *feed) givesNull(st *sql.Statement) bool {
	if !f.mayGiveNull(st.Effects) || st.Effects.Has(sql.Unknown) {
		return false
	}
	for _, n := range st.Nulls() {
		if _, _, ok := f.began(n); ok {
			return true
		}
	}
	return false
}

// began is what a NULL of the text stands for.
func (f *feed) began(n sql.Null) (value, literal string, ok bool) {
	if n.ValueParam != 0 || n.NameParam != 0 {
		return "", "", false
	}
	return f.e.Startup.Began(f.c.Startup, n.Name)
}

// giveNulls notes what replaces the NULLs.
func (f *feed) giveNulls(st *sql.Statement) {
	for _, n := range st.Nulls() {
		if _, literal, ok := f.began(n); ok {
			f.edit(n.Start, n.End, literal)
		}
	}
}

// withoutNulls is the statement that a server is given for one of the client's that may give set_config a NULL. It is retained.
func (f *feed) withoutNulls(id prepared.StmtID) prepared.StmtID {
	e := f.e
	text := e.Statements.Text(id)
	st := f.look(text, false)
	e.unread()
	if f.givesNull(st) && st.Single() {
		f.giveNulls(st)
		out, _ := f.appendRead(e.room(f.roomForRead(text)), text)
		if on := e.Statements.Intern(f.meaning(), e.Statements.Types(id), out); on != prepared.None {
			e.setEffects(on, e.effectsOf(id))
			return on
		}
		e.unread()
	}
	e.Statements.Retain(id)
	return id
}

// parseNatively forwards the Parse of a statement that the server is to know by the client's own name, without NULLs.
func (f *feed) parseNatively(st *sql.Statement, length int, name, text, types []byte) {
	f.e.unread()
	if !f.givesNull(st) || !st.Single() {
		f.forward(oweParse, length)
		return
	}
	f.giveNulls(st)
	out, _ := f.appendRead(f.e.room(f.roomForRead(text)), text)
	out = f.e.keep(out)
	f.s.owed.push(oweParse, prepared.None)
	f.s.open = true
	f.oweRead()
	f.replace(length, f.e.keep(pgwire.AppendParse(f.e.room(len(name)+len(out)+len(types)+16), name, out, types)))
}

// bindNulls puts what they stand for in the place of the NULLs that set_config would be given, in what follows the names in a
// Bind of a statement. It reports whether there are any.
func (f *feed) bindNulls(text, rest []byte) (_ []byte, changed bool) {
	for _, n := range f.look(text, false).Nulls() {
		name := n.Name
		if n.NameParam != 0 {
			value, _, ok := bindParam(rest, n.NameParam)
			if !ok {
				continue
			}
			name = []byte(strings.ToLower(string(value)))
		}
		if n.ValueParam == 0 {
			continue // NULL, of a name that a parameter brings
		}
		_, at, given := bindParam(rest, n.ValueParam)
		if given || at == 0 {
			continue
		}
		value, literal, ok := f.e.Startup.Began(f.c.Startup, name)
		if !ok || strings.Contains(literal, `\`) { // it would be converted from the client's encoding
			continue
		}
		out := append(f.e.room(len(rest)+len(value)), rest[:at]...)
		out = binary.BigEndian.AppendUint32(out, uint32(len(value)))
		rest, changed = f.e.keep(append(append(out, value...), rest[at+4:]...)), true
	}
	return rest, changed
}

// bindGiven forwards a Bind in which a NULL stands for a startup value; false if there is none. ours is what the server calls
// the statement.
func (f *feed) bindGiven(length int, frame, text, portal, ours []byte, end int) bool {
	if length > len(frame) || len(text) == 0 {
		return false
	}
	rest, changed := f.bindNulls(text, frame[end+pgwire.HeaderLen:])
	if !changed {
		return false
	}
	b := pgwire.AppendBind(f.e.room(len(portal)+len(ours)+len(rest)+16), portal, ours, len(rest))
	f.replace(length, f.e.keep(append(b, rest...)))
	return true
}

// bindParam is the n-th parameter in a Bind behind its names, and where its length stands; not ok if it is NULL, or if there is
// none, and then at is 0. Parameters of text are the same in both formats.
func bindParam(rest []byte, n int) (value []byte, at int, ok bool) {
	if len(rest) < 2 {
		return nil, 0, false
	}
	at = 2 + 2*int(binary.BigEndian.Uint16(rest))
	if len(rest) < at+2 || int(binary.BigEndian.Uint16(rest[at:])) < n {
		return nil, 0, false
	}
	at += 2
	for i := 1; ; i++ {
		if len(rest) < at+4 {
			return nil, 0, false
		}
		size := int(int32(binary.BigEndian.Uint32(rest[at:])))
		if i == n {
			if size < 0 {
				return nil, at, false
			}
			if len(rest) < at+4+size {
				return nil, 0, false
			}
			return rest[at+4 : at+4+size], at, true
		}
		at += 4 + max(size, 0)
	}
}
