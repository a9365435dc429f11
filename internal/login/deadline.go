package login

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// keepTo makes the connection's reads and writes fail when the context ends, until released. Release takes the
// error that there is and returns the one to report: the context's, if that is what ended it. A released
// connection has no deadline.
func keepTo(ctx context.Context, conn net.Conn) (release func(error) error) {
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return func(err error) error {
		inTime := stop()
		switch {
		case !inTime && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)):
			return context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return context.DeadlineExceeded // the connection's timer was a little faster than the context's
		case err == nil:
			conn.SetDeadline(time.Time{})
		}
		return err
	}
}
