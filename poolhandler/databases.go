package poolhandler

import (
	"fmt"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// databaseNames is what `databases` says: names, prefixes ending in *, or * for any.
type databaseNames []string

func newDatabaseNames(written []string) databaseNames {
	if len(written) == 0 {
		return databaseNames{"*"}
	}
	return written
}

// match tells whether a client may ask for the database, and how exactly an entry names it: the longer the
// better, and a whole name better than any prefix.
func (names databaseNames) match(database string) (exactness int, ok bool) {
	exactness = -1
	for _, name := range names {
		prefix, isPrefix := strings.CutSuffix(name, "*")
		switch {
		case !isPrefix && name == database:
			return wholeName, true
		case isPrefix && strings.HasPrefix(database, prefix):
			exactness = max(exactness, len(prefix))
		}
	}
	return exactness, exactness >= 0
}

// wholeName is better than every prefix: names are shorter.
const wholeName = 1 << 20

// poolFor is the pool whose `databases` names the database most exactly; the first by name where two are equal,
// which the handler refuses when it is provisioned. Nil if no pool has it.
func (p *plan) poolFor(database string) *pool {
	var best *pool
	bestExactness := -1
	for _, name := range p.names {
		if exactness, ok := p.pools[name].databases.match(database); ok && exactness > bestExactness {
			best, bestExactness = p.pools[name], exactness
		}
	}
	return best
}

// ambiguous returns an entry that two pools have, if there is one: then a database does not tell the pool.
func (p *plan) ambiguous() (entry, one, other string) {
	owner := make(map[string]string)
	for _, name := range p.names {
		for _, entry := range p.pools[name].databases {
			if first, taken := owner[entry]; taken {
				return entry, first, name
			}
			owner[entry] = name
		}
	}
	return "", "", ""
}

// moved is why a configuration is not taken whose pools would go on with other databases; nil: none would.
func moved(m *engine.Move) error {
	if m == nil {
		return nil
	}
	return fmt.Errorf("pools.%s.server_database: database %q of the clients is %q on the servers now, and would be %q; that cannot change while the pool "+
		"has clients or servers; give the pool another name, or stop Caddy and start it", m.Pool, m.Database, m.From, m.To)
}

// exact is the names that are whole.
func (names databaseNames) exact() (whole []string) {
	for _, name := range names {
		if !strings.HasSuffix(name, "*") {
			whole = append(whole, name)
		}
	}
	return whole
}
