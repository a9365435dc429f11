package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/routing"
)

// Where a transaction goes is decided once, when its client asks for a server:
//
//  1. Where pools are not split and upstreams not balanced, to the root.
//  2. Balanced: to the upstream that the policy picks of those that are up.
//  3. Split: what is not known to read goes to the root. What reads goes to the upstream that the policy picks of those that
//     may serve it: replicas that are up, not too late, and have replayed what the session has written; with `reads any` the
//     primary too, whose servers are the root's.
//  4. Where no replica may serve it: to the root with `reads prefer_replica`, and into the lobby with `reads replica`.
//  5. An upstream whose branch has no server free, and may have no more, is left out as long as there is another.
//
// A session whose transactions are serializable has them all on the primary: a standby does not know that isolation level.
//
// A hint, in a comment or the session's pgmux.route, goes before 3: `primary` is to the root, `replica` as `reads replica`,
// whatever the transaction does; but one that does more than read, of a client that listens, goes to the root: no replica listens.

// want is what a client's transaction asks for.
type want uint8

const (
	wantWrite   want = iota // an upstream that takes writes: whatever is not known to read
	wantRead                // one that takes reads, as the configuration prefers
	wantPrimary             // the primary, because a hint says so
	wantReplica             // a replica, because a hint says so
)

// wanted is what a client's transaction asks for, from what it has sent, where upstreams are chosen.
func (s *Shard) wanted(c *client, data []byte) want {
	root := s.pools[c.pool]
	if root.view().mode == routeBalanced {
		s.keyOfFirst(c, root, data)
		c.last.reason = ReasonBalanced
		return wantWrite
	}
	u := c.Unit(s.env, data, &root.shared.catalog.suspects)
	if keyed, ok := root.config().Policy.(routing.Keyed); ok {
		c.key = keyIn(u.Text, keyed)
	}
	c.wrote = u.Kind == session.UnitWrites
	hint := u.Hint
	if hint == sql.RouteNone {
		hint = s.profiles[c.Settings].route
	}
	var wants want
	wants, c.last.reason = wantedBy(hint, u.Kind == session.UnitReads, s.profiles[c.Settings].serializable, c.Listens)
	return wants
}

// wantedBy is what a transaction asks for, and why.
func wantedBy(hint sql.Route, reads, serializable, listens bool) (want, Reason) {
	switch {
	case hint == sql.RoutePrimary:
		return wantPrimary, ReasonHintPrimary
	case serializable:
		return wantPrimary, ReasonSerializable
	case hint == sql.RouteReplica && listens && !reads:
		return wantWrite, ReasonWrites
	case hint == sql.RouteReplica:
		return wantReplica, ReasonHintReplica
	case reads:
		return wantRead, ReasonReads
	}
	return wantWrite, ReasonWrites
}

// route is the pool that a client's next transaction gets its server from.
func (s *Shard) route(c *client) *shardPool {
	root := s.pools[c.pool]
	v := root.view()
	switch {
	case v.mode == routeRoot:
		return root
	case v.mode == routeBalanced:
		s.offerNobody()
		for i := range v.Upstreams {
			if v.upstreams[i].serves.Load()&servesBranch != 0 && v.Upstreams[i].Breaker != routing.Open {
				s.offer(root, v, i)
			}
		}
		return s.pick(c, root, v, s.branch(root, lobby))
	case !c.welcomed:
		return s.routeLogin(root, v)
	}
	return s.routeSplit(c, root, v)
}

// routeSplit is route where reads are split from writes.
func (s *Shard) routeSplit(c *client, root *shardPool, v *view) *shardPool {
	cfg := root.config()
	prefer := cfg.Reads
	switch {
	case c.want == wantReplica:
		prefer = routing.ReadsReplica
	case c.want != wantRead:
		return root
	case prefer == routing.ReadsPrimary:
		c.last.reason = ReasonReadsPrimary
		return root
	}
	mark := c.mark
	if !cfg.ReadYourWrites {
		mark = 0
	}
	s.eligible, _ = v.ReadCandidates(s.eligible[:0], mark, prefer)
	s.offerNobody()
	for _, i := range s.eligible {
		s.offer(root, v, i)
	}
	if c.want == wantRead {
		c.last.reason = s.whyRead(v, mark, prefer)
	}
	otherwise := root
	if prefer == routing.ReadsReplica {
		otherwise = s.branch(root, lobby)
	}
	return s.pick(c, root, v, otherwise)
}

// whyRead is why a read goes where it goes, for which the candidates have been found.
func (s *Shard) whyRead(v *view, mark uint64, prefer routing.Reads) Reason {
	if len(s.candidates) > 0 {
		return ReasonReads
	}
	if mark != 0 {
		if s.eligible, _ = v.ReadCandidates(s.eligible[:0], 0, prefer); len(s.eligible) > 0 {
			return ReasonOwnWrites
		}
	}
	return ReasonNoReplica
}

// routeLogin is where a client that logs in learns what Postgres says to it: the primary, or where there is none, a replica.
func (s *Shard) routeLogin(root *shardPool, v *view) *shardPool {
	if v.canWrite || root.hasServers() {
		return root
	}
	for i, u := range v.upstreams {
		if v.Upstreams[i].Up && u.serves.Load()&servesBranch != 0 {
			return s.branch(root, u.address)
		}
	}
	return root
}

func (s *Shard) offerNobody() { s.candidates, s.refusing = s.candidates[:0], nil }

// offer makes an upstream a candidate, unless it has just refused to be connected to.
func (s *Shard) offer(root *shardPool, v *view, i int) {
	u := v.upstreams[i]
	if b := root.branch(u.address); b != nil && b.isRefused(s.now) {
		s.refusing = b
		return
	}
	s.candidates = append(s.candidates, routing.Candidate{Address: u.address, Hash: v.hashes[i], Weight: max(v.Upstreams[i].Weight, 1),
		Busy: u.busy.Load(), Latency: u.latency.Value(s.now)})
	s.offered = append(s.offered[:len(s.candidates)-1], i)
}

// pick has the policy choose among the candidates. Without any it is otherwise, or, rather than the lobby, one that has refused: it
// says why, or is tried again.
func (s *Shard) pick(c *client, root *shardPool, v *view, otherwise *shardPool) *shardPool {
	if len(s.candidates) > 1 {
		s.leaveOutFull(root, v)
	}
	n := 0
	switch len(s.candidates) {
	case 0:
		if s.refusing != nil && otherwise.shared.upstream == lobby {
			return s.refusing
		}
		return otherwise
	case 1:
	default:
		s.request.Random = s.random()
		s.request.Key = s.keyOf(c, root)
		if n = root.config().policy().Select(s.candidates, &s.request); n < 0 || n >= len(s.candidates) {
			n = 0
		}
	}
	return s.poolAt(root, v, s.offered[n])
}

// poolAt is the pool whose servers are of an upstream: the root, for a primary of a split pool.
func (s *Shard) poolAt(root *shardPool, v *view, i int) *shardPool {
	if p := poolOf(root, v, i); p != nil {
		return p
	}
	return s.branch(root, v.upstreams[i].address)
}

// policy is the pool's, or that by default.
func (cfg *PoolConfig) policy() routing.Policy {
	if cfg.Policy != nil {
		return cfg.Policy
	}
	return leastConn
}

var leastConn routing.Policy = routing.LeastConn{}

// keyOf is what the policy is to send to the same upstream always; 0 where it does not ask.
func (s *Shard) keyOf(c *client, root *shardPool) uint64 {
	keyed, ok := root.config().Policy.(routing.Keyed)
	if !ok {
		return 0
	}
	switch source, name := keyed.KeyOf(); source {
	case routing.KeyAddress:
		return routing.Sum(hostOf(c.Address()))
	case routing.KeyUser:
		return uint64(c.userKey)
	case routing.KeyDatabase:
		return routing.Sum(root.shared.database)
	case routing.KeyComment:
		return c.key
	case routing.KeySetting:
		value, _ := s.profiles[c.Settings].value(name)
		return routing.Sum(value)
	}
	return 0
}

// keyOfFirst notes the key in the first text of what a client has sent, where the policy asks for one.
func (s *Shard) keyOfFirst(c *client, root *shardPool, data []byte) {
	keyed, ok := root.config().Policy.(routing.Keyed)
	if !ok {
		return
	}
	if source, _ := keyed.KeyOf(); source == routing.KeyComment {
		c.key = keyIn(c.FirstText(s.env, data), keyed)
	}
}

// keyIn is the key that a comment gives a text; 0: none.
func keyIn(text []byte, keyed routing.Keyed) uint64 {
	source, name := keyed.KeyOf()
	if source != routing.KeyComment {
		return 0
	}
	if value := sql.CommentValue(text, name); len(value) > 0 {
		return routing.Sum(value)
	}
	return 0
}

// random is a number that policies take for random: nobody gains anything by guessing it.
func (s *Shard) random() uint64 {
	s.seed ^= s.seed << 13
	s.seed ^= s.seed >> 7
	s.seed ^= s.seed << 17
	return s.seed
}
