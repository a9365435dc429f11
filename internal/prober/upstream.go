package prober

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/pgmux/caddy-pgmux/routing"
)

// ErrNobody is what Dial returns when there is no user yet to log in as.
var ErrNobody = errors.New("there is no user yet to ask as")

// upstream is one address, asked by a goroutine of its own.
type upstream struct {
	prober  *Prober
	address string
	turns   chan turn     // at most one that waits
	soon    chan struct{} // likewise
	// unwelcome is how often in a row a login was refused for what we are.
	unwelcome atomic.Int32

	// Of the prober, under its lock.
	stop     context.CancelFunc // nil before it runs
	declared routing.Role
	was      belief

	// Of the goroutine.
	server  server // nil if there is none
	expires time.Time
	asked   time.Time // when it was asked last
	refused time.Time // when a login was
	why     error     // it was
}

// turn is an upstream's in a round.
type turn struct {
	// answered is told the position of a primary, 0 if it has none to tell.
	answered chan<- routing.LSN
	// position is what the primary had written when it was asked, just now; 0: not known.
	position routing.LSN
}

// belief is what is known of an upstream's role.
type belief struct {
	primary, replica bool
	failing          bool
	timeline         uint32
}

func newUpstream(p *Prober, address string) *upstream {
	return &upstream{prober: p, address: address, turns: make(chan turn, 1), soon: make(chan struct{}, 1)}
}

// offer gives it its turn. One that still waits for the last is in trouble, and will have told when its time is over.
func (u *upstream) offer(t turn) {
	select {
	case u.turns <- t:
	default:
		if t.answered != nil {
			t.answered <- 0
		}
	}
}

// hurry asks it out of turn.
func (u *upstream) hurry() {
	select {
	case u.soon <- struct{}{}:
	default:
	}
}

// run takes turns until the context ends.
func (u *upstream) run(ctx context.Context) {
	defer u.drop()
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-u.turns:
			u.take(ctx, t)
		case <-u.soon:
			if pause(ctx, soonPause-time.Since(u.asked)) {
				u.take(ctx, turn{})
			}
		}
	}
}

// take probes, and tells.
func (u *upstream) take(ctx context.Context, t turn) {
	u.asked = time.Now()
	r := u.probe(ctx, t.position)
	if ctx.Err() == nil {
		u.tell(&r)
	}
	if t.answered != nil { // after it has been told, so that what the others answer is told after it
		t.answered <- r.Position
	}
}

func (u *upstream) tell(r *routing.Report) {
	r.Address = u.address
	if u.believe(r) {
		u.prober.hurry()
	}
	u.prober.cfg.Probed(u.prober.cfg.Now(), *r)
}

// believe takes in what a report says of the role, and tells whether that has changed: then the others are asked soon.
func (u *upstream) believe(r *routing.Report) (changed bool) {
	u.prober.mu.Lock()
	defer u.prober.mu.Unlock()
	before := u.was
	u.was.failing = r.Failed != "" || r.RoleUnknown
	if !u.was.failing {
		u.was.primary, u.was.replica, u.was.timeline = !r.InRecovery, r.InRecovery, r.Timeline
	}
	return u.was.primary && !before.primary || u.was.replica && before.primary
}
