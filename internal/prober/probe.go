package prober

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/routing"
)

const (
	// lifetime is how long a connection is kept, less up to a quarter by chance. Its name may mean another server since, and whether
	// a server takes connections is only found out by making one.
	lifetime = time.Minute
	// maxRefusedPause bounds the pause between logins that are refused for what we are: each is a line in the server's log. It begins
	// with the interval and doubles. Meanwhile it is only seen whether there is somebody at the address.
	maxRefusedPause = 30 * time.Second
)

// catchUp are the pauses after which a replica that has not replayed what the primary had written is asked once more in the same
// round: where there is always something on its way, it would else seem a whole interval behind.
var catchUp = [...]time.Duration{10 * time.Millisecond, 50 * time.Millisecond}

// probe asks, for Timeout at most. A replica that is behind may be asked more than once.
func (u *upstream) probe(ctx context.Context, position routing.LSN) routing.Report {
	ctx, cancel := context.WithTimeout(ctx, u.prober.cfg.Timeout)
	defer cancel()
	r, err := u.question(ctx)
	if err != nil {
		return u.unanswered(ctx, err)
	}
	for _, wait := range catchUp {
		if !isBehind(&r, position) || !pause(ctx, wait) {
			break
		}
		later, err := u.question(ctx)
		if err != nil {
			break // the next probe tells
		}
		r = later
	}
	return r
}

func (u *upstream) late() error { return fmt.Errorf("no answer within %s", u.prober.cfg.Timeout) }

// isBehind tells of a replica that has not replayed up to the position.
func isBehind(r *routing.Report, position routing.LSN) bool {
	return r.InRecovery && r.Position != 0 && r.Position < position
}

// question asks once. A connection that fails, or on which the server does not answer any more what it did, is replaced at once.
func (u *upstream) question(ctx context.Context) (routing.Report, error) {
	kept, err := u.connect(ctx)
	if err != nil {
		return routing.Report{}, err
	}
	r, err := u.server.ask(ctx, u.prober.cfg.Mark)
	if err == nil {
		return r, nil
	}
	u.drop()
	if !kept || ctx.Err() != nil {
		return routing.Report{}, err
	}
	if _, err := u.connect(ctx); err != nil {
		return routing.Report{}, err
	}
	if r, err = u.server.ask(ctx, u.prober.cfg.Mark); err != nil {
		u.drop()
	}
	return r, err
}

// connect sees to it that there is a connection, and tells whether it is one that was kept. One that has grown old is kept on where
// its successor is not let in, because there is no room, for example.
func (u *upstream) connect(ctx context.Context) (kept bool, err error) {
	if u.server != nil && time.Now().Before(u.expires) {
		return true, nil
	}
	if u.server == nil && u.isResting() {
		return false, u.why
	}
	next, err := u.prober.dial(ctx, u.address)
	switch {
	case err == nil:
		u.drop()
		u.server = next
		u.unwelcome.Store(0)
	case u.server != nil && isAboutUs(err):
		err = nil
	default:
		u.drop()
		return false, err
	}
	u.expires = time.Now().Add(lifetime - rand.N(lifetime/4))
	return false, err
}

// isResting tells whether a login was refused lately.
func (u *upstream) isResting() bool {
	n := u.unwelcome.Load()
	if n == 0 {
		return false
	}
	const most = 5 // doublings
	rest := u.prober.cfg.Interval << min(n-1, most)
	return time.Since(u.refused) < min(rest, max(maxRefusedPause, u.prober.cfg.Interval))-u.prober.cfg.Interval/2
}

// isAboutUs tells of an error whether the server is well, and only does not tell us.
func isAboutUs(err error) bool {
	return errors.Is(err, ErrNobody) || errors.Is(err, errWontTell) || login.RefusesUs(err)
}

// unanswered is the report where there was no answer.
func (u *upstream) unanswered(ctx context.Context, err error) routing.Report {
	if !isAboutUs(err) || ctx.Err() != nil {
		return u.failed(ctx, err)
	}
	resting := u.isResting()
	if !resting {
		u.refused, u.why = time.Now(), err
		u.unwelcome.Add(1)
	}
	if resting || errors.Is(err, ErrNobody) { // so nobody has answered just now
		if err := u.prober.cfg.Reach(ctx, u.address); err != nil {
			return u.failed(ctx, err)
		}
	}
	return routing.Report{RoleUnknown: true}
}

// failed is the report that there is nobody there. Time that is over has many errors, and one word for people.
func (u *upstream) failed(ctx context.Context, err error) routing.Report {
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		err = u.late()
	}
	return routing.Report{Failed: err.Error()}
}

// drop closes the connection, if there is one.
func (u *upstream) drop() {
	if u.server != nil {
		u.server.close()
		u.server = nil
	}
}
