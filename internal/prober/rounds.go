package prober

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/pgmux/caddy-pgmux/routing"
)

const (
	// maxFirstPause bounds the random pause before the first round: after a reload many pools begin at once.
	maxFirstPause = 50 * time.Millisecond
	// jitter is by which part of the interval a round is earlier or later than its turn, at most, so that many pools, and many
	// poolers, do not ask the same server at the same moment for ever.
	jitter = 20
	// headStart is the part of Timeout that the others wait for the primary's answer.
	headStart = 4
	// soonPause is how long an upstream is left alone by what comes out of turn.
	soonPause = 200 * time.Millisecond
)

// rounds has one each interval, and ahead of its time when it is asked for.
func (p *Prober) rounds(ctx context.Context) {
	timer := time.NewTimer(rand.N(min(maxFirstPause, p.cfg.Interval)))
	defer timer.Stop()
	began := time.Time{}
	for {
		select {
		case <-timer.C:
		case <-p.again:
			if !pause(ctx, soonPause-time.Since(began)) {
				return
			}
		case <-ctx.Done():
			return
		}
		began = time.Now()
		p.round(ctx)
		timer.Reset(time.Until(began.Add(p.untilNext())))
	}
}

// untilNext is the time from round to round.
func (p *Prober) untilNext() time.Duration {
	most := p.cfg.Interval / jitter
	return p.cfg.Interval - most + rand.N(2*most+1)
}

// round asks the primary, and the others when it has answered, or has not in a short time.
func (p *Prober) round(ctx context.Context) {
	primary, others := p.line()
	var position routing.LSN
	if primary != nil {
		var ok bool
		if position, ok = p.first(ctx, primary); !ok {
			return
		}
	}
	for _, u := range others {
		u.offer(turn{position: position})
	}
}

// first asks the primary and returns its position, if it tells in time.
func (p *Prober) first(ctx context.Context, primary *upstream) (position routing.LSN, ok bool) {
	answered := make(chan routing.LSN, 1)
	primary.offer(turn{answered: answered})
	patience := time.NewTimer(p.cfg.Timeout / headStart)
	defer patience.Stop()
	select {
	case position = <-answered:
	case <-patience.C:
	case <-ctx.Done():
		return 0, false
	}
	return position, true
}

// line is whom to ask first, if anybody is or was the primary, and the others.
func (p *Prober) line() (primary *upstream, others []*upstream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.upstreams {
		if u.claim().over(primary.claim()) {
			primary = u
		}
	}
	for _, u := range p.upstreams {
		if u != primary {
			others = append(others, u)
		}
	}
	return primary, others
}

// claim is how good a claim to be the primary is: one that is said before one that was, and that before what is declared; of two, that
// of the newer timeline.
type claim struct {
	rank     int
	timeline uint32
}

func (c claim) over(other claim) bool {
	if c.rank != other.rank {
		return c.rank > other.rank
	}
	return c.rank > 0 && c.timeline > other.timeline
}

// claim is this upstream's; none for nil.
func (u *upstream) claim() claim {
	switch {
	case u == nil:
		return claim{}
	case u.was.primary && !u.was.failing:
		return claim{3, u.was.timeline}
	case u.was.primary:
		return claim{2, u.was.timeline}
	case !u.was.replica && u.declared == routing.Primary:
		return claim{1, 0}
	}
	return claim{}
}

// pause waits, and tells whether the context is still there.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
