package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// maxWhole bounds what is collected of a Bind, Describe or Close to find its names; Query and Parse are collected up
// to prepared.MaxText more. Of longer messages this much is looked at, and the rest streams through.
const maxWhole = 64 << 10

// maxName bounds the names of statements that are given other names on servers: those that Describe and Close can
// say (pgwire.MaxSmallFrame), and that are found in what is collected of a Bind.
const maxName = 10000

// small is up to where a frame is copied behind one that was rewritten, so that both go out in one piece.
const small = 2048

// feed is one pass over bytes of a client.
type feed struct {
	e    *Env
	c    *Client
	s    *Server // nil while it has none
	data []byte
	at   int    // what is looked at
	run  int    // data[run:at] is to be forwarded as it is
	out  []byte // scratch memory to be sent before data[run:at]
	stop Verdict
	// told is what the client was told that the statement returns which was looked for last, 0 if it was told nothing; copy is
	// what is known of it on the server, and fresh says that it has just been put there.
	told  prepared.Shape
	copy  prepared.Copy
	fresh bool
}

// Feed takes what a client sent. It returns how much of it was used up, why it stopped, and, with More, how long the
// rest must get before Feed can do anything with it.
func (c *Client) Feed(e *Env, s *Server, data []byte) (used int, v Verdict, need int) {
	f := feed{e: e, c: c, s: s, data: data}
	v, need = f.frames()
	f.flush()
	return f.at, v, need
}

// frames takes frame by frame until something is missing.
func (f *feed) frames() (Verdict, int) {
	for f.at < len(f.data) {
		if f.c.left > 0 {
			f.stream()
			continue
		}
		rest := f.data[f.at:]
		if len(rest) < pgwire.HeaderLen {
			return More, pgwire.HeaderLen
		}
		typ, length := rest[0], pgwire.FrameLen(rest)
		if !pgwire.LegalClientFrame(typ, length) {
			f.lastWords(typ)
			return Violated, 0
		}
		if typ == pgwire.Terminate {
			f.quits(length)
			return Quit, 0
		}
		if f.c.skip || f.c.refused {
			f.ignore(typ, length)
			continue
		}
		switch typ {
		case pgwire.CopyData, pgwire.CopyDone, pgwire.CopyFail:
			if f.copying(typ, length); f.stop != More {
				return f.stop, 0
			}
			continue
		case pgwire.Flush:
			if length > pgwire.HeaderLen {
				break // Postgres refuses one with a body
			}
			if f.s == nil {
				f.discard(length)
				continue
			}
			f.s.owed.flushed = f.s.owed.tail
			f.pass(length)
			continue
		}
		if f.s == nil {
			if need := f.wanted(typ, length); len(rest) < need {
				return More, need
			}
			if (f.c.Defers || f.c.Deferred()) && f.deferred(typ, length, rest) || f.local(typ, length, rest) {
				continue
			}
			return NeedServer, 0
		}
		f.c.local = false
		if (f.c.begun != 0 || f.s.Began) && f.awaitsBegin(typ) {
			return Await, 0
		}
		if f.s.owed.full() {
			f.flushServer()
			return Blocked, 0
		}
		if f.s.copyIn && !f.s.copyEnded {
			f.duringCopy(typ, length)
			continue
		}
		// Whether a transaction that has to do with channels is over is told before anything else is done.
		if ch := &f.s.Channels; ch.Held || ch.holds() && f.s.owed.batches > 0 {
			return Await, 0
		}
		if f.s.skipping && typ == pgwire.Query && f.s.oursFailed {
			f.endOfBatch(length)
			continue
		}
		if f.s.skipping && typ != pgwire.Sync {
			f.discard(length) // Postgres would ignore it; so nothing it says comes true
			continue
		}
		if need := f.wanted(typ, length); len(rest) < need {
			return More, need
		}
		if f.c.Splits && !f.belongs(typ, rest) {
			return f.stop, 0
		}
		if f.s.Sequences.Resting && f.yields(typ, rest[:min(length, len(rest))]) {
			return Yield, 0
		}
		if f.doubtsDiscard(typ) {
			f.flushServer()
			return Await, 0
		}
		if f.cancelComes(typ) {
			return Await, 0
		}
		if f.s.discarded != nil {
			if f.restoreDiscarded(typ); f.stop != More {
				return f.stop, 0
			}
		}
		if f.s.barrier && (aboutNames(typ, rest) || typ == pgwire.Execute && f.s.boundToNames()) {
			if f.s.owed.len() > 0 {
				f.flushServer()
				return Await, 0
			}
			f.s.barrier = false
		}
		if f.message(typ, length, rest[:min(length, len(rest))]); f.stop != More {
			return f.stop, 0
		}
	}
	return More, pgwire.HeaderLen
}

// changing is the effects that give names to prepared statements, or take them away.
const changing = sql.SQLPrepare | sql.Deallocates | sql.DeallocatesAll | sql.DiscardsAll

// aboutNames reports whether a message gives, takes or uses a name of a statement, or may do so in SQL.
func aboutNames(typ byte, frame []byte) bool {
	switch typ {
	case pgwire.Parse, pgwire.Bind, pgwire.Query:
		return true
	case pgwire.Describe, pgwire.Close:
		return len(frame) > pgwire.HeaderLen && frame[pgwire.HeaderLen] == 'S'
	}
	return false
}

// wanted is how much of a frame must be there before it is looked at.
func (f *feed) wanted(typ byte, length int) int {
	switch typ {
	case pgwire.Parse, pgwire.Query:
		return min(length, prepared.MaxText+maxWhole)
	case pgwire.Bind, pgwire.Describe, pgwire.Close:
		return min(length, maxWhole)
	case pgwire.FunctionCall:
		return min(length, pgwire.HeaderLen+4)
	case pgwire.Execute:
		if f.s != nil && len(f.s.bound) > 0 {
			return min(length, maxWhole) // SQL of ours goes with it
		}
	}
	return pgwire.HeaderLen
}

// message takes one frame, of which what is wanted is there, towards the server.
func (f *feed) message(typ byte, length int, frame []byte) {
	s := f.s
	switch typ {
	case pgwire.Query:
		s.behind = s.behind || !s.owesNothing()
		f.query(length, frame)
		f.endUnit()
	case pgwire.Parse:
		s.behind = s.behind || !s.owesNothing()
		f.parse(length, frame)
	case pgwire.Bind:
		f.bind(length, frame)
	case pgwire.Describe:
		f.describe(length, frame)
	case pgwire.Close:
		f.close(length, frame)
	case pgwire.Execute:
		f.execute(length, frame)
		s.dataSent = false
	case pgwire.FunctionCall:
		f.functionCall(length, frame)
		f.endUnit()
	case pgwire.Sync:
		s.pushSync()
		f.pass(length)
		f.endUnit()
	case pgwire.Flush:
		f.forward(oweDescribe, length) // which only an error can answer
	}
}

// functionCall takes a FunctionCall.
func (f *feed) functionCall(length int, frame []byte) {
	if !f.apart() || !f.namesCalled(frame) {
		return
	}
	f.touchFunction(frame)
	f.runsUnread(0, true)
	f.s.owed.push(oweFunction, prepared.None)
	f.s.open, f.s.executes = false, false
	f.pass(length)
}

// ignore takes a frame that Postgres would skip after an error, when the error was ours.
func (f *feed) ignore(typ byte, length int) {
	c := f.c
	first := c.refused
	c.refused = false
	switch {
	case typ == pgwire.Sync:
		c.skip = false
		if f.s != nil && (f.s.open || f.s.skipping || f.s.owed.len() > 0) {
			f.s.pushSync() // its ReadyForQuery is the client's too
			f.pass(length)
			return
		}
		f.discard(length)
		f.ready()
	case first && (typ == pgwire.Query || typ == pgwire.FunctionCall):
		f.discard(length)
		f.ready()
	case first && typ != pgwire.CopyData && typ != pgwire.CopyDone && typ != pgwire.CopyFail:
		c.skip = true
		f.discard(length)
	default:
		c.refused = first
		f.discard(length)
	}
}

// ready tells the client that it may go on, after an answer or an error of ours.
func (f *feed) ready() {
	f.c.local = false
	status := f.c.status()
	if f.s != nil {
		status = f.s.Status
	}
	if f.c.Pending && status == pgwire.StatusIdle {
		f.e.Listeners.Deliver(f.c)
	}
	f.e.Wire.Send(f.c.Conn, f.e.keep(pgwire.AppendReady(f.e.room(8), status)))
}

// copying takes the messages of COPY. Outside a COPY Postgres ignores them: they are left over from one that failed.
func (f *feed) copying(typ byte, length int) {
	s := f.s
	if s == nil || (!s.copyIn && s.owed.len() == 0) {
		f.discard(length)
		return
	}
	if typ == pgwire.CopyData {
		s.dataSent = s.dataSent || !s.copyIn
	} else {
		if s.copyIn && !s.copyEnded {
			s.copyEnded = true
		} else if s.owed.full() {
			f.flushServer()
			f.stop = Blocked
			return
		} else {
			s.owed.push(dueCopyEnd, prepared.None)
		}
	}
	f.pass(length)
}

// duringCopy takes what is not COPY's while the server reads CopyData. Postgres ignores Sync, and fails the COPY at
// anything else, without an answer of its own to it.
func (f *feed) duringCopy(typ byte, length int) {
	s := f.s
	if typ == pgwire.Sync {
		s.doubt()
		s.open, s.dataSent = true, true // as far as is known
	}
	f.pass(length)
}

// query takes a simple Query.
func (f *feed) query(length int, frame []byte) {
	if !f.apart() {
		return
	}
	st := f.look(frame[pgwire.HeaderLen:], length > len(frame))
	named := f.readQuery(length, frame) // what its EXECUTEs do is from here on in st.Effects
	if f.stop != More {
		return
	}
	if why := f.forbidden(st.Effects); why != allowed {
		f.e.unread()
		f.refuse(why, length, true)
		return
	}
	if !f.wear(st.Effects) || !f.namesAhead(st, frame[pgwire.HeaderLen:], true) {
		f.e.unread()
		return
	}
	text := frame[pgwire.HeaderLen:]
	if lost := f.asksBehindRollback(st.Effects); lost || f.stop != More {
		f.e.unread()
		if lost {
			f.refuse(refusedNumbers, length, true)
		}
		return
	}
	hides, edited := f.makeUp(st, length, frame, named)
	if f.stop != More {
		f.e.unread()
		return
	}
	f.channels(st.Effects)
	f.s.remember(text)
	if length > len(frame) {
		f.runsUnread(st.Effects, false)
	} else {
		f.runs(withoutNUL(text), prepared.None, st.Effects)
	}
	f.s.standNoMore(st)
	prepares, amid := f.preparesNatively(st, length <= len(frame)), f.s.open
	f.s.defaults = f.s.defaults || st.Effects.Has(sql.AltersDefaults)
	f.touch(st, text)
	hidden := f.suspect(st, text)
	if asksInCode(st.Effects, text) {
		hidden |= anything
	}
	f.sequences(st.Effects, hidden, f.textDraws(st, text), true)
	f.pin(st.Effects)
	f.s.barrier = f.s.barrier || st.Effects.Has(changing)
	f.s.begins = f.s.begins || st.Effects.Has(sql.Begins)
	f.reshape(reshapes(st, frame[pgwire.HeaderLen:]))
	f.s.signals(st.Effects)
	whole := length <= len(frame)
	if st.Effects.Has(sql.DiscardsAll) && st.Single() && whole && !f.s.open && f.resets(st) {
		f.discardAll(length, frame)
		return
	}
	renamed := (named || edited) && f.rewriteQuery(frame)
	if f.stop != More {
		return
	}
	o := f.s.owed.push(oweQuery, prepared.None)
	o.hides = hides
	f.keepText(o, withoutNUL(text))
	if named || edited {
		f.oweRead()
	}
	f.c.replaceUnnamed(prepared.None, o)
	f.s.open, f.s.executes, f.s.dataSent = false, false, false // it ends what no Sync has ended
	f.s.setUnnamed(f.e, prepared.None)
	if renamed {
		return
	}
	f.awaitText(prepares, withoutNUL(text), true, amid, f.s.owed.tail-1)
	f.pass(length)
}

// look reads SQL; a NUL ends it.
func (f *feed) look(text []byte, truncated bool) *sql.Statement {
	st := &f.e.scan
	st.Truncated = truncated || f.c.Unreadable
	st.BackslashQuotes = f.c.BackslashQuotes
	if n := len(text); n > 0 && text[n-1] == 0 {
		text = text[:n-1]
	}
	sql.Scan(text, st)
	return st
}

// pass forwards a frame as it is.
func (f *feed) pass(length int) {
	have := min(length, len(f.data)-f.at)
	if len(f.out) > 0 && f.run == f.at && have <= small && have == length {
		f.out = f.e.appendKept(f.out, f.data[f.at:f.at+have])
		f.at += have
		f.run = f.at
		return
	}
	f.at += have
	f.c.left, f.c.drop = uint32(length-have), false
}

// discard forwards nothing of a frame.
func (f *feed) discard(length int) {
	f.flush()
	have := min(length, len(f.data)-f.at)
	f.at += have
	f.run = f.at
	f.c.left, f.c.drop = uint32(length-have), true
}

// replace forwards b, in scratch memory, instead of the next n bytes.
func (f *feed) replace(n int, b []byte) {
	f.put(b)
	f.at += n
	f.run = f.at
}

// put forwards b, the newest piece of scratch memory, before what comes next.
func (f *feed) put(b []byte) {
	if f.run < f.at {
		f.flush()
	}
	if len(f.out) > 0 && !adjacent(f.out, b) {
		f.e.Wire.Send(f.s.Conn, f.out)
		f.out = nil
	}
	if len(f.out) == 0 {
		f.out = b
		return
	}
	f.out = f.out[:len(f.out)+len(b)]
}

// adjacent reports whether b lies in memory right behind a.
func adjacent(a, b []byte) bool {
	return len(b) > 0 && cap(a) >= len(a)+len(b) && &a[:len(a)+1][len(a)] == &b[0]
}

// flush sends what has been collected for the server.
func (f *feed) flush() {
	if len(f.out) > 0 {
		f.e.Wire.Send(f.s.Conn, f.out)
		f.out = nil
	}
	if f.run < f.at {
		if f.s != nil {
			f.e.Wire.Send(f.s.Conn, f.data[f.run:f.at])
		}
		f.run = f.at
	}
}

// flushServer makes the server send what it owes.
func (f *feed) flushServer() {
	f.put(f.e.keep(pgwire.AppendEmpty(f.e.room(8), pgwire.Flush)))
}

// stream takes more of a frame whose beginning has been dealt with.
func (f *feed) stream() {
	n := min(int(f.c.left), len(f.data)-f.at)
	f.at += n
	f.c.left -= uint32(n)
	if f.c.drop {
		f.run = f.at
	}
}
