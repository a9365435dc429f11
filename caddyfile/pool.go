package caddyfile

import (
	"strconv"

	"github.com/pgmux/caddy-pgmux/config"
)

// parsePool reads one pool. Syntax:
//
//	pool <name> {
//		databases <name|prefix*|*>...
//		listen    <address>...
//		upstream  <host:port | unix//directory:port> {
//			role                   auto|primary|replica
//			weight                 <number>
//			max_server_connections <number>
//		}
//		dynamic_upstreams <source> ...
//		server_database   <name>
//
//		pool_mode                      transaction|session|statement
//		pool_size                      <number>|auto
//		min_pool_size                  <number>
//		reserve_pool_size              <number>
//		reserve_pool_timeout           <duration>
//		max_server_connections         <number>
//		max_client_connections         <number>
//		max_user_client_connections    <number>
//		max_address_client_connections <number>
//		max_waiting_clients            <number>
//		priority                       user|database|application_name <name|prefix*> high|normal|low
//
//		query_wait_timeout       <duration>
//		query_timeout            <duration>
//		transaction_timeout      <duration>
//		idle_transaction_timeout <duration>
//		client_idle_timeout      <duration>
//		slow_query               <duration>
//
//		server_connect_timeout  <duration>
//		server_login_retry      <duration>
//		server_idle_timeout     <duration>
//		server_lifetime         <duration>
//		server_check_interval   <duration>
//		server_check_query      "<sql>"
//		server_reset_query      "<sql>"
//		server_reset            dirty|always|never
//		idle_server_order       lifo|fifo
//		max_prepared_statements <number>
//
//		track_parameters   *|none|<name>...
//		pinning            on|off|error
//		max_pinned_servers <number>
//
//		lb_policy         <policy> ...
//		lb_slow_start     <duration>
//		read_write_split  off|on
//		defer_begin       off|on
//		reads             prefer_replica|replica|primary|any
//		max_replica_lag   <duration>
//		read_your_writes  on|off
//
//		health_interval <duration>
//		health_timeout  <duration>
//		health_passes   <number>
//		health_fails    <number>
//		health_user     <name> [<secret>]
//		health_database <name>
//		circuit_breaker off|<fails> [<open>]
//
//		query_cache {
//			…
//		}
//
//		auth {
//			…
//		}
//		server_user <name> [<secret>]
//		tls [<mode>] {
//			…
//		}
//		server_tls [<mode>] {
//			…
//		}
//		log connections|disconnections|errors|pins...|all|none
//		tracing off|on
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
	"databases":                      {read: parseDatabases},
	"listen":                         {read: parseListen, repeats: true},
	"upstream":                       {read: parseUpstream, repeats: true},
	"dynamic_upstreams":              {read: parseDynamicUpstreams, repeats: true},
	"server_database":                word(func(p *config.Pool) *string { return &p.ServerDatabase }),
	"pool_mode":                      word(func(p *config.Pool) *string { return &p.PoolMode }),
	"pool_size":                      {read: parsePoolSize},
	"min_pool_size":                  number(func(p *config.Pool) **int { return &p.MinPoolSize }),
	"reserve_pool_size":              number(func(p *config.Pool) **int { return &p.ReservePoolSize }),
	"reserve_pool_timeout":           duration(func(p *config.Pool) **caddyDuration { return &p.ReservePoolTimeout }),
	"max_server_connections":         number(func(p *config.Pool) **int { return &p.MaxServerConnections }),
	"max_client_connections":         number(func(p *config.Pool) **int { return &p.MaxClientConnections }),
	"max_user_client_connections":    number(func(p *config.Pool) **int { return &p.MaxUserClientConnections }),
	"max_address_client_connections": number(func(p *config.Pool) **int { return &p.MaxAddressClientConnections }),
	"max_waiting_clients":            number(func(p *config.Pool) **int { return &p.MaxWaitingClients }),
	"priority":                       {read: parsePriority, repeats: true},
	"query_wait_timeout":             duration(func(p *config.Pool) **caddyDuration { return &p.QueryWaitTimeout }),
	"query_timeout":                  duration(func(p *config.Pool) **caddyDuration { return &p.QueryTimeout }),
	"transaction_timeout":            duration(func(p *config.Pool) **caddyDuration { return &p.TransactionTimeout }),
	"idle_transaction_timeout":       duration(func(p *config.Pool) **caddyDuration { return &p.IdleTransactionTimeout }),
	"client_idle_timeout":            duration(func(p *config.Pool) **caddyDuration { return &p.ClientIdleTimeout }),
	"slow_query":                     duration(func(p *config.Pool) **caddyDuration { return &p.SlowQuery }),
	"server_connect_timeout":         duration(func(p *config.Pool) **caddyDuration { return &p.ServerConnectTimeout }),
	"server_login_retry":             duration(func(p *config.Pool) **caddyDuration { return &p.ServerLoginRetry }),
	"server_idle_timeout":            duration(func(p *config.Pool) **caddyDuration { return &p.ServerIdleTimeout }),
	"server_lifetime":                duration(func(p *config.Pool) **caddyDuration { return &p.ServerLifetime }),
	"server_check_interval":          duration(func(p *config.Pool) **caddyDuration { return &p.ServerCheckInterval }),
	"server_check_query":             query(`SELECT 1`, func(p *config.Pool) **string { return &p.ServerCheckQuery }),
	"server_reset_query":             query(`DISCARD ALL`, func(p *config.Pool) **string { return &p.ServerResetQuery }),
	"server_reset":                   word(func(p *config.Pool) *string { return &p.ServerReset }),
	"idle_server_order":              word(func(p *config.Pool) *string { return &p.IdleServerOrder }),
	"max_prepared_statements":        number(func(p *config.Pool) **int { return &p.MaxPreparedStatements }),
	"track_parameters":               {read: parseTrackParameters},
	"pinning":                        word(func(p *config.Pool) *string { return &p.Pinning }),
	"max_pinned_servers":             number(func(p *config.Pool) **int { return &p.MaxPinnedServers }),
	"lb_policy":                      {read: parsePolicy},
	"lb_slow_start":                  duration(func(p *config.Pool) **caddyDuration { return &p.LBSlowStart }),
	"read_write_split":               word(func(p *config.Pool) *string { return &p.ReadWriteSplit }),
	"defer_begin":                    word(func(p *config.Pool) *string { return &p.DeferBegin }),
	"reads":                          word(func(p *config.Pool) *string { return &p.Reads }),
	"max_replica_lag":                duration(func(p *config.Pool) **caddyDuration { return &p.MaxReplicaLag }),
	"read_your_writes":               word(func(p *config.Pool) *string { return &p.ReadYourWrites }),
	"health_interval":                duration(func(p *config.Pool) **caddyDuration { return &p.HealthInterval }),
	"health_timeout":                 duration(func(p *config.Pool) **caddyDuration { return &p.HealthTimeout }),
	"health_passes":                  number(func(p *config.Pool) **int { return &p.HealthPasses }),
	"health_fails":                   number(func(p *config.Pool) **int { return &p.HealthFails }),
	"health_user":                    login(func(p *config.Pool) **config.ServerUser { return &p.HealthUser }),
	"health_database":                word(func(p *config.Pool) *string { return &p.HealthDatabase }),
	"circuit_breaker":                {read: parseCircuitBreaker},
	"query_cache":                    {read: parseQueryCache},
	"auth":                           {read: parseAuth},
	"server_user":                    login(func(p *config.Pool) **config.ServerUser { return &p.ServerUser }),
	"tls":                            {read: parseTLS},
	"server_tls":                     {read: parseServerTLS},
	"log":                            {read: parseLog},
	"tracing":                        word(func(p *config.Pool) *string { return &p.Tracing }),
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

// parseListen reads addresses that clients connect to. Syntax:
//
//	listen <address>...
func parseListen(p *parser, _ string, pool *config.Pool) error {
	addresses := p.RemainingArgs()
	if len(addresses) == 0 {
		return p.Errf("listen needs addresses, like :6432; write them on the same line")
	}
	pool.Listen = append(pool.Listen, addresses...)
	return p.end("listen")
}

// parseUpstream reads one address of Postgres. Syntax:
//
//	upstream <host:port | unix//directory:port> [{
//		role                   auto|primary|replica
//		weight                 <number>
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
	"weight":                 number(func(u *config.Upstream) **int { return &u.Weight }),
	"max_server_connections": number(func(u *config.Upstream) **int { return &u.MaxServerConnections }),
}

// parsePoolSize reads how many servers there may be. Syntax:
//
//	pool_size <number>|auto
func parsePoolSize(p *parser, _ string, pool *config.Pool) error {
	text, err := p.argument("a number or auto")
	if err != nil {
		return err
	}
	size, err := config.ParsePoolSize(text)
	if err != nil {
		return p.Errf("%w; write digits only, or auto", err)
	}
	pool.PoolSize = &size
	return p.end("pool_size")
}

// parseTrackParameters reads which settings follow their client. Syntax:
//
//	track_parameters *|none|<name>...
func parseTrackParameters(p *parser, _ string, pool *config.Pool) error {
	pool.TrackParameters = p.RemainingArgs()
	if len(pool.TrackParameters) == 0 {
		return p.Errf("track_parameters needs names of settings; write them on the same line, or * for all, or none")
	}
	return p.end("track_parameters")
}

// parseLog reads what is written to the log of clients. Syntax:
//
//	log connections|disconnections|errors|pins...|all|none
func parseLog(p *parser, _ string, pool *config.Pool) error {
	pool.Log = p.RemainingArgs()
	if len(pool.Log) == 0 {
		return p.Errf("log needs what is to be written: connections, disconnections, errors, pins; or all, or none")
	}
	return p.end("log")
}
