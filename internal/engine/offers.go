package engine

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
	"github.com/pgmux/caddy-pgmux/routing"
)

// A reply is known to other processes by a key that all of them make alike (querycache.SharedKey), of what a key here stands for by hashes:
//
//  1. the pool, by its name, the database of its servers and the user;
//  2. the settings of the session that change results, by their names and values, and what Postgres has reported to it: its version and what
//     its defaults are;
//  3. the catalog (querycache.Lineage.Sum);
//  4. the primary's cluster and its timeline, as far as they are known, so that not even two installations that share a store by mistake are
//     told what the other's Postgres has said, nor anybody what a former primary has.

// offer is how the reply to a question is offered to other processes, and by what that was made out.
type offer struct {
	key     querycache.SharedKey
	lineage *querycache.Lineage
	told    uint64 // client.told
}

// offerFor is how the reply to what a client asks would be; nil: not at all, because a part of its key is not known.
func (s *Shard) offerFor(c *client, p *shardPool, q *question, j *judged) *offer {
	reported, known := s.knowing[c.told]
	if !known || !p.hasProbed() || !told(j.evidence.Tables()) {
		return nil
	}
	s.whose = p.appendName(s.whose[:0], j.lineage)
	s.whose = appendSettings(s.whose, s.profiles[c.Settings].settings)
	s.whose = appendSettings(s.whose, inOrder(slices.Clone(reported)))
	return &offer{querycache.SharedKeyOf(q.key, s.whose), j.lineage, c.told}
}

// told reports whether others know these tables by their names.
func told(tables []*querycache.Table) bool {
	return !slices.ContainsFunc(tables, func(t *querycache.Table) bool { return !t.Told() })
}

// appendName appends whose pool it is, and whose tables.
func (p *shardPool) appendName(dst []byte, lineage *querycache.Lineage) []byte {
	for _, part := range []string{p.shared.pool, p.shared.serverDatabase, p.shared.user} {
		dst = querycache.AppendName(dst, part)
	}
	dst = binary.LittleEndian.AppendUint64(dst, lineage.Sum())
	var u routing.State
	if primary := p.view().primary(); primary != nil {
		u = *primary
	}
	dst = binary.LittleEndian.AppendUint64(dst, u.System)
	return binary.LittleEndian.AppendUint32(dst, u.Timeline)
}

// hasProbed reports whether it is known of which cluster the primary is, as far as it can be.
func (p *shardPool) hasProbed() bool {
	primary := p.view().primary()
	return p.config().Health.Interval <= 0 || primary != nil && primary.Probes > primary.Failures
}

// primary is what is known of the upstream that takes writes; nil: there is none.
func (v *view) primary() *routing.State {
	for i := range v.Upstreams {
		if v.TakesWrites(i) {
			return &v.Upstreams[i]
		}
	}
	return nil
}

// appendSettings appends those that change results, and how many there are. They are in order.
func appendSettings(dst []byte, settings []Setting) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	n := uint32(0)
	for _, q := range settings {
		if !sameResults(q.Name) && q.Name != "in_hot_standby" {
			dst = querycache.AppendName(querycache.AppendName(dst, q.Name), q.Value)
			n++
		}
	}
	binary.LittleEndian.PutUint32(dst[at:], n)
	return dst
}

// offerOf is how the reply to a unit is offered whose client leads, if nothing of that has changed since.
func (l *lead) offerOf(c *client, q *question, j *judged) *offer {
	if o := l.offer; o != nil && l.hash == q.hash && o.lineage == j.lineage && o.told == c.told && told(j.evidence.Tables()) {
		return o
	}
	return nil
}

// offers offers a reply that has just been kept, if its fleet is still the one of which the position is.
func (s *Shard) offers(p *shardPool, r *recording, e *querycache.Entry) {
	if r.offer == nil || r.joined == nil || r.joined != p.shared.fleet.joined.Load() {
		return
	}
	var tables []string
	for _, t := range r.evidence.Tables() {
		tables = append(tables, t.Name)
	}
	r.joined.Keep(r.offer.key, &querycache.Shared{Reply: e.Reply, Shape: e.Shape, Tables: tables, Position: r.position,
		Left: time.Duration(e.Until - s.now)})
}
