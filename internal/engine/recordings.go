package engine

import (
	"bytes"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// The reply to the first unit that a client sends to its server, and to each in a transaction that has only read (inside.go), is recorded
// while it passes, and kept, if
//
//  1. the cache would take it (querycache.Cache.Admits): what is asked once and never again costs nothing;
//  2. the grammar and the catalog say that it depends on nothing but tables (querycache.Lineage.Reads), and the configuration, or a
//     comment, wants it kept;
//  3. no literal and no parameter is a name of the time: 'now', 'today' and their kin;
//  4. nothing that it depends on is being changed, when it is sent, nor has been when it has been answered (querycache.Evidence);
//  5. its server is of the primary, or of a replica that has replayed every change of what it depends on;
//  6. where others write as well, the stream of changes tells of all it depends on, and has told of all they did;
//  7. the reply is what a read is answered with, and nothing besides: no notice, no error, no setting.
//
// So are those to the units behind it that have come in the same bytes, up to the first of which this cannot be said.
//
// It does not have to be known whether it will be kept when it is sent: what is recorded is a copy, and is forgotten otherwise.

// recording is the reply to a client's unit, while it passes.
type recording struct {
	querycache.Recording
	judged
	buffer []byte
	conn   uint64 // the client
	cache  *poolCache
	hash   uint64
	key    []byte
	form   *querycache.Form
	shape  prepared.Shape
	offer  *offer
	began  int64
	// next is the recording of the reply behind this one. behind: this one is such, and counts as a miss when it has come: its unit may be
	// asked anew before. known: it is only to be known where this one ends, which is in the cache.
	next          *recording
	behind, known bool
}

// maxPipelined bounds the replies of a pipeline that are recorded at once.
const maxPipelined = 32

// record begins to record the reply to the unit that a client is about to send to its server, if that is to be kept.
func (s *Shard) record(c *client, srv *server, data []byte) {
	l, leads := s.leading[c.Conn]
	if !leads {
		return
	}
	status, suits := s.status(c)
	q := s.asks(c, data)
	if q == nil || !suits || srv.Pins != 0 {
		s.lands(c.Conn)
		return
	}
	r := s.recordingOf(c, srv, q, status)
	if srv.recording = r; r == nil {
		s.lands(c.Conn)
		return
	}
	r.offer = l.offerOf(c, q, &r.judged)
	if !c.Deferred() { // else what is behind it waits for its answer
		s.recordBehind(c, srv, data[q.Len:], status)
	}
}

// recordBehind begins to record the replies to the units behind the first.
func (s *Shard) recordBehind(c *client, srv *server, data []byte, status byte) {
	last := srv.recording
	for range maxPipelined - 1 {
		q := s.looksUp(c, data)
		if q == nil || !q.StandsAlone() || !s.takesReply(q) {
			return
		}
		if last.next = s.recordingOf(c, srv, q, status); last.next == nil {
			return
		}
		last, data = last.next, data[q.Len:]
		last.behind, last.known = true, s.find(q) != nil
	}
}

// recordingOf is a recording of the reply to a unit, which ends with that status; nil: it is not to be kept.
func (s *Shard) recordingOf(c *client, srv *server, q *question, status byte) *recording {
	j, ok := s.judge(s.pools[c.pool], q)
	if !ok || !s.hasReplayed(srv, j.evidence.Mark()) {
		return nil
	}
	r := s.newRecording()
	r.judged = j
	r.conn, r.cache, r.hash, r.began = c.Conn, q.cache, q.hash, s.now
	r.form = q.cache.forms.Of(j.fingerprint, q.Text)
	r.key = append(r.key[:0], q.key...)
	if r.shape = q.Told; r.shape == prepared.TooWide {
		r.shape = 0
	}
	r.Begin(kinds[q.Kind], status, r.rules.MaxEntryBytes, r.buffer)
	return r
}

// judged is whether a unit can be cached, and how.
type judged struct {
	fingerprint uint64
	why         querycache.Reason
	rules       *cacheRules
	evidence    querycache.Evidence
	lineage     *querycache.Lineage
	ttl         time.Duration
	// joined is the fleet, nil where there is none, and position up to where that had been heard before the evidence was taken.
	joined   *joined
	position uint64
}

// judge finds out whether a unit can be cached now, by rules 2 to 4 and 6.
func (s *Shard) judge(p *shardPool, q *question) (j judged, ok bool) {
	var f *sql.Facts
	j.fingerprint, f, _ = s.env.FactsOf(q.Text, q.ID)
	j.lineage = p.shared.catalog.lineage.Load()
	if f == nil || j.lineage == nil {
		return j, false
	}
	d := s.dependsOn(p.shared.ledger, j.lineage, j.fingerprint, f, q.Text)
	if j.why = d.why; j.why == 0 && (querycache.NamesTime(q.Text) || querycache.NamesTime(q.Tail)) {
		j.why = querycache.Time
	}
	j.rules = q.cache.rules.Load()
	if j.ttl, ok = j.rules.ttlOf(q.Text, d.tables); !ok || j.why != 0 || !s.tells(p, d.tables) {
		return j, false
	}
	if q.Kind == session.AskedStatement {
		d.tables = nil // what it returns depends on the catalog alone
	}
	j.joined, j.position = p.position()
	j.evidence, ok = p.shared.ledger.Evidence(d.tables)
	return j, ok
}

// ttlOf is how long a reply is kept; false if it is not: as a comment says, /* cache: 30s */, on or off, or else as the configuration
// does.
func (r *cacheRules) ttlOf(text []byte, tables []*querycache.Table) (time.Duration, bool) {
	switch hint := string(cacheHint(text)); hint {
	case "":
		return r.TTL, r.permits(tables)
	case "on":
		return r.TTL, true
	default:
		ttl, err := time.ParseDuration(hint)
		return ttl, err == nil && ttl > 0
	}
}

// cacheHint is what a comment says.
func cacheHint(text []byte) []byte {
	if !bytes.Contains(text, []byte("/*")) && !bytes.Contains(text, []byte("--")) {
		return nil
	}
	return sql.CommentValue(text, "cache")
}

// hasReplayed reports whether what a server answers takes in all that was written when a mark was the newest.
func (s *Shard) hasReplayed(srv *server, mark uint64) bool {
	if !srv.readsOnly() && !srv.isStandby() {
		return true
	}
	v := srv.pool.view()
	for i, u := range v.upstreams {
		if u == srv.upstream {
			return v.Upstreams[i].Fresh > mark
		}
	}
	return false
}

// isStandby reports whether a server has said that it is in recovery.
func (srv *server) isStandby() bool {
	for _, q := range srv.params {
		if q.Name == "in_hot_standby" {
			return q.Value == "on"
		}
	}
	return false
}

func (s *Shard) newRecording() *recording {
	if n := len(s.recordings); n > 0 {
		r := s.recordings[n-1]
		s.recordings = s.recordings[:n-1]
		return r
	}
	return &recording{}
}

// maxRecordings is how many recordings are kept to be used again, and maxBuffer how much memory one of them.
const (
	maxRecordings = 64
	maxBuffer     = 64 << 10
)

// recorded looks which replies of a server have been recorded.
func (s *Shard) recorded(srv *server) {
	for r := srv.recording; r != nil && r.State() == querycache.Complete; r = srv.recording {
		if !r.known {
			s.keepReply(srv, r)
			if r.behind {
				r.cache.counts[s.index].misses.Add(1)
			}
		}
		s.endFirst(srv)
	}
	if r := srv.recording; r != nil && r.State() == querycache.Failed { // where the next one begins, nobody knows
		r.form.Miss(s.now-r.began, 0, false)
		s.recordNoMore(srv)
	}
}

// isTrue reports whether what a unit was judged by is what holds now: the catalog, and the configuration.
func (j *judged) isTrue(p *shardPool, cache *poolCache) bool {
	return p.shared.catalog.lineage.Load() == j.lineage && cache == p.cache() && j.rules == cache.rules.Load()
}

// keepReply keeps what has been recorded, if it still may be.
func (s *Shard) keepReply(srv *server, r *recording) {
	stored := false
	if r.isTrue(srv.pool, r.cache) && !srv.unwanted() && r.evidence.Holds() {
		e := &querycache.Entry{Reply: r.Reply(), Evidence: r.evidence, Form: r.form, Shape: uint64(r.shape),
			Until: s.now + querycache.Jitter(int64(r.ttl), s.random())}
		if columns := r.Columns(); columns != nil {
			e.Shape = uint64(prepared.ShapeOf(columns))
		}
		if stored = r.cache.Put(r.hash, r.key, e); stored {
			s.offers(srv.pool, r, e)
		}
	}
	r.form.Miss(s.now-r.began, len(r.key), stored)
}

// recordNoMore ends a server's recordings, whatever has become of them.
func (s *Shard) recordNoMore(srv *server) {
	for srv.recording != nil {
		s.endFirst(srv)
	}
}

// endFirst ends the first of them.
func (s *Shard) endFirst(srv *server) {
	r := srv.recording
	srv.recording = r.next
	s.lands(r.conn)
	s.reuse(r)
}

// reuse keeps a recording that is over for another.
func (s *Shard) reuse(r *recording) {
	buffer := r.Buffer()
	if len(s.recordings) < maxRecordings {
		if cap(buffer) > maxBuffer {
			buffer = nil
		}
		*r = recording{buffer: buffer, key: r.key[:0]}
		s.recordings = append(s.recordings, r)
	}
}

// teeTo has what is sent to a client added to the recordings.
func (s *Shard) teeTo(conn loop.ID, b []byte) {
	for r := s.tee; r != nil && uint64(conn) == r.conn && len(b) > 0; r = s.tee {
		taken := r.Add(b)
		if r.State() != querycache.Complete {
			return
		}
		s.tee, b = r.next, b[taken:]
	}
}
