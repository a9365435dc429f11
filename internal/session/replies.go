package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// visible is 0, or hidden while the reply is to something of ours.
func (s *Server) visible() int {
	switch s.owed.first() {
	case oweQueryOurs, oweRowsOurs, oweExecuteOurs, oweDescribeOurs:
		return hidden
	case oweQuery:
		if s.owed.at(s.owed.head).hides>>s.reply&1 != 0 {
			return hidden
		}
	}
	return 0
}

// answered ends the entry at the head, if it is of that kind.
func (s *Server) answered(e *Env, c *Client, kind Kind) {
	switch first := s.owed.first(); {
	case kind == oweExecute && first == oweQuery:
		s.reply = min(s.reply+1, maxHidden-1)
	case kind == oweExecute && first == oweExecuteOurs:
		s.settle(e, s.owed.pop())
	case first == kind:
		o := s.owed.pop()
		s.settle(e, o)
		if kind == oweExecute {
			s.count(e, o.runs)
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
	if client == oweParse {
		s.texts.done(s.owed.head)
	}
	o := s.owed.pop()
	if client == oweParse && o.stmt != prepared.None {
		e.accept(o.stmt, o.schema)
	}
	s.settle(e, o)
	return show, true
}

// ready takes ReadyForQuery.
func (s *Server) ready(e *Env, c *Client, status byte, before []byte) (show int, ok bool) {
	switch s.owed.first() {
	case oweQueryOurs, oweRowsOurs, oweSyncOurs:
		show = hidden
		s.restoringDiscarded = false
	case oweQuery, oweFunction:
		s.count(e, s.owed.at(s.owed.head).runs)
	case oweSync:
	default:
		if !s.unsure {
			return 0, false
		}
		s.Status, s.doubted = status, false
		s.skipping, s.open = false, false // it was a Sync into a COPY that had failed already
		return 0, true
	}
	ours := s.Asked()
	s.settle(e, s.owed.pop())
	s.Status = status
	if status == pgwire.StatusIdle && s.defaults {
		s.defaults = false
		if e.OnDefaults != nil {
			e.OnDefaults(s)
		}
	}
	if ours && s.OnAnswer != nil {
		s.OnAnswer()
	}
	s.copyIn, s.copyEnded, s.reply, s.shapeAsked = false, false, 0, false
	s.schemaSettled(e)
	if s.owed.len() == 0 {
		s.behind = false
		if status == pgwire.StatusIdle {
			s.reshaped(e)
		}
	}
	if status == pgwire.StatusIdle && show == 0 {
		s.Transactions++
	}
	if show == 0 {
		s.kept, s.Began = s.kept[:0], false
	}
	if len(s.mentions) > 0 || len(s.bound) > 0 {
		s.finished = 0
		s.forgetAnswered(e)
	}
	if s.owed.len() == 0 {
		s.Prepared.Unpin()
		s.begins, s.signalled, s.barrier = false, 0, false
		s.answers.columns = 0
	}
	if s.cut { // its client has heard the last word
		s.cut = false
		return hidden, true
	}
	if show == 0 {
		show = s.over(e, c, status, before)
	}
	return show, true
}

// completed looks at the tag of a command for what it did to prepared statements.
func (s *Server) completed(e *Env, c *Client, m []byte) {
	if s.copyIn && s.doubted {
		s.unsure, s.doubted = false, false
	}
	s.copyIn, s.copyEnded = false, false
	s.answers.columns = 0
	if len(s.mentions) > 0 && s.owed.first() == oweQuery && s.visible() == 0 {
		s.finished++
	}
	tag := m[pgwire.HeaderLen:]
	if s.Channels.inside && bytes.HasPrefix(tag, []byte("ROLLBACK")) {
		s.Channels.rolledBack()
	}
	if len(tag) < 5 || tag[0] != 'D' && tag[0] != 'C' && tag[0] != 'A' && tag[0] != 'P' {
		return
	}
	tag, _, _ = pgwire.CString(tag)
	if string(tag) == "PREPARE" {
		s.texts.done(s.owed.head)
	}
	if s.owed.first().ours() {
		if string(tag) == discardSequences {
			s.Sequences.discarded(c, true)
		}
		return
	}
	switch string(tag) {
	case "PREPARE":
		s.ran(e, c, sql.SQLPrepare)
	case "DEALLOCATE":
		s.ran(e, c, sql.Deallocates)
	case "DEALLOCATE ALL":
		s.allDeallocated(e, c)
	case discardSequences:
		s.Sequences.discarded(c, false)
	case "DISCARD ALL":
		s.Sequences.discarded(c, false)
		s.allDeallocated(e, c) // but the unnamed one, which only a simple Query drops
		s.Pins &= PinSession | Lasting
	default:
		s.schemaChanged(e, tag)
	}
}

func (s *Server) allDeallocated(e *Env, c *Client) {
	s.stood = s.stood[:0]
	s.texts.of, s.texts.size = nil, 0
	s.Prepared.Clear()
	if s.owed.len() == 1 || s.owed.len() == 2 && s.owed.at(s.owed.head+1).kind == oweSync {
		s.native, s.nativeDefines = 0, false
		s.Pins &^= PinPrepare // behind more, a statement may be prepared already under the client's own name
	}
	if c != nil {
		c.fromSQL = false
		e.Names.Clear(c.Slot, &c.names, e.release)
	}
}

// copyBegins: from here to CopyDone or CopyFail the server ignores Sync, and takes anything else but CopyData for an
// error. Of what was sent behind the COPY it therefore swallows every Sync up to the first other message, and that.
//
// That other message is CopyDone or CopyFail, or Postgres fails the COPY because of it (and, from 14 on, ends the
// connection). A client that has left meanwhile sends none: it is sent for it.
func (s *Server) copyBegins(e *Env, c *Client) {
	s.copyIn, s.copyEnded, s.dataSent = true, false, false
	was := s.owed.head
	extended := s.owed.first() == oweExecute
	for s.owed.len() > 1 && !s.copyEnded {
		next := s.owed.at(s.owed.head + 1)
		if next.kind != oweSync && next.kind != dueCopyEnd && extended {
			break // skipped after the error, as everything up to Sync
		}
		swallowed := *next
		*next = *s.owed.at(s.owed.head)
		s.owed.head++
		if swallowed.kind.ends() {
			s.owed.batches--
		}
		switch swallowed.kind {
		case oweSync:
			s.doubt()
			s.dataSent = s.dataSent || swallowed.behindData
			// Unless another follows, the batch is still open.
			s.open = s.open || extended && !s.owed.holds(oweSync)
		case dueCopyEnd:
			s.copyEnded = true
		default:
			s.undo(e, c, swallowed, false, s.owed.head+1)
			s.copyEnded = true
		}
	}
	if len(s.mentions) > 0 {
		s.mentionsMoved(e, was)
	}
	s.texts.awaited = nil
	if c == nil {
		s.finish(e)
	}
}

// copyRead reports whether the error of a COPY shows that the server has read the Sync that was sent into it: it has met
// the CopyFail, or a row of data, all of which was sent behind that Sync.
func (s *Server) copyRead(m []byte) bool {
	if string(pgwire.ErrorField(m, 'R')) == "CopyGetData" && string(pgwire.ErrorField(m, 'C')) == "57014" {
		return true
	}
	return !s.dataSent && bytes.Contains(pgwire.ErrorField(m, 'W'), []byte(`: "`))
}

// erred takes an ErrorResponse.
func (s *Server) erred(e *Env, c *Client, m []byte, length int, before []byte) (show int, ok bool) {
	if v := pgwire.ErrorField(m, 'V'); string(v) == "FATAL" || string(v) == "PANIC" {
		s.Dying = true
		switch string(pgwire.ErrorField(m, 'C')) {
		case "57P01", "57P02", "57P03":
			s.ShutDown = true
		}
	}
	if s.restoringDiscarded && s.owed.first().ours() {
		return 0, false // what the session is set to now, the client has not asked for
	}
	if s.doubted && s.copyRead(m) {
		s.unsure = false
	}
	s.copyIn, s.copyEnded, s.doubted = false, false, false
	first := s.owed.first()
	if first == oweQueryOurs || first == oweRowsOurs {
		if s.Dying && c != nil {
			return 0, true // it is not about what we have asked
		}
		if s.owed.at(s.owed.head).marks {
			s.doubtNames(e)
		}
		s.Failed = true
		s.Failure = append(s.Failure[:0], m...)
		s.Channels.notWorn(string(pgwire.ErrorField(m, 'C')) == "25P02")
		return hidden, true
	}
	s.Touched.once = false
	s.Channels.rolledBack()
	if !s.Dying {
		s.failed(e)
	}
	ours := s.visible() == hidden
	shown := m
	if len(m) == length {
		s.heal(e, c, m)
		shown = s.placed(e, s.renamed(e, c, m))
		if why := s.insteadOfKept(m); why != nil {
			shown = e.copied(why)
		}
		if first != oweNothing && s.owed.at(s.owed.head).refused != allowed {
			shown = s.owed.at(s.owed.head).refused.message(nil)
		}
		if instead := s.instead(m); instead != nil {
			shown = instead
		}
		if ours {
			if bad := badSetting(m); bad != nil {
				shown = e.copied(bad)
			}
		}
		shown = s.asCut(e, shown)
	}
	if first.extended() {
		queried := s.Began && first.ours() && s.owed.batches > 0 && !s.owed.holds(oweSync)
		s.skipToSync(e, c)
		s.skipsQuery(e, queried)
	}
	s.forgetPast(e)
	if first.extended() && s.owed.first() == oweSyncOurs && !s.Dying {
		s.keepFailure(shown)
		return hidden, true
	}
	if len(shown) == len(m) && &shown[0] == &m[0] {
		return 0, true
	}
	s.toClientNow(e, c, before)
	s.toClientNow(e, c, shown)
	return hidden | sentBefore, true
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
