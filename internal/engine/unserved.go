package engine

import (
	"strings"

	"github.com/pgmux/caddy-pgmux/routing"
)

// unserved is why no upstream can serve a pool now; empty: one can.
func (s *Shard) unserved(p *shardPool) string {
	v := p.view()
	switch {
	case p.shared.paused():
		return "the pool is paused, and was not resumed"
	case len(v.upstreams) == 0:
		return "no upstream is known yet"
	case p.shared.upstream == lobby && v.mode == routeBalanced:
		return "no upstream could be reached"
	case p.shared.upstream == lobby:
		return "no replica was fit to be read from"
	case p.root == nil && !v.canWrite && len(v.upstreams) > 1:
		return "no primary was found"
	}
	return ""
}

// describe is what is known of all upstreams, in a sentence.
func (v *view) describe() string {
	var b strings.Builder
	for i := range v.Upstreams {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v.Upstreams[i].Address + " is " + stateOf(&v.Upstreams[i]))
	}
	if b.Len() == 0 {
		return "there are none."
	}
	return b.String() + "."
}

func stateOf(u *routing.State) string {
	switch {
	case !u.Up && u.Why != "":
		return "down (" + u.Why + ")"
	case !u.Up:
		return "down"
	case u.TooLate:
		return "a replica that is too late (max_replica_lag)"
	case u.Role == routing.Replica:
		return "a replica"
	case u.Role == routing.Primary:
		return "a primary"
	}
	return "up"
}
