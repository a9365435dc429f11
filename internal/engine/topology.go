package engine

import (
	"slices"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/routing"
)

// What is known of a declared pool's upstreams comes from probes, which the Host makes, and from the connections of loops that
// fail. Both are told to the pool's routing.Tracker, under Engine.mu; what follows from it is published as a view, which loops
// read without a lock for every transaction, and as flags of each upstream, which they read for every server.

// view is what is known of the upstreams of a declared pool at one moment. It is immutable.
type view struct {
	routing.Topology
	upstreams []*upstream // in the order of Topology.Upstreams
	hashes    []uint64    // of their addresses
	mode      routeMode
	// anyOpen: a breaker was, at that time.
	anyOpen bool
	at      int64
	// canWrite: there is an upstream that the root may have servers of.
	canWrite bool
}

// routeMode is how transactions find their upstreams.
type routeMode uint8

const (
	// routeRoot: all to the root, whose servers are of any upstream that takes transactions.
	routeRoot routeMode = iota
	// routeSplit: those that only read to replicas, by the policy; others to the root.
	routeSplit
	// routeBalanced: all to any of several upstreams that are all primaries, or all replicas, by the policy.
	routeBalanced
)

// What an upstream may have servers for. One that is configured no longer serves nothing: its servers leave when they are released.
const (
	servesRoot         uint32 = 1 << iota
	servesTransactions        // the root's: where they are balanced, it has servers for other things only
	servesBranch
)

// standing is what loops look at of an upstream for every server; it changes with the view.
type standing struct {
	serves  atomic.Uint32
	breaker atomic.Uint32 // a routing.Breaker
	// suspect: connections have failed since the last that did not.
	suspect atomic.Bool
	// failed is when a failure was counted last.
	failed atomic.Int64
}

// mayServe reports whether a pool may have servers of an upstream.
func (u *upstream) mayServe(p *shardPool) bool {
	if p.shared.paused() {
		return false
	}
	if p.root == nil {
		return u.serves.Load()&servesRoot != 0
	}
	return u.address == p.shared.upstream && u.serves.Load()&servesBranch != 0
}

// isClosed reports whether the breaker of an upstream keeps nobody from it.
func (u *upstream) isClosed() bool { return routing.Breaker(u.breaker.Load()) == routing.Closed }

// Mark takes a new mark; see package routing.
func (e *Engine) Mark() uint64 { return e.marks.Add(1) }

// Topology is what is known of the upstreams of a pool; nil if there is no such pool.
func (e *Engine) Topology(name string) *routing.Topology {
	if t := e.template(name); t != nil {
		if v := t.view.Load(); v != nil {
			return &v.Topology
		}
	}
	return nil
}

// Probed takes the result of a probe. now is nanoseconds of a clock that never goes back, the same for all calls.
func (e *Engine) Probed(name string, now int64, r routing.Report) {
	t := e.template(name)
	if t != nil {
		e.note(t, now, func(k *routing.Tracker) { k.Probed(t.clock, r) })
	}
}

// declare tells the tracker what the configuration says. Under Engine.mu.
func (e *Engine) declare(t *template, cfg *PoolConfig) {
	if t.tracker == nil {
		t.tracker = routing.NewTracker(cfg.Health)
	}
	list := make([]routing.Declared, 0, len(cfg.Upstreams))
	for _, u := range cfg.Upstreams {
		list = append(list, routing.Declared{Address: u.Address, Role: u.Role, Weight: max(u.Weight, 1)})
	}
	t.tracker.Declare(t.clock, cfg.Health, list)
	e.publish(t)
}

// publish makes what the tracker knows known to the loops. Under Engine.mu.
func (e *Engine) publish(t *template) {
	e.tell(t)
	list := *t.upstreams.Load()
	v := &view{Topology: *t.tracker.Topology(t.clock), upstreams: list, mode: modeOf(t.config.Load(), list),
		at: t.clock}
	changed := false
	for i, u := range list {
		v.hashes = append(v.hashes, routing.Sum(u.address))
		serves := v.serves(i)
		v.anyOpen = v.anyOpen || v.Upstreams[i].Breaker == routing.Open
		v.canWrite = v.canWrite || serves&servesRoot != 0
		changed = u.serves.Swap(serves) != serves || changed
		changed = u.breaker.Swap(uint32(v.Upstreams[i].Breaker)) != uint32(v.Upstreams[i].Breaker) || changed
	}
	before := t.view.Swap(v)
	e.dropOfFormer(t, v)
	if changed || before == nil || v.mode == routeSplit && !slices.EqualFunc(before.Upstreams, v.Upstreams, sameForReaders) {
		for _, s := range e.shards {
			s.mail.Post(mail{kind: mailUpstreams, template: t})
		}
	}
}

// dropOfFormer drops what is cached of the databases of a pool when another primary takes the place of the last: what that had written
// last, this one may not have. Under Engine.mu.
func (e *Engine) dropOfFormer(t *template, v *view) {
	for i := range v.Upstreams {
		if !v.TakesWrites(i) {
			continue
		}
		if now := v.upstreams[i].address; now != t.primary {
			if t.primary != "" {
				e.dropCached(t)
			}
			t.primary = now
		}
		return
	}
}

// sameForReaders reports whether an upstream is to those that wait for a replica what it was before.
func sameForReaders(a, b routing.State) bool {
	return a.Fresh == b.Fresh && a.Up == b.Up && a.Role == b.Role && a.TooLate == b.TooLate && a.Breaker == b.Breaker
}

// modeOf is how transactions of a pool find their upstreams.
func modeOf(cfg *PoolConfig, list []*upstream) routeMode {
	if cfg.Split {
		return routeSplit
	}
	if len(list) < 2 {
		return routeRoot
	}
	replicas, primaries := 0, 0
	for _, u := range list {
		switch u.role {
		case RoleReplica:
			replicas++
		case RolePrimary:
			primaries++
		}
	}
	if replicas == len(list) || primaries > 1 {
		return routeBalanced
	}
	return routeRoot
}

// serves is what upstream i may have servers for:
//
//  1. nothing, while it is down;
//  2. the root, where it takes writes, or, in a pool that does not split reads from them, transactions;
//  3. a branch, where transactions are balanced and the root may have it, or where they are split and it is a replica.
func (v *view) serves(i int) (out uint32) {
	u := &v.Upstreams[i]
	if v.TakesWrites(i) || v.mode != routeSplit && v.TakesTransactions(i) {
		out = servesRoot
		if v.mode != routeBalanced {
			out |= servesTransactions
		}
	}
	if v.mode == routeBalanced && out != 0 || v.mode == routeSplit && u.Up && u.Role == routing.Replica {
		out |= servesBranch
	}
	return out
}

// tell has what the tracker has noticed written down. Under Engine.mu.
func (e *Engine) tell(t *template) {
	for _, ev := range t.tracker.Events() {
		e.host.Log(Notice{Level: levelOf(ev.Kind), Message: "upstream: " + ev.Words, Pool: t.name, Upstream: ev.Address, Event: eventNames[ev.Kind]})
	}
}

var eventNames = [...]string{
	routing.EventUp: "upstream_up", routing.EventDown: "upstream_down", routing.EventRole: "upstream_role", routing.EventPrimary: "upstream_primary",
	routing.EventDoubted: "upstream_doubted", routing.EventStranger: "upstream_stranger", routing.EventBreakerOpened: "breaker_opened",
	routing.EventBreakerClosed: "breaker_closed",
}

// levelOf is how much an event matters to an operator.
func levelOf(k routing.EventKind) Level {
	switch k {
	case routing.EventDown, routing.EventDoubted, routing.EventStranger, routing.EventBreakerOpened:
		return Warn
	}
	return Info
}

// note tells the tracker of a pool something at a time, and publishes what follows. The clocks of loops and of probes both
// begin with the process, so they differ by a few milliseconds at most.
func (e *Engine) note(t *template, now int64, what func(*routing.Tracker)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t.clock = max(t.clock, now)
	t.tracker.Tick(t.clock)
	what(t.tracker)
	e.publish(t)
}

// connectFailed takes the news that no connection to an upstream could be made.
// Those of one moment count as one: many pools and loops find out together that Postgres is being restarted.
func (s *Shard) connectFailed(t *template, u *upstream) {
	last := u.failed.Load()
	if s.now-last < int64(t.config.Load().ServerLoginRetry)/2 || !u.failed.CompareAndSwap(last, s.now) {
		return
	}
	u.suspect.Store(true)
	s.engine.note(t, s.now, func(k *routing.Tracker) { k.Failed(t.clock, u.address) })
	s.engine.host.ProbeSoon(t.name, u.address)
}

// upstreamEnds takes the news that a server has said 57P01, 57P02 or 57P03: its upstream is being shut down, perhaps.
func (s *Shard) upstreamEnds(t *template, u *upstream) {
	s.engine.note(t, s.now, func(k *routing.Tracker) { k.Ended(t.clock, u.address) })
	s.engine.host.ProbeSoon(t.name, u.address)
}

// connected takes the news that a connection was made.
func (s *Shard) connected(t *template, u *upstream) {
	if u.suspect.Load() && u.suspect.CompareAndSwap(true, false) {
		s.engine.note(t, s.now, func(k *routing.Tracker) { k.Succeeded(t.clock, u.address) })
	}
}

// admits asks the breaker of an upstream whether a connection may be tried.
func (s *Shard) admits(t *template, u *upstream) (ok bool) {
	if u.isClosed() {
		return true
	}
	s.engine.note(t, s.now, func(k *routing.Tracker) { ok = k.Admit(t.clock, u.address) })
	return ok
}
