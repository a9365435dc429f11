package console

import (
	"context"
	"fmt"
	"time"
)

// await waits for an order. Who leaves meanwhile, or cancels, waits no longer: a pause is then taken back, so that nobody is kept waiting by a
// console that is gone.
func (s *session) await(ctx context.Context, stmt *statement, p Progress) error {
	left, stop := s.watch()
	defer stop()
	select {
	case <-p.Done():
		return undone(stmt, p)
	case <-ctx.Done():
		p.Abandon()
		return ctx.Err()
	case <-left:
		p.Abandon()
		return errLeft
	case <-s.Cancel:
		n := p.Left()
		p.Abandon()
		return &problem{
			state: queryCanceled, message: "canceling " + stmt.tag() + " due to user request",
			detail: fmt.Sprintf("%d connections were still waited for.", n),
		}
	}
}

// undone is the error of an order that another has taken back.
func undone(stmt *statement, p Progress) error {
	if !p.Undone() {
		return nil
	}
	return &problem{state: queryCanceled, message: stmt.tag() + " was ended by a RESUME before it was done"}
}

// watch tells when the client leaves while nothing of it is read: by Terminate, or by the end of the connection. stop must be called before
// anything is read; what the client has sent meanwhile is then still there.
func (s *session) watch() (left <-chan struct{}, stop func()) {
	gone, over := make(chan struct{}), make(chan struct{})
	stopping := make(chan struct{})
	go func() {
		defer close(over)
		if s.leaves(stopping) {
			close(gone)
		}
	}()
	return gone, func() {
		close(stopping)
		s.conn.SetReadDeadline(time.Unix(1, 0))
		<-over
		s.conn.SetReadDeadline(time.Time{})
	}
}

// leaves looks at what the client sends without taking it, as far as there is room to keep it, and reports whether the client has left.
func (s *session) leaves(stopping <-chan struct{}) bool {
	for n := 1; n <= s.in.Size(); n = s.in.Buffered() + 1 {
		ahead, err := s.in.Peek(n)
		select {
		case <-stopping:
			return false
		default:
		}
		if err != nil || ahead[0] == 'X' {
			return true
		}
	}
	return false
}
