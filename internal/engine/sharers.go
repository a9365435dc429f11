package engine

import "slices"

// The Host is asked to join a fleet once, by who first needs it: of a pool that shares, whoever is about to cache something (inTouch); and whoever is
// about to say anything to a server in a database, for all pools that share, as it may be a write (sharesWrites). It is asked again when it has given
// up (Unshared).

// inTouch reports whether a pool that shares has joined its fleet, and has the Host join it if it has not.
func (s *Shard) inTouch(p *shardPool) bool {
	if p.shared.fleet.joined.Load() != nil {
		return true
	}
	if p.shared.fleet.wanted.CompareAndSwap(false, true) {
		s.engine.host.Share(p.shared.pool, p.shared.serverDatabase)
	}
	return false
}

// declareSharers notes which pools share. Under Engine.mu.
func (e *Engine) declareSharers(pools []PoolConfig) {
	var names []string
	for i := range pools {
		if c := &pools[i].Cache; c.TTL > 0 && c.Shared {
			names = append(names, pools[i].Name)
		}
	}
	slices.Sort(names)
	switch was := e.sharers.Load(); {
	case was != nil && slices.Equal(*was, names):
	case len(names) == 0:
		e.sharers.Store(nil)
	default:
		e.sharers.Store(&names)
	}
}

// shares reports whether a declared pool does.
func (e *Engine) shares(pool string) bool {
	names := e.sharers.Load()
	return names != nil && slices.Contains(*names, pool)
}

// sharesWrites has the Host join the fleets of all pools that share, for a database in which something is about to be written, unless it has
// been asked to. It costs two loads then.
func (e *Engine) sharesWrites(l *ledger) {
	if names := e.sharers.Load(); names != l.sharers.Load() {
		for _, pool := range e.unasked(l, names) {
			e.host.Share(pool, l.database)
		}
	}
}

// unasked is the pools whose fleets nobody has asked for, and whoever asks for them now asks.
func (e *Engine) unasked(l *ledger, names *[]string) (pools []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l.sharers.Store(names)
	if names == nil {
		return nil
	}
	for _, pool := range *names {
		if e.fleetOf(feedKey{pool, l.database}).wanted.CompareAndSwap(false, true) {
			pools = append(pools, pool)
		}
	}
	return pools
}
