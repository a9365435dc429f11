package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// limit gives a server a time for what it does now.
func (s *Shard) limit(srv *server, d time.Duration) {
	srv.deadline = s.now + int64(d)
	s.alarm(srv, srv.deadline)
}

// alarm has alarmed called at a time, or before. One timer that is early enough is used for all: with server_reset always
// a server has a deadline for each query.
func (s *Shard) alarm(srv *server, at int64) {
	if srv.alarmAt != 0 && srv.alarmAt <= at {
		return
	}
	srv.alarmAt = at
	s.timers.Set(loop.Timer{At: at, Kind: timerServer, Ref: srv.Conn})
}

// alarmed looks whether a server is late with what it does.
func (s *Shard) alarmed(conn uint64) {
	srv := s.serverAt(conn)
	if srv == nil {
		return
	}
	if s.now >= srv.alarmAt {
		srv.alarmAt = 0
	}
	switch srv.purpose {
	case checking:
		s.checkOverdue(srv)
	case hearing:
		if s.now < srv.deadline {
			if srv.deadline != loop.Never {
				s.alarm(srv, srv.deadline)
			}
			return
		}
		s.serverLost(srv)
	case abandoned, rollingBack, resetting, waiting, asking, studying:
		if s.now < srv.deadline {
			s.alarm(srv, srv.deadline)
			return
		}
		s.notice(Warn, "a server did not become clean in time and is closed", srv, "its last query may hang, or the network to Postgres")
		s.serverLost(srv)
	}
}
