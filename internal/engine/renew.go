package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// A server lives for server_lifetime, less up to a tenth by chance, so that those dialed together do not go together. Some
// time before it is too old its replacement is dialed, if there are permits for both; else as soon as it has gone.
// Only a server that would be missed is replaced, so that what nobody uses comes to an end.

const (
	// renewBefore bounds how long before the end of a server its replacement is dialed; a tenth of its life, if that is
	// less.
	renewBefore = 10 * time.Second
	// usedLately is how long a server would be missed after somebody has used it.
	usedLately = time.Minute
)

// expires is when a server is too old.
func (srv *server) expires() int64 {
	life := int64(srv.pool.config().ServerLifetime)
	if life <= 0 {
		return loop.Never
	}
	return srv.born + life - int64(float64(life/10)*srv.chance)
}

// renewal is when its replacement is due.
func (srv *server) renewal() int64 {
	at := srv.expires()
	if at == loop.Never {
		return at
	}
	return at - min(int64(srv.pool.config().ServerLifetime)/10, int64(renewBefore))
}

func (s *Shard) expired(srv *server) bool { return s.now >= srv.expires() }

// missed reports whether a server's place should not stay empty.
func (s *Shard) missed(srv *server) bool {
	return srv.client != 0 || srv.used != 0 && s.now-srv.used < int64(usedLately) ||
		srv.pool.shared.shared.Size.Staying() <= srv.pool.minimum()
}

// renew dials the replacements that are due, one for each server.
func (s *Shard) renew() {
	for _, srv := range s.slots.servers {
		if srv == nil || srv.renewed || srv.purpose == closing || srv.purpose == leaving || srv.purpose == hearing || s.now < srv.renewal() ||
			srv.unwanted() || !s.missed(srv) {
			continue
		}
		srv.renewed = s.replace(srv.pool)
	}
}

// replace dials a server for the place of another, if there are permits.
func (s *Shard) replace(p *shardPool) bool {
	u := s.spare(p)
	if u == nil || !p.takePermits(u) {
		return false
	}
	s.dial(p, u)
	return true
}

// refill dials, when permits have become free, what is to be in the place of servers that have gone.
func (s *Shard) refill(p *shardPool) {
	for p.replacing > 0 && s.replace(p) {
		p.replacing--
	}
	p.replacing = 0 // who waits gets servers anyway
	s.keepMinimum(p)
}

// closeExpired closes a server that is too old. One that has no replacement yet gets it when its permits are free.
func (s *Shard) closeExpired(srv *server) {
	srv.pool.counts.ServersExpired++
	srv.replace = !srv.renewed && s.missed(srv)
	s.closeServer(srv)
}
