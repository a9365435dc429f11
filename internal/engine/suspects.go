package engine

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/querycache"
)

// Functions leave state in sessions without a word of it in the client's text. To ask after every transaction would cost more
// than most transactions; so the catalog of a database is asked which functions, tables and views do that, before its first
// client gets its first server, and the session only after texts that mention one of them (session.Suspects).
//
// The catalog is asked again when a transaction that may have defined some is over, wherever in this process that was, and,
// for what others define, after suspectEvery while the database is used. As long as nobody knows, every text is suspected:
//
//  1. before the first answer;
//  2. while a transaction runs that may define some, and until the answer to a question asked after it;
//  3. when the answer is older than a minute.
//
// It is asked by a server that has just become free, and so costs no client anything but, once a minute, the time that one
// server of its pool takes to answer.

const (
	// suspectEvery is how old an answer becomes before the next server that is free asks again; suspectLonger later it is
	// believed no longer. Together they are a minute.
	suspectEvery  = int64(45 * time.Second)
	suspectLonger = int64(15 * time.Second)
	// suspectShare is how often the time that the answer took has to pass before the next question: with a catalog that takes
	// more than 0.45 s, no server spends more than a hundredth of its time on this, and answers are believed longer.
	suspectShare = 100
)

// catalog is what all pools with the same upstreams know of one database.
type catalog struct {
	key      catalogKey
	suspects session.SuspectList
	// lineage is what reads depend on and writes reach; nil: nobody knows. It has the life of suspects, and ends sooner; see lineage.go.
	lineage atomic.Pointer[querycache.Lineage]
	// committed: transactions are at READ COMMITTED that say nothing of their isolation, and whose sessions have not set it.
	committed atomic.Bool
	// settings is the settings of one's own that functions set, as far as the last answer told.
	settings atomic.Pointer[[]string]
	// due is when the next server that is free asks; loop.Never: one is asking, or that would be of no use yet.
	due   atomic.Int64
	pools int // that use it; under Engine.mu
	// habit is whether clients ask for the numbers that they draw from sequences.
	habit session.Habit

	mu sync.Mutex
	// defining counts the transactions that may define suspects, and defined those that were begun or are over.
	defining int
	defined  uint64
	// until is how long suspects is believed. took is how long the last answer took.
	until, took int64
	// saidAt is when somebody has last said what sessions begin with.
	saidAt int64
	// at is when the last question was asked that has been answered, doubts how often the lineage has been doubted, and last the one
	// that was learned last.
	at     int64
	doubts uint64
	last   *querycache.Lineage
	engine *Engine
	// changes is how often the columns of tables had been changed by the last answer, as the server of each upstream counts it.
	changes map[string]string
	// beginnings is what new sessions begin with, by the address of who says so.
	beginnings map[string]beginnings
}

type catalogKey struct{ upstreams, database string }

// catalog is the one of a pool that is made. Under Engine.mu.
func (e *Engine) catalog(database string, t *template) *catalog {
	var addresses []string
	for _, u := range *t.upstreams.Load() {
		addresses = append(addresses, u.address)
	}
	slices.Sort(addresses)
	key := catalogKey{strings.Join(addresses, " "), database}
	g := e.catalogs[key]
	if g == nil {
		g = &catalog{key: key, engine: e}
		e.catalogs[key] = g
	}
	g.pools++
	return g
}

// leaveCatalog forgets the catalog of a pool that is forgotten, if that was its last. Under Engine.mu.
func (e *Engine) leaveCatalog(g *catalog) {
	if g.pools--; g.pools == 0 {
		delete(e.catalogs, g.key)
	}
}

// suspects is what texts of a pool's clients are looked through for; nil: they are not.
func (p *shardPool) suspects() *session.SuspectList {
	if p.config().HiddenState {
		return &p.shared.catalog.suspects
	}
	return nil
}

// mustStudy reports whether a server that is free is to ask the catalog now; who is told so does.
func (s *Shard) mustStudy(p *shardPool) bool {
	g := p.shared.catalog
	due := g.due.Load()
	return s.now >= due && p.studies() && g.due.CompareAndSwap(due, loop.Never)
}

// studies reports whether servers of a pool ask the catalog. Not those of a replica: what that says may be of before a change that the
// primary has made. In pool_mode session nobody needs to know.
func (p *shardPool) studies() bool {
	cfg := p.config()
	return (cfg.HiddenState && cfg.Mode != Session || p.tracked()) && !(cfg.Split && p.root != nil)
}

// asked is how many definitions, and doubts of the lineage, the answer to a question asked now takes in.
func (g *catalog) asked() (defined, doubts uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.defined, g.doubts
}

// learn takes an answer to a question that was asked at a time, when so much had been defined, and doubted.
func (g *catalog) learn(x *session.Suspects, lineage *querycache.Lineage, at, now int64, defined, doubts uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.defining > 0: // who ends that makes it due
	case g.defined != defined:
		g.due.Store(0)
	default:
		due := max(at+suspectEvery, now+suspectShare*(now-at))
		g.until = due + suspectLonger
		g.suspects.Store(x)
		g.settings.Store(&x.Settings)
		g.at, g.took = at, now-at
		if g.doubts == doubts {
			g.lineage.Store(lineage)
		} else {
			due = g.earliest()
		}
		g.due.Store(due)
	}
}

// unanswered notes that a question has got no answer: the next server that is free asks.
func (g *catalog) unanswered() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.defining == 0 {
		g.due.Store(0)
	}
}

// begin notes that a transaction begins to define suspects.
func (g *catalog) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.defining++
	g.defined++
	g.suspects.Store(nil)
	g.lineage.Store(nil)
	g.due.Store(loop.Never)
}

// end notes that it is over.
func (g *catalog) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.defining--
	g.defined++
	if g.defining == 0 {
		g.due.Store(0)
	}
}

// expire forgets an answer that is too old to be believed.
func (g *catalog) expire(now int64) {
	if g.suspects.Load() == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now >= g.until {
		g.suspects.Store(nil)
		g.lineage.Store(nil)
	}
}

// defines is session.Env.Defines: a client begins to define suspects, for every pool with a database of that name: it may be the
// same by another address.
func (s *Shard) defines(machine *session.Server) {
	sl := s.slots.at(loop.ID(machine.Conn))
	if sl == nil || sl.kind != slotServer {
		return
	}
	srv := sl.server(s)
	srv.defines = s.engine.catalogsOf(srv.pool.shared.serverDatabase)
	for _, g := range srv.defines {
		g.begin()
	}
}

// defined notes that the transaction is over, or its server lost, in which a client may have defined suspects.
func (s *Shard) defined(srv *server) {
	if !srv.Defining {
		return
	}
	for _, g := range srv.defines {
		g.end()
	}
	srv.Defining, srv.defines = false, nil
}

func (e *Engine) catalogsOf(database string) (list []*catalog) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, g := range e.catalogs {
		if g.key.database == database {
			list = append(list, g)
		}
	}
	return list
}

// study asks the catalog, on a server that is free. It counts as one that is coming, so that none is dialed in its place.
func (s *Shard) study(srv *server) {
	srv.purpose = studying
	srv.studied, srv.doubts = srv.pool.shared.catalog.asked()
	srv.studiedAt = s.now
	srv.pool.ledger.Coming()
	s.limit(srv, askTimeout)
	srv.AskRows(s.env, suspectsQuestion)
}

// learnedSuspects takes the answer. Where there is none, because it was too long or is not permitted, every text is suspected.
func (s *Shard) learnedSuspects(srv *server) {
	if !srv.Releasable() {
		s.serverLost(srv)
		return
	}
	if srv.found != nil {
		s.learnedLineage(srv)
		return
	}
	x := session.Everything
	if !srv.Failed {
		x = suspectsIn(srv)
		if srv.pool.shared.catalog.changed(srv.upstream.address, changesIn(srv)) {
			s.engine.schema.Doubt()
		}
	} else {
		s.notice(Warn, "the catalog cannot be asked for functions that leave state in sessions: after every transaction the session is asked instead", srv,
			string(pgwire.ErrorField(srv.Failure, 'M')))
	}
	s.learnBeginnings(srv)
	if s.tracks {
		s.askLineage(srv, x)
		return
	}
	s.studied(srv, x, nil)
}

// studied takes what has been found out, and releases the server.
func (s *Shard) studied(srv *server, x *session.Suspects, lineage *querycache.Lineage) {
	s.studyEnds(srv)
	srv.pool.shared.catalog.learn(x, lineage, srv.studiedAt, s.now, srv.studied, srv.doubts)
	s.release(srv)
}

// studyEnds takes back what study has begun, answered or not.
func (s *Shard) studyEnds(srv *server) {
	srv.found = nil
	srv.pool.ledger.Came()
	srv.purpose = waiting
}

// studyFails is studyEnds where no answer is going to come.
func (s *Shard) studyFails(srv *server) {
	s.studyEnds(srv)
	srv.pool.shared.catalog.unanswered()
}

// suspectsIn reads the answer.
func suspectsIn(srv *server) *session.Suspects {
	x := &session.Suspects{}
	n := 0
	srv.Rows(func(columns [][]byte) {
		if len(columns) != 3 || isBeginning(string(columns[0])) || learnReader(x, columns[0], columns[1]) {
			return
		}
		kinds, err := strconv.ParseUint(string(columns[2]), 10, 32)
		p := session.Pins(kinds) & (session.Hidden | session.AsksSequence)
		switch string(columns[0]) {
		case "drawer":
			x.AddDrawer(string(columns[1]))
			return
		case "writers":
			x.AddWriters()
			return
		}
		if n++; err != nil || n > maxSuspects {
			x.AddAny((session.Hidden | session.AsksSequence) &^ session.Notifying)
			return
		}
		switch string(columns[0]) {
		case "setting":
			if len(x.Settings) < maxOwnSettings {
				x.Settings = append(x.Settings, string(columns[1]))
			}
		case "two-phase":
			x.TwoPhase = true
		case "changes":
		case "name":
			x.Add(string(columns[1]), p)
		case "definition":
			x.AddDefinitions(p & session.Hidden)
		default:
			x.AddAny(p)
		}
	})
	return x
}

// changesIn is what the answer says of how often the columns of tables have been changed.
func changesIn(srv *server) (count string) {
	srv.Rows(func(columns [][]byte) {
		if len(columns) == 3 && string(columns[0]) == "changes" {
			count = string(columns[1])
		}
	})
	return count
}

// changed takes that, and reports whether it is another count than the last: then columns may have been changed, perhaps by
// somebody who does not go through us.
func (g *catalog) changed(upstream, count string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, known := g.changes[upstream]
	if g.changes == nil || !known && len(g.changes) >= maxCounted {
		g.changes = map[string]string{}
	}
	g.changes[upstream] = count
	return known && was != count
}

// maxCounted bounds the upstreams of which a catalog remembers the count.
const maxCounted = 64

// expireSuspects looks after the answers that this shard's pools believe in.
func (s *Shard) expireSuspects() {
	for p := range s.eachPool {
		p.shared.catalog.expire(s.now)
	}
}
