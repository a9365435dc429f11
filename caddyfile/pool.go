package caddyfile

import (
	"strconv"

	"github.com/pgmux/caddy-pgmux/config"
)

// parsePool reads one pool. Syntax:
//
//	pool <name> {
//		databases <name|prefix*|*>...
//		upstream  <host:port | unix//directory:port> {
//			role                   auto|primary|replica
//			max_server_connections <number>
//		}
//
//		pool_mode               transaction|session|statement
//		pool_size               <number>
//		max_server_connections  <number>
//		max_client_connections  <number>
//		max_waiting_clients     <number>
//		query_wait_timeout      <duration>
//		server_connect_timeout  <duration>
//		server_login_retry      <duration>
//		server_idle_timeout     <duration>
//		server_lifetime         <duration>
//		server_reset_query      <sql>
//		idle_server_order       lifo|fifo
//		max_prepared_statements <number>
//
//		auth {
//			…
//		}
//		server_user <name> [<secret>]
//	}
func parsePool(p *parser, _ string, app *config.App) error {
	name, err := p.argument("the pool's name")
	if err != nil {
		return err
	}
	path := "pools." + name
	if first, twice := p.written[path]; twice {
		return p.Errf("pool %s is declared twice, first at line %d; rename one", name, first.Line)
	}
	p.note(path)
	if err := p.end("pool " + name); err != nil {
		return err
	}
	pool := new(config.Pool)
	if err := block(p, "pool "+name, path, poolOptions, pool); err != nil {
		return err
	}
	if app.Pools == nil {
		app.Pools = make(map[string]*config.Pool)
	}
	app.Pools[name] = pool
	return nil
}

var poolOptions = options[config.Pool]{
	"databases":               {read: parseDatabases},
	"upstream":                {read: parseUpstream, repeats: true},
	"pool_mode":               word(func(p *config.Pool) *string { return &p.PoolMode }),
	"pool_size":               number(func(p *config.Pool) **int { return &p.PoolSize }),
	"max_server_connections":  number(func(p *config.Pool) **int { return &p.MaxServerConnections }),
	"max_client_connections":  number(func(p *config.Pool) **int { return &p.MaxClientConnections }),
	"max_waiting_clients":     number(func(p *config.Pool) **int { return &p.MaxWaitingClients }),
	"query_wait_timeout":      duration(func(p *config.Pool) **caddyDuration { return &p.QueryWaitTimeout }),
	"server_connect_timeout":  duration(func(p *config.Pool) **caddyDuration { return &p.ServerConnectTimeout }),
	"server_login_retry":      duration(func(p *config.Pool) **caddyDuration { return &p.ServerLoginRetry }),
	"server_idle_timeout":     duration(func(p *config.Pool) **caddyDuration { return &p.ServerIdleTimeout }),
	"server_lifetime":         duration(func(p *config.Pool) **caddyDuration { return &p.ServerLifetime }),
	"server_reset_query":      {read: parseResetQuery},
	"idle_server_order":       word(func(p *config.Pool) *string { return &p.IdleServerOrder }),
	"max_prepared_statements": number(func(p *config.Pool) **int { return &p.MaxPreparedStatements }),
	"auth":                    {read: parseAuth},
	"server_user":             {read: parseServerUser},
}

// parseDatabases reads the names that clients may ask for. Syntax:
//
//	databases <name|prefix*|*>...
func parseDatabases(p *parser, _ string, pool *config.Pool) error {
	pool.Databases = p.RemainingArgs()
	if len(pool.Databases) == 0 {
		return p.Errf("databases needs names; write them on the same line, or * for any")
	}
	return p.end("databases")
}

// parseUpstream reads one address of Postgres. Syntax:
//
//	upstream <host:port | unix//directory:port> [{
//		role                   auto|primary|replica
//		max_server_connections <number>
//	}]
func parseUpstream(p *parser, path string, pool *config.Pool) error {
	path += "." + strconv.Itoa(len(pool.Upstream))
	address, err := p.argument("an address, like 127.0.0.1:5432")
	if err != nil {
		return err
	}
	p.note(path)
	if err := p.end("upstream"); err != nil {
		return err
	}
	u := &config.Upstream{Address: address}
	pool.Upstream = append(pool.Upstream, u)
	return block(p, "upstream "+address, path, upstreamOptions, u)
}

var upstreamOptions = options[config.Upstream]{
	"role":                   word(func(u *config.Upstream) *string { return &u.Role }),
	"max_server_connections": number(func(u *config.Upstream) **int { return &u.MaxServerConnections }),
}

// parseResetQuery reads one quoted query, which may be empty. Syntax:
//
//	server_reset_query "<sql>"
func parseResetQuery(p *parser, _ string, pool *config.Pool) error {
	query, err := p.argument(`a query in quotes, like "DISCARD ALL", or ""`)
	if err != nil {
		return err
	}
	pool.ServerResetQuery = &query
	if p.NextArg() {
		return p.Errf(`server_reset_query takes one argument; put the query in quotes: "%s %s …"`, query, p.Val())
	}
	return nil
}
