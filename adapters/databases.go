package adapters

import (
	"strings"

	"github.com/pgmux/caddy-pgmux/config"
)

// database is a line of [databases]. Clients ask for its name, and servers are asked for its dbname, if there is one.
type database struct {
	name string
	at   position
	keys map[string]value
	// order is that of the keys.
	order []string
	pool  string // what its pool is called
}

// fallback is the database for all names that no other line has.
const fallback = "*"

// consoleName is PgBouncer's own database.
const consoleName = "pgbouncer"

func (a *adaptation) addDatabase(e entry) error {
	switch {
	case e.key == consoleName:
		return e.at.errorf("the database name %s is reserved for the console; take another", consoleName)
	case e.key != fallback && strings.Contains(e.key, "*"):
		return e.at.errorf("the database %q has a * in its name, which stands for any ending here; name each database", e.key)
	}
	d := &database{name: e.key, at: e.at, keys: map[string]value{}}
	if err := d.parse(e); err != nil {
		return err
	}
	if i, again := a.places[d.name]; again {
		a.warn(d.at, d.name, "is there a second time: the line before, %d, does not count, as in PgBouncer", a.databases[i].at.line)
		a.databases[i] = d
		return nil
	}
	a.places[d.name] = len(a.databases)
	a.databases = append(a.databases, d)
	return nil
}

func (d *database) parse(e entry) error {
	pairs, err := parsePairs(e.value)
	if err != nil {
		return e.at.errorf("database %s: %w", d.name, err)
	}
	for _, p := range pairs {
		key := p.key
		if key == "reserve_pool" { // its older name
			key = "reserve_pool_size"
		}
		if databaseKeysByName[key] == nil {
			return e.at.errorf("database %s: PgBouncer 1.25 has no key %s%s", d.name, p.key, didYouMean(p.key, names(databaseKeys)))
		}
		d.order = append(d.order, key)
		d.keys[key] = value{name: d.name + "." + key, text: p.value, at: e.at, written: true}
	}
	return nil
}

// get is what a key says, or the default.
func (d *database) get(key, otherwise string) string {
	if v, ok := d.keys[key]; ok {
		return v.text
	}
	return otherwise
}

// real is the name of the database on its servers; empty: the one that clients ask for.
func (d *database) real() string {
	if name := d.get("dbname", d.name); name != fallback && name != d.name {
		return name
	}
	return ""
}

// buildPools makes a pool of each.
func (a *adaptation) buildPools() error {
	listen, err := a.listen()
	if err != nil {
		return err
	}
	if len(a.databases) == 0 {
		a.warn(a.value("listen_port").at, "[databases]", "has no line, so that clients find no database; write one, like `app = host=127.0.0.1`")
		return nil
	}
	a.app.Pools = make(map[string]*config.Pool, len(a.databases))
	for _, d := range a.databases {
		p := &config.Pool{Databases: []string{d.name}, ServerDatabase: escaped(d.real()), Listen: listen}
		for _, step := range []func(*database, *config.Pool) error{a.putSettings, a.putUpstreams, a.putLogins, a.putClientTLS, a.putServerTLS} {
			if err := step(d, p); err != nil {
				return err
			}
		}
		a.finish(d, p)
		d.pool = a.poolName(d.name)
		a.app.Pools[d.pool] = p
	}
	return nil
}

// putSettings puts what [pgbouncer] says, and then what the database says.
func (a *adaptation) putSettings(d *database, p *config.Pool) error {
	for _, row := range allSettings {
		v := a.value(row.name)
		if row.pool == nil || !v.written && v.text == "0" && row.name != "max_db_connections" {
			continue // 0 is nothing in both, but for servers of a database
		}
		if err := row.pool(p, v); err != nil {
			return err
		}
	}
	for _, key := range d.order {
		row, v := databaseKeysByName[key], d.keys[key]
		if row.kind == missing {
			a.warn(v.at, v.name, "%s", row.here)
		}
		if row.pool == nil {
			continue
		}
		if err := row.pool(p, v); err != nil {
			return err
		}
	}
	return nil
}

// finish sees to what several settings mean together.
func (a *adaptation) finish(d *database, p *config.Pool) {
	if p.ReservePoolSize == nil || *p.ReservePoolSize == 0 || *p.ReservePoolTimeout == 0 {
		p.ReservePoolSize, p.ReservePoolTimeout = nil, nil
	}
	if p.ServerReset == "always" && *p.ServerResetQuery == "" {
		p.ServerReset = ""
	}
	if p.MinPoolSize != nil {
		least := min(*p.MinPoolSize, int(*p.PoolSize))
		if *p.MaxServerConnections > 0 {
			least = min(least, *p.MaxServerConnections)
		}
		p.MinPoolSize = &least
	}
	a.warnOfLimits(d, p)
}

// warnOfLimits names limits that count something else here.
func (a *adaptation) warnOfLimits(d *database, p *config.Pool) {
	if d.name == fallback && (*p.MaxServerConnections > 0 || p.MaxClientConnections != nil && *p.MaxClientConnections > 0) {
		a.warn(d.at, d.name, "max_db_connections and max_db_client_connections count over all databases of * here; name databases that need limits of their own")
	}
	if len(p.Upstream) > 1 && *p.MaxServerConnections > 0 {
		a.warn(d.at, d.name, "max_db_connections counts for each of its hosts here, and over all of them in PgBouncer")
	}
	if p.MaxUserClientConnections != nil && *p.MaxUserClientConnections > 0 && len(a.databases) > 1 && d == a.databases[0] {
		a.warn(a.value("max_user_client_connections").at, "max_user_client_connections", "counts by database here, and over all of them in PgBouncer")
	}
}

// poolName is a name that the admin API can carry, and that no pool has yet.
func (a *adaptation) poolName(database string) string {
	name := strings.Map(func(c rune) rune {
		if strings.ContainsRune("/?#{}\" \t\r\n", c) {
			return '_'
		}
		return c
	}, database)
	if database == fallback {
		name = "default"
	}
	_, taken := a.places[name]
	for a.app.Pools[name] != nil || database == fallback && taken {
		name += "_"
		_, taken = a.places[name]
	}
	return name
}
