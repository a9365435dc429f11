package console

import (
	"cmp"
	"strings"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

var databaseColumns = columns{"ssissiiiissiiiiii", []string{
	"name", "host", "port", "database", "force_user", "pool_size", "min_pool_size", "reserve_pool_size", "server_lifetime", "pool_mode",
	"load_balance_hosts", "max_connections", "current_connections", "max_client_connections", "current_client_connections", "paused", "disabled",
}}

// showDatabases has a row for each database that a pool names, that is used, or for which something was ordered; and one for the console itself,
// as PgBouncer has.
func (s *session) showDatabases(t *table) error {
	v, err := s.look()
	if err != nil {
		return err
	}
	pools, open := poolsByName(v.pools), connections(v.Pools)
	for _, at := range v.sorted() {
		if p := pools[at.pool]; p != nil {
			t.addDatabase(v.name(at), at, p, open[at], v.stands(at))
		}
	}
	t.add(Database, nil, nil, Database, Database, 2, 0, 0, 0, "statement", nil, 0, 0, 0, s.world.Sessions(), 0, 0)
	return nil
}

func (t *table) addDatabase(name string, at place, p *Pool, open connected, ordered engine.Standing) {
	host, port := hosts(p.Upstreams)
	t.add(name, host, port, cmp.Or(p.ServerDatabase, at.database), orNull(p.ForceUser), p.PoolSize, p.MinPoolSize, p.ReservePoolSize,
		int64(p.ServerLifetime/time.Second), p.Mode.String(), orNull(p.Policy), p.MaxServerConnections, open.servers,
		p.MaxClientConnections, open.clients, asInt(ordered.Paused), asInt(ordered.Disabled))
}

// asInt is a boolean as PgBouncer has it.
func asInt(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// connected is how many connections there are.
type connected struct{ clients, servers int }

func connections(pools []engine.PoolStats) map[place]connected {
	out := make(map[place]connected)
	for i := range pools {
		p := &pools[i]
		at := place{p.Pool, p.Database}
		out[at] = connected{out[at].clients + clientsOf(p), out[at].servers + serversOf(p)}
	}
	return out
}

func clientsOf(p *engine.PoolStats) int { return p.ClientsActive + p.ClientsIdle + p.ClientsWaiting }

// serversOf is all that count for Postgres.
func serversOf(p *engine.PoolStats) int {
	return p.ServersIdle + p.ServersActive + p.ServersChecking + p.ServersResetting + p.ServersBeingCanceled + p.ServersDraining +
		p.ServersConnecting + p.Listeners
}

// hosts is the upstreams in one column, as PgBouncer has a list of hosts, with the port of the first; NULL where none is known yet.
func hosts(upstreams []engine.Upstream) (host, port any) {
	if len(upstreams) == 0 {
		return nil, nil
	}
	names := make([]string, len(upstreams))
	for i, u := range upstreams {
		names[i], _ = splitAddress(u.Address)
	}
	_, number := splitAddress(upstreams[0].Address)
	return strings.Join(names, ","), number
}
