package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/routing"
)

// countsForBreaker reports whether a dial that was refused says that its upstream is out of order: not where it is in order and will
// not have us (the name of a database, a password), nor where it is starting up, which is over soon.
func (r *Refusal) countsForBreaker() bool { return !r.Permanent && r.SQLState != "57P03" }

// lookAgainAfter is how old a view may be that says that a breaker is open.
const lookAgainAfter = int64(100 * time.Millisecond)

// broken is why a client that needs a server is refused at once: the breaker of every upstream that could have one for it is open.
// As long as another may become the primary, who writes waits for that.
func (s *Shard) broken(p *shardPool) *Refusal {
	t := p.shared.template
	v := t.view.Load()
	if !v.anyOpen || p.hasServers() || p.shared.upstream == lobby {
		return nil
	}
	if s.now-v.at >= lookAgainAfter {
		s.engine.note(t, s.now, func(*routing.Tracker) {}) // it may be time to try
		v = t.view.Load()
	}
	open := 0
	for i, u := range v.upstreams {
		switch state := routing.Breaker(u.breaker.Load()); {
		case p.root != nil && u.address != p.shared.upstream:
		case p.root == nil && u.role == RoleReplica && hasPrimary(v.upstreams):
		case state == routing.Closed && v.Upstreams[i].Up, state == routing.HalfOpen:
			return nil
		case state == routing.Open:
			open++
		}
	}
	if open == 0 {
		return nil
	}
	return breakerOpen(t)
}

func breakerOpen(t *template) *Refusal {
	cfg := t.config.Load()
	return &Refusal{
		SQLState: "57P03",
		Message:  "the database cannot be reached for the moment (circuit_breaker)",
		Detail:   "Connecting to Postgres has failed again and again; it is tried again within " + seconds(cfg.Health.BreakerOpen) + ".",
		Hint:     "Try again later. See whether Postgres is up and accepts connections.",
	}
}
