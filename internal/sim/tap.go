package sim

import (
	"bytes"
	"strings"
)

// tap listens on one server connection, on the pooler's side of it: what the driver was told to send, and what it has
// delivered. It knows whose work the server does, because every query carries a tag.
//
// Work comes in units: a unit begins with a message to a server that is clean (nothing owed, no transaction, no open
// batch), and ends when it is clean again. A unit has one owner.
type tap struct {
	w *World
	b *Backend

	out, in reader
	owed    int  // ReadyForQuery that must still come
	open    bool // extended messages without their Sync
	status  byte
	readyIn int  // the turn in which the last ReadyForQuery was delivered
	left    bool // Terminate was sent

	unit  int
	owner *Client // of the unit; nil while no tag was seen
	last  *Client // of the last unit that had one
	// stays: the last owner may have left something in the session, so that the server stays with it between units.
	stays bool
	// keeps: the last owner has said what keeps its server, so that all it does goes there.
	keeps bool
	// names: a client has prepared something by a name of its own, since it was cleaned.
	names bool
	// follows: the unit began in the turn in which the one before ended. since is the first unit of those for which the
	// server may have stayed with its owner.
	follows bool
	since   int
	// cancels is how many are on their way to this server; cancelUnit and cancelled is what the last of them is meant for.
	cancels, cancelUnit int
	cancelled           *Client
}

// clean reports whether the server may be handed over.
func (t *tap) clean() bool { return t.owed == 0 && !t.open && t.status == 'I' }

// sent hears what the pooler sends.
func (t *tap) sent(p []byte) {
	t.out.add(p)
	for {
		m, ok, err := t.out.next()
		if err != nil {
			t.w.Violate("backend %d is sent nonsense: %v", t.b.pid, err)
			t.out.buf = nil
		}
		if !ok {
			return
		}
		t.frame(m)
	}
}

func (t *tap) frame(m message) {
	if !m.dull() {
		t.w.Note("  → backend %d: %v", t.b.pid, m)
	}
	if t.clean() {
		t.unit++
		t.owner, t.follows = nil, t.readyIn == t.w.turn
	}
	t.named(m)
	t.tagged(m)
	if t.b.dying || t.b.end.closed {
		t.b.excuse() // it will not be answered
	}
	switch m.typ {
	case 'Q', 'F':
		t.owed++
		t.open = false
	case 'S':
		t.owed++
		t.open = false
	case 'P', 'B', 'D', 'E', 'C':
		t.open = true
	case 'X':
		t.left = true
		t.b.hearsNoMore()
	}
}

// named notes names that a server is given, and that they are taken away.
func (t *tap) named(m message) {
	f := fields{m.body}
	switch name := f.text(); {
	case m.typ == 'P' && name != "" && !strings.HasPrefix(name, "pgmux_"):
		t.names = true
	case m.typ == 'Q' && name == "DISCARD ALL":
		t.names = false
	}
}

// tagged checks rules 1 to 3: whose work this is.
func (t *tap) tagged(m message) {
	if m.typ != 'Q' && m.typ != 'P' && m.typ != 'B' {
		return
	}
	tag := tagOf(m.body)
	c := t.w.client(clientOfTag(tag))
	if c == nil {
		return
	}
	switch {
	case t.owner == c:
	case t.owner != nil:
		t.w.Violate("rule 2: backend %d serves c%d and is sent work of c%d (owes %d, open %v, status %c)",
			t.b.pid, t.owner.id, c.id, t.owed, t.open, t.status)
	case t.cancels > 0 && t.cancelUnit != t.unit && !t.stayed(c):
		t.w.Violate("rule 3: backend %d is handed to c%d while a cancel is on its way to it", t.b.pid, c.id)
	}
	if t.owner != c && !t.stayed(c) {
		t.since = t.unit
	}
	if t.last != c {
		t.stays, t.keeps = false, false
	}
	t.keeps = t.keeps || c.keepsServer(m)
	t.stays = t.stays || leavesTraces(m) || mayDraw(m)
	c.isServed(t.last != c)
	t.owner, t.last = c, c
}

// stayed reports whether the server may have been c's since the unit before: it was, and the pooler had reason to leave it
// there, or had the client's next work before it saw the end of the last. Of work without a tag nobody knows whose it was.
func (t *tap) stayed(c *Client) bool {
	return t.last == c && (t.stays || t.follows || c.declared.sticky || c.declared.hides || c.program.moody) ||
		t.cancelled == nil && c.asks.made > 0 && (c.declared.sticky || c.program.caches)
}

// keepsServer reports whether a message may leave what keeps the server with its client. With settings that are not tracked, any may: once
// Postgres has been asked what the session is, those of the login are written otherwise.
func (c *Client) keepsServer(m message) bool {
	if c.declared.config.Track != nil && len(c.startup) > 0 {
		return true
	}
	f := fields{m.body}
	switch m.typ {
	case 'P':
		f.text()
	case 'Q':
	default:
		return false
	}
	for _, st := range parseSQL(f.text()) {
		switch st.verb {
		case sets, setsConfig, does, resets, resetsAll, prepares, locks, leaves:
			return true
		}
	}
	return false
}

// leavesTraces reports whether SQL may leave something in the session; of a text that is very long nobody knows.
func leavesTraces(m message) bool {
	if len(m.body) > 16_000 {
		return true
	}
	text := string(m.body[:len(m.body)-1])
	switch m.typ {
	case 'Q':
	case 'P':
		f := fields{m.body}
		f.text()
		text = f.text()
	default:
		return false
	}
	for _, st := range parseSQL(text) {
		if st.verb >= sets {
			return true
		}
	}
	return false
}

// mayDraw reports whether a message may draw from a sequence: after it the server may rest with its client for a moment.
func mayDraw(m message) bool {
	return m.typ == 'B' || bytes.Contains(m.body, []byte("INSERT")) || bytes.Contains(m.body, []byte("COPY")) || bytes.Contains(m.body, []byte("DO "))
}

// received hears what the driver delivers to the pooler.
func (t *tap) received(p []byte) {
	t.in.add(p)
	for {
		m, ok, err := t.in.next()
		if err != nil {
			panic("bug: the simulated Postgres sends nonsense: " + err.Error())
		}
		if !ok {
			return
		}
		if !m.dull() {
			t.w.Note("  ← backend %d: %v", t.b.pid, m)
		}
		if m.typ == 'Z' {
			t.owed--
			t.status = m.body[0]
			t.readyIn = t.w.turn
		}
	}
}
