package poolhandler

import (
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/fleet"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// Share implements engine.Host.
func (h *host) Share(pool, database string) {
	go h.process.fleets.begin(h.process, sharingEngine{h.engine}, pool, database)
}

// fleeted is who shares replies: the engine.
type fleeted interface {
	Shares(pool, database string, f engine.Fleet)
	Unshared(pool, database string)
	Heard(database string, op querycache.Op, tables []string)
	Uses(pool, database string) bool
}

var _ fleeted = (*engine.Engine)(nil)

// sharingEngine is the engine as memberships see it: no Seat is no Fleet.
type sharingEngine struct{ fleeted }

// Shares implements sharing.
func (s sharingEngine) Shares(pool, database string, seat *fleet.Seat) {
	if seat == nil {
		s.fleeted.Shares(pool, database, nil)
		return
	}
	s.fleeted.Shares(pool, database, seat)
}
