package console

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// What PgBouncer calls a database is a database of a pool here. Its name is the database's; where two pools have a database of the same name,
// and where that is the console's, it is <pool>/<database>, so that no two rows have the same name: exporters refuse that.

// place is a database of a pool.
type place struct{ pool, database string }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.database, other.database), cmp.Compare(p.pool, other.pool))
}

// places is every place that is known: those that pools name, those that are used, and those for which something was ordered.
type places struct {
	all    map[place]bool
	owners map[string]int // of a database: how many pools have it
}

func newPlaces() *places { return &places{all: map[place]bool{}, owners: map[string]int{}} }

func (p *places) add(at place) {
	if !p.all[at] {
		p.all[at] = true
		p.owners[at.database]++
	}
}

// addNamed adds those that a pool names.
func (p *places) addNamed(pool *Pool) {
	for _, database := range pool.Databases {
		p.add(place{pool.Name, database})
	}
}

func (p *places) addUsed(pools []engine.PoolStats) {
	for i := range pools {
		p.add(place{pools[i].Pool, pools[i].Database})
	}
}

// sorted is all of them, by database and pool.
func (p *places) sorted() []place { return slices.SortedFunc(maps.Keys(p.all), place.compare) }

// name is what rows call it.
func (p *places) name(at place) string {
	if p.owners[at.database] > 1 || at.database == Database {
		return at.pool + "/" + at.database
	}
	return at.database
}

// target is whom a command means that is given this name. The configuration alone decides, never what is used at the moment; only what it does
// not know any more, as it has changed, is looked for among what is used.
func (s *session) target(stmt *statement) (engine.Target, error) {
	if stmt.arg == "" {
		return engine.Target{}, nil
	}
	if stmt.arg == Database {
		return engine.Target{}, &problem{state: featureNotSupported, message: fmt.Sprintf("cannot %s admin db: %s", stmt.word, stmt.arg)}
	}
	if t, known := configured(s.world.Pools(), stmt.arg); known {
		return t, nil
	}
	snapshot, err := s.world.Snapshot()
	if err != nil {
		return engine.Target{}, err
	}
	if t, known := used(snapshot.Pools, stmt.arg); known {
		return t, nil
	}
	return engine.Target{}, &problem{
		state: undefinedDatabase, message: "no such database: " + excerpt(stmt.arg), hint: `SHOW DATABASES lists them; "<pool>/" is all of a pool.`,
	}
}

// configured is what a name means to the pools: a database that one names; <pool>/<database>, or <pool>/ for all of that pool; a database that
// one would let clients ask for; a pool. A database is that of every pool which has it, or would.
func configured(pools []Pool, name string) (t engine.Target, known bool) {
	pool, database, both := strings.Cut(name, "/")
	some := func(is func(*Pool) bool) bool { return slices.ContainsFunc(pools, func(p Pool) bool { return is(&p) }) }
	isPool := func(p *Pool) bool { return p.Name == pool }
	switch {
	case some(func(p *Pool) bool { return slices.Contains(p.Databases, name) }):
		return engine.Target{Database: name}, true
	case both && some(isPool):
		known = database == "" || some(func(p *Pool) bool { return isPool(p) && p.Accepts(database) })
		return engine.Target{Pool: pool, Database: database}, known
	case some(func(p *Pool) bool { return p.Accepts(name) }):
		return engine.Target{Database: name}, true
	}
	return engine.Target{Pool: name}, some(isPool)
}

// used is what a name means to those who go on with what the configuration does not know any more.
func used(pools []engine.PoolStats, name string) (t engine.Target, known bool) {
	pool, database, both := strings.Cut(name, "/")
	there := newPlaces()
	there.addUsed(pools)
	switch {
	case there.owners[name] > 0:
		return engine.Target{Database: name}, true
	case both && there.all[place{pool, database}]:
		return engine.Target{Pool: pool, Database: database}, true
	}
	return engine.Target{}, false
}
