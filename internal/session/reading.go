package session

import (
	"bytes"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A client may name in SQL, in PREPARE, EXECUTE and DEALLOCATE, what it has prepared, by SQL or by the protocol: the names
// are the same (trap 17). The server knows the statement by another name, so the name in the text is replaced.
//
// What a name means is found out when the text goes to the server: for a Query at once, for what was prepared before at its
// Bind, because the text of a statement may stay while the names in it change their meaning.

// naming is the effects of texts in which a name may have to be replaced.
const naming = sql.Deallocates | sql.SQLExecute | sql.SQLPrepare

// maxParts bounds the statements of one text that are read for their names; a text with more is taken as one that could
// not be read.
const maxParts = 64

// blank is what separates one statement from the next, besides the semicolon.
const blank = " \t\r\n"

// reading is what the names in one text mean.
type reading struct {
	// effects is what the text does, and what those do that its EXECUTEs run.
	effects sql.Effects
	// mentions is the names, in their order. Each holds a reference to what it means.
	mentions []mention
	// gone: before mentions[gone] stands a DEALLOCATE ALL.
	gone int
	// parts is how many statements have been read.
	parts int
	// cleared: there is a DEALLOCATE ALL before the place that is read now.
	cleared bool
	// early: it is not known yet whether a name that PREPARE gives is taken.
	early bool
	// native: the text needs a server that is native.
	native bool

	part sql.Statement
}

// read reads the names in the text that was scanned last. It is unread when the next is read.
func (f *feed) read(text []byte) *reading {
	r, st := &f.e.reading, &f.e.scan
	f.e.unread()
	if !st.Effects.Has(sql.Multi) {
		f.readPart(text, 0, len(text), st)
		return r
	}
	r.part.Truncated, r.part.BackslashQuotes = st.Truncated, st.BackslashQuotes
	for at, n := 0, 0; at < len(text); n++ {
		if n == maxParts {
			r.effects |= st.Effects | sql.Unknown
			break
		}
		from := at
		at = sql.ScanNext(text, from, &r.part)
		part := text[from:at]
		from += len(part) - len(bytes.TrimLeft(part, blank+";"))
		f.readPart(text, from, from+len(bytes.Trim(part, blank+";")), &r.part)
	}
	r.effects |= sql.Multi
	return r
}

// unread gives back what a reading holds.
func (e *Env) unread() {
	r := &e.reading
	for i := range r.mentions {
		e.release(r.mentions[i].id)
	}
	r.effects, r.mentions, r.gone, r.parts, r.cleared, r.early, r.native = 0, r.mentions[:0], 0, 0, false, false, false
}

// readPart reads one statement of a text.
func (f *feed) readPart(text []byte, from, to int, st *sql.Statement) {
	r := &f.e.reading
	names, effects := st.Names(), st.Effects
	if effects.Has(sql.SQLPrepare) {
		effects &= naming | sql.Unknown // the others are those of the statement it prepares
	}
	r.effects |= effects
	r.native = r.native || effects.Has(naming) && effects.Has(sql.Unknown) // there may be names that were not read
	for _, n := range names {
		m := mention{effect: n.Effect, name: f.e.copied(n.Value), from: n.Start, to: n.End, part: r.parts}
		m.id, m.inside = f.means(m.name)
		if m.id != prepared.None {
			f.e.Statements.Retain(m.id)
		}
		r.native = r.native || r.takenAway(&m) || n.End-n.Start > maxNameLen && len(n.Value) == maxNameLen // Postgres tells that it cuts it
		switch n.Effect {
		case sql.SQLExecute:
			m.bare = from == 0 && to == len(text) && len(bytes.Trim(text[m.to:], blank+";")) == 0
			runs := f.effectsNow(m.id, f.meaning())
			r.effects |= runs
			r.native = r.native || runs.Has(naming|listing) // it names others itself, or lists all
		case sql.SQLPrepare:
			f.readPrepare(&m, text, from, to, st.Effects)
		}
		r.mentions = append(r.mentions, m)
	}
	if effects.Has(sql.DeallocatesAll | sql.DiscardsAll) {
		r.cleared, r.gone = true, len(r.mentions)
	}
	if st.Kind != sql.Empty {
		r.parts++
	}
}

// readPrepare decides what PREPARE does to its name: if it is taken, Postgres is made to say so; if not, the text from
// there on is the statement. Where the text could not be read for certain, or the client has names of its own on this
// server, Postgres knows the name as the client says it.
func (f *feed) readPrepare(m *mention, text []byte, from, to int, effects sql.Effects) {
	r := &f.e.reading
	if m.id != prepared.None {
		r.early = r.early || !m.inside && f.s.owed.batches > 0 // what has given it that name may yet fail
		return
	}
	if effects.Has(sql.Unknown) || f.e.scan.Effects.Has(listing) || f.s.Pins.Has(PinPrepare) {
		r.native = true
		return
	}
	m.id = f.e.Statements.InternSQL(f.meaning(), m.name, text[from:to], m.from-from, m.to-from)
	m.gives = m.id != prepared.None
	r.native = r.native || !m.gives
	m.inside = r.cleared || r.names(m.id) // or else the server may have it, for another client
	if m.gives {
		f.e.setEffects(m.id, effectsPrepared(effects))
	}
}

// effectsPrepared is the effects of what PREPARE prepares, of those of its text.
func effectsPrepared(effects sql.Effects) sql.Effects { return effects &^ (naming | sql.Multi) }

// means is what a name stands for where the text is read now, None if nothing of ours; inside says that the text itself
// has seen to what it stands for.
func (f *feed) means(name []byte) (id prepared.StmtID, inside bool) {
	r := &f.e.reading
	for i := len(r.mentions) - 1; i >= r.gone; i-- {
		m := &r.mentions[i]
		if !bytes.Equal(m.name, name) {
			continue
		}
		if m.effect == sql.Deallocates {
			return prepared.None, true
		}
		return m.id, true
	}
	if r.cleared {
		return prepared.None, true
	}
	id, _ = f.e.Names.Get(f.c.Slot, name)
	return id, false
}

// names reports whether the text has named the statement before.
func (r *reading) names(id prepared.StmtID) bool {
	return slices.ContainsFunc(r.mentions, func(m mention) bool { return m.id == id })
}

// takenAway reports whether the text has taken the statement away before, by another of its names. Only statements of the
// protocol have several.
func (r *reading) takenAway(m *mention) bool {
	for i := range r.mentions {
		if before := &r.mentions[i]; m.id != prepared.None && before.id == m.id && before.effect == sql.Deallocates &&
			!bytes.Equal(before.name, m.name) {
			return true
		}
	}
	return false
}

// appendRead appends the text that was read, with the names replaced that servers know by others, and notes where.
func (f *feed) appendRead(out, text []byte) (_ []byte, changed bool) {
	from := 0
	chars := 0
	for i := range f.e.reading.mentions {
		m := &f.e.reading.mentions[i]
		if m.id == prepared.None && m.with == "" {
			continue
		}
		chars += characters(text[from:m.from])
		out = append(out, text[from:m.from]...)
		begin := len(out)
		if m.id != prepared.None {
			out = append(out, f.e.Statements.ServerName(m.id)...)
		}
		out = append(out, m.with...)
		m.start, m.longer = chars, len(out)-begin-characters(text[m.from:m.to])
		chars += len(out) - begin // all of ASCII
		from, changed = m.to, true
	}
	return append(out, text[from:]...), changed
}

// roomForRead is how long the text that was read can become.
func (f *feed) roomForRead(text []byte) int {
	n := len(text) + prepared.ServerNameLen*len(f.e.reading.mentions)
	for i := range f.e.reading.mentions {
		n += len(f.e.reading.mentions[i].with)
	}
	return n
}
