package session

import "github.com/pgmux/caddy-pgmux/internal/pgwire"

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
		if len(rest) < length && s.seen(rest[0]) && length <= maxSeen {
			break
		}
		if len(s.answers.notices) > 0 && rest[0] != pgwire.DataRow && rest[0] != pgwire.NoticeResponse {
			s.toClientNow(e, c, data[run:at])
			run = at
			s.tellNotices(e, c)
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
	if at < len(data) {
		s.hold = append(s.hold, data[at:]...)
	}
	return true
}

// complete adds to the beginning of a message what was missing, as far as it has come, and feeds it. It returns what
// is left of data.
func (s *Server) complete(e *Env, c *Client, data []byte) ([]byte, bool) {
	for _, want := range [...]int{pgwire.HeaderLen, maxSeen} {
		if want > pgwire.HeaderLen {
			if length := pgwire.FrameLen(s.hold); s.seen(s.hold[0]) && length <= maxSeen {
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
func (s *Server) seen(typ byte) bool {
	switch typ {
	case pgwire.DataRow:
		return s.owed.first() == oweRowsOurs || len(s.answers.notices) > 0
	case pgwire.RowDescription:
		return s.signalled != 0 || s.learns()
	case pgwire.ReadyForQuery, pgwire.CommandComplete, pgwire.ErrorResponse, pgwire.NoticeResponse, pgwire.ParameterStatus,
		pgwire.NotificationResponse:
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
	case pgwire.DataRow:
		if s.owed.first() == oweRowsOurs {
			s.keepRow(m, length)
		}
		if len(s.answers.notices) > 0 {
			return s.signalRow(e, c, m, length, before), true
		}
		return s.visible(), true
	case pgwire.RowDescription, pgwire.NoData, pgwire.CopyData, pgwire.CopyDone:
		if m[0] == pgwire.RowDescription && s.signalled != 0 && len(m) == length {
			s.signalColumns(m)
		}
		show = s.visible()
		if m[0] == pgwire.RowDescription || m[0] == pgwire.NoData {
			s.described(e, c, m, length)
		}
		return show, true
	case pgwire.CommandComplete:
		s.kind = kindOf(m[pgwire.HeaderLen:])
		s.completed(e, c, m)
		if s.owed.first() == oweExecuteOurs {
			s.settle(e, s.owed.pop())
			return hidden, true
		}
		if show = s.visible(); show == 0 && len(m) == length {
			s.ranRows += rowsInTag(m[pgwire.HeaderLen:])
		}
		s.answered(e, c, oweExecute)
		return show, true
	case pgwire.EmptyQueryResponse, pgwire.PortalSuspended:
		show = s.visible()
		if m[0] == pgwire.PortalSuspended && s.owed.first() == oweExecute {
			s.ranRows += uint64(s.owed.at(s.owed.head).runs.length)
		}
		s.answered(e, c, oweExecute)
		return show, true
	case pgwire.ParseComplete:
		return s.ended(e, oweParse, oweParseOurs)
	case pgwire.BindComplete:
		return s.ended(e, oweBind, oweBindOurs)
	case pgwire.CloseComplete:
		return s.ended(e, oweClose, oweCloseOurs)
	case pgwire.ReadyForQuery:
		if length != pgwire.HeaderLen+1 {
			return 0, false
		}
		return s.ready(e, c, m[pgwire.HeaderLen], before)
	case pgwire.ErrorResponse:
		return s.erred(e, c, m, length, before)
	case pgwire.ParameterStatus:
		if name, value, ok := pgwire.Parameter(m[pgwire.HeaderLen:]); ok && s.OnParameter != nil {
			s.OnParameter(name, value)
		}
		return s.visible(), true
	case pgwire.NotificationResponse:
		return s.notified(e, c, m, before), true
	case pgwire.NoticeResponse:
		if s.owed.first().ours() {
			if s.Asked() && s.OnNotice != nil && len(m) == length {
				s.OnNotice(m)
			}
			return hidden, true
		}
		if len(m) == length {
			if s.noticed(e, c, m) {
				return hidden, true
			}
			if shown := s.placed(e, m); s.visible() == 0 && len(s.mentions) > 0 && &shown[0] != &m[0] {
				s.toClientNow(e, c, before)
				s.toClientNow(e, c, shown)
				return hidden | sentBefore, true
			}
		}
		return s.visible(), true
	case pgwire.CopyInResponse:
		s.copyBegins(e, c)
		return s.visible(), true
	}
	return s.visible(), true
}
