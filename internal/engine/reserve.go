package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// reserve_pool_size servers may be dialed beyond pool_size, one for each client that has waited for reserve_pool_timeout.
// They are servers as all others; as soon as nobody waits, those released beyond pool_size are closed (pool.Ledger).

// overdue reports whether more clients have waited for reserve_pool_timeout than servers are coming.
func (s *Shard) overdue(p *shardPool) bool {
	cfg := p.config()
	if cfg.ReservePoolSize <= 0 {
		return false
	}
	coming := p.ledger.Connecting()
	n, _, _ := p.ledger.WaitingSince(s.now-int64(cfg.ReservePoolTimeout), coming+1)
	return n > coming
}

// takeReserve takes a permit of the reserve, if somebody has waited long enough, and one of the upstream.
func (s *Shard) takeReserve(p *shardPool, u *upstream) bool {
	if !s.overdue(p) || !u.servers.Take() {
		return false
	}
	if !p.shared.shared.TakeReserve() {
		u.servers.Give()
		return false
	}
	p.counts.ReserveDials++
	return true
}

// mayHave reports whether the pool may have another server as far as its own limits go.
func (s *Shard) mayHave(p *shardPool) bool {
	size := &p.shared.shared.Size
	n, limit := size.Taken(), size.Limit()
	return n < limit || s.overdue(p) && n < limit+p.config().ReservePoolSize
}

// watchReserve sees to it that the reserve is looked at when the next client has waited long enough; no longer once as
// many have as there is reserve for: while those wait it stays in use.
func (s *Shard) watchReserve(p *shardPool) {
	cfg := p.config()
	if cfg.ReservePoolSize <= 0 {
		return
	}
	timeout := int64(max(cfg.ReservePoolTimeout, time.Millisecond))
	_, since, ok := p.ledger.WaitingSince(s.now-timeout, cfg.ReservePoolSize+p.ledger.Connecting())
	at := since + timeout
	if !ok || p.reserveAt != 0 && p.reserveAt <= at {
		return
	}
	p.reserveAt = at
	s.timers.Set(loop.Timer{At: at, Kind: timerReserve, Ref: uint64(p.index)})
}

// reserveDue is when a client has waited for reserve_pool_timeout.
func (s *Shard) reserveDue(p *shardPool) {
	if p.reserveAt == 0 || s.now < p.reserveAt {
		return // of a timer that an earlier one has replaced
	}
	p.reserveAt = 0
	s.supply(p)
	s.watchReserve(p)
}
