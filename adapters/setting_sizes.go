package adapters

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
)

var sizeSettings = []setting{
	forApp("max_client_conn", "100", "`max_client_connections` of the app; ours is 1048576 where nothing is written",
		func(a *config.App, v value) (err error) {
			if a.MaxClientConnections, err = v.count(); err == nil && *a.MaxClientConnections == 0 {
				err = v.errorf("is 0, so nobody could connect; write how many may")
			}
			return err
		}),
	forPool("default_pool_size", "20", "`pool_size`, which may be `auto`", putPoolSize),
	forPool("min_pool_size", "0", "`min_pool_size`, at most `pool_size` and `max_server_connections`",
		count(func(p *config.Pool) **int { return &p.MinPoolSize })),
	forPool("reserve_pool_size", "0", "`reserve_pool_size`", count(func(p *config.Pool) **int { return &p.ReservePoolSize })),
	forPool("reserve_pool_timeout", "5", "`reserve_pool_timeout`; 0 means no reserve there, and at once here: then there is no reserve",
		seconds(func(p *config.Pool) **caddy.Duration { return &p.ReservePoolTimeout })),
	forPool("max_db_connections", "0", "`max_server_connections` of each database's pool: it counts by upstream, and over all databases of `*`; 0 is no bound in both",
		count(func(p *config.Pool) **int { return &p.MaxServerConnections })),
	forPool("max_db_client_connections", "0", "`max_client_connections` of each database's pool; it counts over all databases of `*`",
		count(func(p *config.Pool) **int { return &p.MaxClientConnections })),
	isMissing("max_user_connections", "0", "none: `pool_size` is for each (database, user). Over all databases, Postgres has `ALTER ROLE … CONNECTION LIMIT`"),
	forPool("max_user_client_connections", "0", "`max_user_client_connections`, which counts by pool, so here by database",
		count(func(p *config.Pool) **int { return &p.MaxUserClientConnections })),
}

func putPoolSize(p *config.Pool, v value) error {
	n, err := v.count()
	if err != nil {
		return err
	}
	if *n == 0 {
		return v.errorf("is 0, so there would be no server; write how many there may be for a database and user")
	}
	size := config.PoolSize(*n)
	p.PoolSize = &size
	return nil
}
