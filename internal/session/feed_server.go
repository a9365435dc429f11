package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// maxSeen bounds the messages that are collected to be seen whole; longer ones of these kinds go through unseen.
const maxSeen = 64 << 10

// Feed takes what the server sent. Its replies go to c; to nobody if c is nil. It reports false if the server said
// something that it cannot have said in answer to what was sent: it must then be closed.
func (s *Server) Feed(e *Env, c *Client, data []byte) bool {
	if len(s.hold) > 0 {
		var ok bool
		if data, ok = s.complete(e, c, data); !ok {
			return false
		}
	}
	run := 0 // data[run:at] is to be forwarded as it is
	at := 0
	for at < len(data) {
		if s.dueNow() {
			s.toClientNow(e, c, data[run:at])
			run = at
			s.due(e, c)
		}
		if s.left > 0 {
			n := min(s.left, len(data)-at)
			s.left -= n
			at += n
			if !s.toClient {
				run = at
			}
			continue
		}
		rest := data[at:]
		if len(rest) < pgwire.HeaderLen {
			break
		}
		length := pgwire.FrameLen(rest)
		if length < pgwire.HeaderLen {
			return false
		}
		if len(rest) < length && seen(rest[0]) && length <= maxSeen {
			break
		}
		// What this message brings with it of ours goes out behind what came before it, so that has to be sent first.
		have := min(length, len(rest))
		show, ok := s.message(e, c, rest[:have], length, data[run:at])
		if !ok {
			return false
		}
		if show&sentBefore != 0 {
			run = at
		}
		s.toClient = show&hidden == 0
		s.left = length - have
		if show&hidden != 0 && show&sentBefore == 0 && run < at {
			s.toClientNow(e, c, data[run:at])
		}
		at += have
		if show&hidden != 0 {
			run = at
		}
	}
	s.toClientNow(e, c, data[run:at])
	s.due(e, c)
	s.hold = append(s.hold, data[at:]...)
	return true
}

// complete adds to the beginning of a message what was missing, as far as it has come, and feeds it. It returns what
// is left of data.
func (s *Server) complete(e *Env, c *Client, data []byte) ([]byte, bool) {
	for _, want := range [...]int{pgwire.HeaderLen, maxSeen} {
		if want > pgwire.HeaderLen {
			if length := pgwire.FrameLen(s.hold); seen(s.hold[0]) && length <= maxSeen {
				want = length
			} else {
				want = len(s.hold)
			}
		}
		n := min(max(want-len(s.hold), 0), len(data))
		s.hold = append(s.hold, data[:n]...)
		data = data[n:]
		if len(s.hold) < want {
			return data, true
		}
	}
	whole := e.copied(s.hold)
	s.hold = s.hold[:0]
	return data, s.Feed(e, c, whole)
}

// seen reports whether a message of this type must be seen whole.
func seen(typ byte) bool {
	switch typ {
	case pgwire.ReadyForQuery, pgwire.CommandComplete, pgwire.ErrorResponse, pgwire.ParameterStatus:
		return true
	}
	return false
}

func (s *Server) toClientNow(e *Env, c *Client, b []byte) {
	if c != nil && len(b) > 0 {
		e.Wire.Send(c.Conn, b)
	}
}

// What message says of the message it was given.
const (
	hidden     = 1 << iota // the client does not see it
	sentBefore             // what came before it has been sent already
)

// message takes one message, or its beginning, of the length given; before is what came before it and is not sent
// yet.
func (s *Server) message(e *Env, c *Client, m []byte, length int, before []byte) (show int, ok bool) {
	switch m[0] {
	case pgwire.DataRow, pgwire.RowDescription, pgwire.NoData, pgwire.CopyData, pgwire.CopyDone:
		if m[0] == pgwire.RowDescription || m[0] == pgwire.NoData {
			s.answered(e, c, oweDescribe)
		}
		return s.visible(), true
	case pgwire.CommandComplete:
		s.completed(e, c, m)
		show = s.visible()
		s.answered(e, c, oweExecute)
		return show, true
	case pgwire.EmptyQueryResponse, pgwire.PortalSuspended:
		show = s.visible()
		s.answered(e, c, oweExecute)
		return show, true
	case pgwire.ParseComplete:
		return s.ended(e, oweParse, oweParseOurs)
	case pgwire.BindComplete:
		return s.ended(e, oweBind, oweBind)
	case pgwire.CloseComplete:
		return s.ended(e, oweClose, oweCloseOurs)
	case pgwire.ReadyForQuery:
		if length != pgwire.HeaderLen+1 {
			return 0, false
		}
		return s.ready(e, m[pgwire.HeaderLen])
	case pgwire.ErrorResponse:
		return s.erred(e, c, m, length, before)
	case pgwire.ParameterStatus:
		if name, value, ok := pgwire.Parameter(m[pgwire.HeaderLen:]); ok && s.OnParameter != nil {
			s.OnParameter(name, value)
		}
		return s.visible(), true
	case pgwire.CopyInResponse:
		s.copyBegins(e, c)
		return s.visible(), true
	}
	return s.visible(), true
}

// visible is 0, or hidden while the reply is to a query of ours.
func (s *Server) visible() int {
	if s.owed.first() == oweQueryOurs {
		return hidden
	}
	return 0
}

// answered ends the entry at the head, if it is of that kind.
func (s *Server) answered(e *Env, c *Client, kind Kind) {
	if s.owed.first() == kind {
		s.settle(e, s.owed.pop())
		if kind == oweExecute {
			s.Queries++
		}
	}
}

// ended ends the entry at the head, which must be the client's or ours.
func (s *Server) ended(e *Env, client, ours Kind) (show int, ok bool) {
	switch s.owed.first() {
	case client:
	case ours:
		show = hidden
	default:
		return 0, false
	}
	o := s.owed.pop()
	if client == oweParse && o.stmt != prepared.None {
		e.accept(o.stmt)
	}
	s.settle(e, o)
	return show, true
}

// ready takes ReadyForQuery.
func (s *Server) ready(e *Env, status byte) (show int, ok bool) {
	switch s.owed.first() {
	case oweQueryOurs, oweSyncOurs:
		show = hidden
	case oweQuery, oweFunction:
		s.Queries++
	case oweSync:
	default:
		if !s.unsure {
			return 0, false
		}
		s.Status = status
		return 0, true
	}
	s.settle(e, s.owed.pop())
	s.Status = status
	s.copyIn, s.copyEnded = false, false
	if status == pgwire.StatusIdle && show == 0 {
		s.Transactions++
	}
	if s.owed.len() == 0 {
		s.Prepared.Unpin()
	}
	return show, true
}

// completed looks at the tag of a command for what it did to prepared statements.
func (s *Server) completed(e *Env, c *Client, m []byte) {
	s.copyIn, s.copyEnded = false, false
	tag := m[pgwire.HeaderLen:]
	if len(tag) < 5 || tag[0] != 'D' || tag[1] != 'E' && tag[1] != 'I' {
		return
	}
	tag, _, _ = pgwire.CString(tag)
	switch string(tag) {
	case "DEALLOCATE":
		s.deallocated(e, c)
	case "DEALLOCATE ALL":
		s.allDeallocated(e, c)
	case "DISCARD ALL":
		s.allDeallocated(e, c)
		s.setUnnamed(e, prepared.None)
		s.Settings = 0
		s.Pins &= PinSession
	}
}

func (s *Server) allDeallocated(e *Env, c *Client) {
	s.Prepared.Clear()
	s.deallocating = s.deallocating[:0]
	if c != nil {
		e.Names.Clear(c.Slot, &c.names, e.release)
	}
}

// copyBegins: from here to CopyDone or CopyFail the server ignores Sync, and takes anything else but CopyData for an
// error. Of what was sent behind the COPY it therefore swallows every Sync up to the first other message, and that.
//
// That other message is CopyDone or CopyFail, or Postgres fails the COPY because of it (and, from 14 on, ends the
// connection). A client that has left meanwhile sends none: it is sent for it.
func (s *Server) copyBegins(e *Env, c *Client) {
	s.copyIn, s.copyEnded = true, false
	extended := s.owed.first() == oweExecute
	for s.owed.len() > 1 && !s.copyEnded {
		next := s.owed.at(s.owed.head + 1)
		if next.kind != oweSync && next.kind != dueCopyEnd && extended {
			break // skipped after the error, as everything up to Sync
		}
		swallowed := *next
		*next = *s.owed.at(s.owed.head)
		s.owed.head++
		switch swallowed.kind {
		case oweSync:
			// Unless another follows, the batch is still open.
			s.open = s.open || extended && !s.owed.holds(oweSync)
		case dueCopyEnd:
			s.copyEnded = true
		default:
			s.undo(e, c, swallowed, false, s.owed.head+1)
			s.copyEnded = true
		}
	}
	if c == nil {
		s.finish(e)
	}
}

// erred takes an ErrorResponse.
func (s *Server) erred(e *Env, c *Client, m []byte, length int, before []byte) (show int, ok bool) {
	if v := pgwire.ErrorField(m, 'V'); string(v) == "FATAL" || string(v) == "PANIC" {
		s.Dying = true
	}
	s.copyIn, s.copyEnded = false, false
	first := s.owed.first()
	if first == oweQueryOurs {
		s.Failed = true
		s.Failure = append(s.Failure[:0], m...)
		return hidden, true
	}
	shown := m
	if len(m) == length {
		s.heal(e, c, m)
		shown = s.renamed(e, c, m)
	}
	if first.extended() {
		s.skipToSync(e, c)
	}
	if int32(s.owed.head-s.deallocatingAt) >= 0 {
		s.deallocating = s.deallocating[:0] // it failed, or is skipped
	}
	if first.extended() && s.owed.first() == oweSyncOurs {
		return hidden, true
	}
	if len(shown) == len(m) && &shown[0] == &m[0] {
		return 0, true
	}
	s.toClientNow(e, c, before)
	s.toClientNow(e, c, shown)
	return hidden | sentBefore, true
}

// skipToSync undoes what the server now ignores: everything up to the next Sync, which may not have been sent yet.
func (s *Server) skipToSync(e *Env, c *Client) {
	end := s.owed.head
	for end != s.owed.tail && s.owed.at(end).kind != oweSync && s.owed.at(end).kind != oweSyncOurs {
		end++
	}
	for i := end; i != s.owed.head; {
		i--
		s.undo(e, c, *s.owed.at(i), i == s.owed.head, end)
	}
	s.owed.head = end
	s.skipping = end == s.owed.tail
	if s.skipping {
		s.open = true
	}
}

// undo takes back what a message did to names, here and on the server, that met an error or, later in the batch, never
// ran. Later ones are undone first; what begins at the entry after is not undone.
func (s *Server) undo(e *Env, c *Client, o owed, met bool, after uint32) {
	if o.unnamed {
		// A Parse that met an error has dropped the unnamed statement; one that never ran has left whatever there was.
		s.setUnnamed(e, prepared.None)
		s.stray = !met
	}
	if o.replaced {
		s.undoUnnamed(e, c, o, met, after)
	}
	switch o.kind {
	case oweParse, oweParseOurs, dueParse:
		if o.kind != dueParse && o.stmt != prepared.None && !o.unnamed {
			s.Prepared.Remove(e.Statements.Hash(o.stmt))
		}
		if c != nil && o.named && o.nameLen > 0 {
			c.forgetName(e, s.owed.nameOf(&o), o.stmt)
		}
		e.release(o.stmt)
	case oweBind, oweDescribe:
		e.release(o.stmt)
	case dueClose:
		if c == nil {
			e.release(o.stmt)
			return
		}
		c.restoreName(e, s.owed.nameOf(&o), o.stmt)
	case oweCloseOurs:
		// It was not closed. What version it is, is forgotten: it is closed before it is used again.
		if o.nameLen > 0 {
			s.Prepared.Add(prepared.Hash(s.owed.nameOf(&o)), staleVersion)
		}
	}
}

// undoUnnamed undoes, for the client, the replacement of its unnamed statement by a message that met an error, and so
// has dropped it, or that never ran, and so has left it. If a later batch replaces it again, it is what that finds.
func (s *Server) undoUnnamed(e *Env, c *Client, o owed, met bool, after uint32) {
	was := o.before
	if met {
		e.release(was)
		was = prepared.None
	}
	for i := after; i != s.owed.tail; i++ {
		if next := s.owed.at(i); next.replaced {
			e.release(next.before)
			next.before = was
			return
		}
	}
	if c == nil {
		e.release(was)
		return
	}
	c.setUnnamed(e, was)
}

// dueNow reports whether an answer of ours is due: it is at the head, and no message is under way.
func (s *Server) dueNow() bool { return s.left == 0 && s.owed.first() >= dueParse }

// due answers for the server what has come to the head of the queue.
func (s *Server) due(e *Env, c *Client) {
	for s.dueNow() {
		o := *s.owed.at(s.owed.head)
		var typ byte
		switch o.kind {
		case dueParse:
			typ = pgwire.ParseComplete
		case dueClose:
			typ = pgwire.CloseComplete
		}
		s.owed.head++
		if c != nil && typ != 0 {
			e.Wire.Send(c.Conn, e.keep(pgwire.AppendEmpty(e.room(8), typ)))
		}
		s.settle(e, o)
	}
}

// heal mends what an error reveals: a plan that no longer fits its tables is prepared anew everywhere, a statement
// that the server turns out to have, or not to have, is noted.
func (s *Server) heal(e *Env, c *Client, m []byte) {
	switch string(pgwire.ErrorField(m, 'C')) {
	case "0A000":
		head := s.owed.at(s.owed.head)
		if s.owed.len() > 0 && head.stmt != prepared.None && c != nil && string(pgwire.ErrorField(m, 'R')) == "RevalidateCachedQuery" {
			e.Statements.Invalidate(head.stmt)
		}
	case "26000", "42P05":
		if s.owed.first() == oweParse && s.owed.at(s.owed.head).stmt == prepared.None {
			return // it was made to refuse a name that is taken
		}
		message := pgwire.ErrorField(m, 'M')
		i := bytes.Index(message, []byte(prepared.ServerNamePrefix))
		if i < 0 || len(message) < i+prepared.ServerNameLen {
			return
		}
		h, ok := prepared.ParseServerName(message[i : i+prepared.ServerNameLen])
		if !ok {
			return
		}
		s.Prepared.Remove(h)
		if string(pgwire.ErrorField(m, 'C')) == "42P05" {
			s.Prepared.Add(h, staleVersion)
		}
	}
}

// staleVersion is a version no statement has: what is noted with it is closed before it is prepared again.
const staleVersion = ^uint32(0)

// renamed is an ErrorResponse in which every name of ours is replaced by the client's own (trap 20).
func (s *Server) renamed(e *Env, c *Client, m []byte) []byte {
	prefix := []byte(prepared.ServerNamePrefix)
	if c == nil || !bytes.Contains(m, prefix) {
		return m
	}
	out := e.room(2 * len(m))[:0]
	out = append(out, m[:pgwire.HeaderLen]...)
	for rest := m[pgwire.HeaderLen:]; ; {
		i := bytes.Index(rest, prefix)
		if i < 0 || len(rest) < i+prepared.ServerNameLen {
			out = append(out, rest...)
			break
		}
		ours := rest[i : i+prepared.ServerNameLen]
		out = append(out, rest[:i]...)
		out = append(out, s.clientName(e, c, ours)...)
		rest = rest[i+len(ours):]
	}
	n := len(out) - 1
	out[1], out[2], out[3], out[4] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return e.keep(out)
}

// clientName is what the client calls a statement of ours: as it did in the message the error is about, or else as it
// does now.
func (s *Server) clientName(e *Env, c *Client, ours []byte) []byte {
	var about []byte
	if s.owed.len() > 0 {
		if o := s.owed.at(s.owed.head); o.nameLen > 0 && o.kind != oweCloseOurs {
			about = s.owed.nameOf(o)
			if o.stmt == prepared.None || bytes.Equal(e.Statements.ServerName(o.stmt), ours) {
				return about
			}
		}
	}
	if h, ok := prepared.ParseServerName(ours); ok {
		if id, ok := e.Statements.Find(h); ok {
			if name := c.nameFor(e, id); name != nil {
				return name
			}
		}
	}
	return about
}
