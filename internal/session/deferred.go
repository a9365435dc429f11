package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A BEGIN does not say whether its transaction is going to write. Where clients defer it (Client.Defers), one that comes alone, from a
// client without a server, is answered here, and what follows decides where the transaction goes:
//
//  1. What is deferred is BEGIN or START TRANSACTION, with no isolation level or one that a standby has, and no other option:
//     Postgres takes that anywhere. That of a client that listens is not: a standby does not.
//  2. It goes ahead of the first unit that needs a server, in the same piece, and nobody sees its replies. Should it fail all the
//     same, Postgres skips what comes behind it up to a Sync, and the client is told so as if the unit had met the error.
//     What comes behind that unit waits for its answer.
//  3. COMMIT and ROLLBACK right behind it need no server.
//  4. If there is no server to be had, the transaction has failed, as when Postgres cannot do what it is asked: until the client ends it,
//     everything is refused. What has not begun has lost nothing, so the client is not closed.
//
// Meanwhile the client is in a transaction: it is told of no notifications.

// begun is a BEGIN that has been answered and not sent; 0: none.
type begun uint8

// beginTexts is what is sent for them.
var beginTexts = [...][]byte{
	1: []byte("BEGIN"),
	2: []byte("BEGIN ISOLATION LEVEL READ COMMITTED"),
	3: []byte("BEGIN ISOLATION LEVEL READ UNCOMMITTED"),
	4: []byte("BEGIN ISOLATION LEVEL REPEATABLE READ"),
}

// The ways to say it, without the isolation level, and those of ending what has been begun so.
var (
	beginWords = []says{{"begin transaction", "BEGIN"}, {"begin work", "BEGIN"}, {"begin", "BEGIN"}, {"start transaction", "START TRANSACTION"}}
	levelWords = []string{2: "isolation level read committed", 3: "isolation level read uncommitted", 4: "isolation level repeatable read"}
	endWords   = []says{
		{"commit transaction", "COMMIT"}, {"commit work", "COMMIT"}, {"commit", "COMMIT"},
		{"end transaction", "COMMIT"}, {"end work", "COMMIT"}, {"end", "COMMIT"},
		{"rollback transaction", "ROLLBACK"}, {"rollback work", "ROLLBACK"}, {"rollback", "ROLLBACK"},
		{"abort transaction", "ROLLBACK"}, {"abort work", "ROLLBACK"}, {"abort", "ROLLBACK"},
	}
)

// says is words, and the tag of a statement that consists of them.
type says struct{ words, tag string }

// Deferred reports whether the client is in a transaction that no server knows of.
func (c *Client) Deferred() bool { return c.begun != 0 || c.failed }

// defers reports whether a BEGIN may be deferred.
func (c *Client) defers() bool { return c.Defers && !c.Listens }

// FailDeferred notes that no server could be had for a transaction whose BEGIN was deferred.
func (c *Client) FailDeferred() { c.failed, c.begun = c.failed || c.begun != 0, 0 }

// status is what a client without a server is told that its transaction is.
func (c *Client) status() byte {
	switch {
	case c.failed:
		return pgwire.StatusFailed
	case c.begun != 0:
		return pgwire.StatusActive
	}
	return pgwire.StatusIdle
}

// beginIn is the BEGIN that a text consists of, and its tag; 0 if it is no such, or wants to go somewhere.
func beginIn(text []byte) (begun, string) {
	for _, w := range beginWords {
		rest, ok := afterWords(text, w.words)
		if !ok {
			continue
		}
		if isOver(rest) {
			return 1, w.tag
		}
		for i, level := range levelWords {
			if rest, ok := afterWords(rest, level); ok && level != "" && isOver(rest) {
				return begun(i), w.tag
			}
		}
		return 0, ""
	}
	return 0, ""
}

// deferrable is beginIn for texts without a hint.
func deferrable(text []byte) (begun, string) {
	b, tag := beginIn(text)
	if b != 0 && hintIn(text) != sql.RouteNone {
		return 0, ""
	}
	return b, tag
}

// endIn is the tag of the COMMIT or ROLLBACK that a text consists of; empty if it is no such.
func endIn(text []byte) string {
	for _, w := range endWords {
		if rest, ok := afterWords(text, w.words); ok && isOver(rest) {
			return w.tag
		}
	}
	return ""
}

// afterWords is what follows words in a text, which are separated by one space, and in the text by any.
func afterWords(text []byte, words string) (rest []byte, ok bool) {
	text = bytes.TrimLeft(text, blank)
	for i := range len(words) {
		switch {
		case len(text) == 0:
			return nil, false
		case words[i] == ' ':
			if bytes.IndexByte([]byte(blank), text[0]) < 0 {
				return nil, false
			}
			text = bytes.TrimLeft(text, blank)
			continue
		case text[0]|0x20 != words[i]:
			return nil, false
		}
		text = text[1:]
	}
	return text, len(text) == 0 || bytes.IndexByte([]byte(blank+";/"), text[0]) >= 0
}

// isOver reports whether a text has nothing to say: blanks, a semicolon, and one comment at most.
func isOver(text []byte) bool {
	text = bytes.TrimLeft(text, blank+";")
	if bytes.HasPrefix(text, []byte("/*")) {
		inside, rest, ok := bytes.Cut(text[2:], []byte("*/"))
		if !ok || bytes.Contains(inside, []byte("/*")) {
			return false
		}
		text = bytes.TrimLeft(rest, blank+";")
	}
	return len(text) == 0
}

// deferred answers, for a client without a server, what begins or ends a transaction that no server knows of, and what comes when
// that has failed. It reports false for everything else.
func (f *feed) deferred(typ byte, length int, rest []byte) bool {
	c := f.c
	switch {
	case typ == pgwire.Sync && length == pgwire.HeaderLen:
		if !c.Deferred() {
			return false
		}
		f.discard(length)
		f.ready()
		return true
	case typ == pgwire.Query && length <= len(rest):
		if f.transaction(bytes.TrimSuffix(rest[pgwire.HeaderLen:length], []byte{0}), length, nil) {
			c.setUnnamed(f.e, prepared.None)
			return true
		}
	case typ == pgwire.Parse || typ == pgwire.Bind:
		if b := f.batchOf(rest); b.length > 0 && f.transaction(b.text, b.length, &b) {
			return true
		}
	}
	return c.failed && f.aborted(typ, length, rest)
}

// transaction answers a text that begins or ends a transaction, of a message or batch of that length.
func (f *feed) transaction(text []byte, length int, in *oneText) bool {
	c := f.c
	if c.Deferred() {
		tag := endIn(text)
		if tag == "" {
			return false
		}
		if c.failed {
			tag = "ROLLBACK"
		}
		c.begun, c.failed = 0, false
		f.completes(length, in, tag)
		return true
	}
	if !c.defers() || c.local && in == nil {
		return false
	}
	b, tag := deferrable(text)
	if b == 0 {
		return false
	}
	c.begun = b
	f.completes(length, in, tag)
	return true
}

// completes answers a message, or a batch of one text, as done.
func (f *feed) completes(length int, in *oneText, tag string) {
	e := f.e
	out := e.room(64)
	if in != nil {
		if in.parsed {
			f.parsesUnnamed(in)
			out = pgwire.AppendEmpty(out, pgwire.ParseComplete)
		}
		out = pgwire.AppendEmpty(out, pgwire.BindComplete)
		if in.described {
			out = pgwire.AppendEmpty(out, pgwire.NoData)
		}
	}
	out = append(out, pgwire.CommandComplete, 0, 0, 0, byte(4+len(tag)+1))
	out = append(append(out, tag...), 0)
	e.Wire.Send(f.c.Conn, e.keep(out))
	f.discard(length)
	f.ready()
}

// parsesUnnamed makes the text of a batch the client's unnamed statement.
func (f *feed) parsesUnnamed(in *oneText) {
	id := f.e.Statements.Intern(f.c.meaning(), noTypes, in.text)
	if id != prepared.None {
		f.e.setEffects(id, f.executed(f.look(in.text, false).Effects, in.text))
	}
	f.c.setUnnamed(f.e, id)
}

// aborted refuses what comes when the transaction has failed.
func (f *feed) aborted(typ byte, length int, rest []byte) bool {
	switch typ {
	case pgwire.Close:
		if length <= len(rest) && !f.closeLocally(length, rest[:length]) {
			f.answer(length, pgwire.CloseComplete)
		}
		return true
	case pgwire.Sync: // with a body: Postgres says what it thinks of it
		return false
	}
	e := f.e
	e.Wire.Send(f.c.Conn, e.keep(pgwire.AppendError(e.room(256), "ERROR", "25P02",
		"current transaction is aborted, commands ignored until end of transaction block", "", "")))
	f.discard(length)
	if typ == pgwire.Query || typ == pgwire.FunctionCall {
		f.ready()
	} else {
		f.c.skip = true
	}
	return true
}

// oneText is extended messages that execute one text, without parameters, up to their Sync.
type oneText struct {
	text              []byte
	parsed, described bool
	length            int // of all of them; 0: they are not like that, or have not all come
}

// batchOf reads the batch that rest begins with.
func (f *feed) batchOf(rest []byte) (b oneText) {
	at := 0
	next := func(typ byte) (body []byte, ok bool) {
		if len(rest)-at < pgwire.HeaderLen || rest[at] != typ {
			return nil, false
		}
		length := pgwire.FrameLen(rest[at:])
		if length < pgwire.HeaderLen || length > len(rest)-at {
			return nil, false
		}
		at += length
		return rest[at-length+pgwire.HeaderLen : at], true
	}
	if body, ok := next(pgwire.Parse); ok {
		name, text, types, ok := pgwire.ParseBody(body)
		if !ok || len(name) > 0 || !bytes.Equal(types, noTypes) {
			return b
		}
		b.parsed, b.text = true, text
	}
	body, ok := next(pgwire.Bind)
	if !ok || !f.bindsAlone(body, &b) {
		return b
	}
	if body, ok := next(pgwire.Describe); ok {
		if !bytes.Equal(body, []byte{'P', 0}) {
			return b
		}
		b.described = true
	}
	if body, ok = next(pgwire.Execute); !ok || len(body) != 5 || body[0] != 0 {
		return b
	}
	if body, ok = next(pgwire.Sync); ok && len(body) == 0 {
		b.length = at
	}
	return b
}

// bindsAlone reports whether a Bind is of the unnamed portal, without parameters, and of the text that was parsed before it, or one of
// the client's.
func (f *feed) bindsAlone(body []byte, b *oneText) bool {
	portal, name, end, ok := pgwire.Names2(body)
	if !ok || len(portal) > 0 || len(body) < end+4 {
		return false
	}
	formats := int(body[end])<<8 | int(body[end+1])
	if at := end + 2 + 2*formats; len(body) < at+2 || body[at] != 0 || body[at+1] != 0 {
		return false
	}
	if b.parsed {
		return len(name) == 0
	}
	id := f.named(name)
	if id == prepared.None {
		return false
	}
	b.text = f.e.Statements.Text(id)
	return true
}

// beginNow sends a BEGIN that was deferred. It reports false where Feed has to stop.
func (f *feed) beginNow() bool {
	c, s := f.c, f.s
	if !f.wear(sql.Begins) {
		return false
	}
	s.Touched.once = false
	text := beginTexts[c.begun]
	f.runOurs(text, oweExecuteOurs, prepared.None)
	// Behind something that is executed a Query may follow without a Sync: it is one transaction anyway.
	s.begins, s.executes, s.Began, s.unitOver, c.begun = true, true, true, false, 0
	f.runs(text, prepared.None, sql.Begins)
	return true
}

// awaitsBegin sends a BEGIN that was deferred, and reports whether what comes has to wait: for what beginNow waits for, or, behind the
// first unit, until it is known that the BEGIN ahead of that has not failed. A Sync does not, where Postgres may have read the one
// before as part of a COPY.
func (f *feed) awaitsBegin(typ byte) bool {
	s := f.s
	if f.c.begun != 0 && !f.beginNow() {
		return true
	}
	if !s.Began || !s.unitOver || s.copyIn || s.owed.len() == 0 || typ == pgwire.Sync && (s.open || s.owed.holds(oweSync)) {
		return false
	}
	f.flushServer()
	return true
}

// skipsQuery sees to it that a simple Query is answered which Postgres skips because the BEGIN ahead of it has failed.
func (s *Server) skipsQuery(e *Env, queried bool) {
	if queried && s.skipping {
		s.pushSync()
		e.Wire.Send(s.Conn, e.keep(pgwire.AppendEmpty(e.room(8), pgwire.Sync)))
	}
}
