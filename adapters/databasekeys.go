package adapters

import (
	"strconv"
	"time"

	"github.com/pgmux/caddy-pgmux/config"
)

// databaseKeys is what a line of [databases] may say. A size or limit that is negative is as if it were not written, and so is 0 for the two
// limits and server_lifetime: then it is as [pgbouncer] says.
var databaseKeys = []setting{
	together("dbname", "the name", "`server_database`"),
	together("host", "`unix_socket_dir`", "`upstream`; several in a list are several. Which of them is the primary is found out, and replicas "+
		"get transactions only where there is none, or with `read_write_split`"),
	together("port", "5432", "the port of `upstream`"),
	together("user", "the client's", "`server_user`"),
	together("password", "that of `auth_file`", "the secret of `server_user`; without one, it is that of `auth_file` here too"),
	together("auth_user", "", "`auth { query_user … }`"),
	together("auth_query", "", "`auth { query … }`"),
	together("auth_dbname", "", "`auth { query_database … }`"),
	forPool("pool_size", "", "`pool_size`; of several hosts, each that takes transactions has so many, and all together there", atLeast(0, putPoolSize)),
	forPool("min_pool_size", "", "`min_pool_size`", atLeast(0, count(func(p *config.Pool) **int { return &p.MinPoolSize }))),
	forPool("reserve_pool_size", "", "`reserve_pool_size`", atLeast(0, count(func(p *config.Pool) **int { return &p.ReservePoolSize }))),
	forPool("reserve_pool", "", "the same, its older name", atLeast(0, count(func(p *config.Pool) **int { return &p.ReservePoolSize }))),
	isMissing("connect_query", "", "none: `ALTER ROLE … SET`, `ALTER DATABASE … SET` do it in Postgres"),
	forPool("pool_mode", "", "`pool_mode`", func(p *config.Pool, v value) (err error) {
		p.PoolMode, err = v.word("session", "transaction", "statement")
		return err
	}),
	forPool("query_wait_timeout", "", "`query_wait_timeout`", func(p *config.Pool, v value) (err error) {
		if v.text == "-1" { // not set
			return nil
		}
		p.QueryWaitTimeout, err = v.seconds()
		return err
	}),
	together("load_balance_hosts", "round-robin", "`lb_policy`: `round_robin`, and `first` for `disable`"),
	together("target_session_attrs", "any", "`role replica` for `standby` and `read-only`; a primary is found out in any case. Newer than 1.25"),
	forPool("max_db_connections", "", "`max_server_connections`; 0 is that of `[pgbouncer]`",
		atLeast(1, count(func(p *config.Pool) **int { return &p.MaxServerConnections }))),
	forPool("max_db_client_connections", "", "`max_client_connections`; 0 is that of `[pgbouncer]`",
		atLeast(1, count(func(p *config.Pool) **int { return &p.MaxClientConnections }))),
	forPool("server_lifetime", "", "`server_lifetime`, in whole seconds; 0 is that of `[pgbouncer]`", putOwnLifetime),
	isMissing("client_encoding", "", startupParameter),
	isMissing("datestyle", "", startupParameter),
	isMissing("timezone", "", startupParameter),
	isMissing("application_name", "", startupParameter),
}

var databaseKeysByName = byName(databaseKeys)

// atLeast leaves out numbers that are less. They are decimal, also with a 0 before them.
func atLeast(least int, put func(*config.Pool, value) error) func(*config.Pool, value) error {
	return func(p *config.Pool, v value) error {
		n, err := strconv.ParseInt(v.text, 10, 32)
		switch {
		case err != nil:
			return v.errorf("is %q, but must be a whole number", v.text)
		case int(n) < least:
			return nil
		}
		v.text = strconv.FormatInt(n, 10)
		return put(p, v)
	}
}

// putOwnLifetime: of a database's server_lifetime, PgBouncer reads the whole seconds.
func putOwnLifetime(p *config.Pool, v value) error {
	d, err := v.seconds()
	if err != nil || time.Duration(*d) < time.Second {
		return err
	}
	p.ServerLifetime = since(time.Duration(*d).Truncate(time.Second))
	return nil
}

const (
	startupParameter = "none: it is what the client asks for, or Postgres says (`ALTER ROLE … SET`, `ALTER DATABASE … SET`)"
	notByUser        = "none by user: users who need it get a database of their own, an alias with `dbname`"
)

// userKeys is what a line of [users] may say.
var userKeys = []setting{
	isMissing("pool_size", "", notByUser),
	isMissing("reserve_pool_size", "", notByUser),
	isMissing("pool_mode", "", notByUser+". In the pool's mode, a client that leaves state in its session keeps its server"),
	isMissing("max_user_connections", "", "none: `pool_size` is for each (database, user). Over all databases, Postgres has `ALTER ROLE … CONNECTION LIMIT`", "0"),
	isMissing("query_timeout", "", "none by user: `ALTER ROLE … SET statement_timeout`, or a database of their own", "0"),
	isMissing("query_wait_timeout", "", notByUser, "-1"),
	isMissing("idle_transaction_timeout", "", "none by user: `ALTER ROLE … SET idle_in_transaction_session_timeout`, or a database of their own", "0"),
	isMissing("transaction_timeout", "", "none by user: `ALTER ROLE … SET transaction_timeout` (Postgres 17), or a database of their own", "0"),
	isMissing("client_idle_timeout", "", notByUser, "0"),
	isMissing("max_user_client_connections", "", "none by user: `max_user_client_connections` of [pgbouncer], the same for all", "0"),
}

// peerKeys is what a line of [peers] may say.
var peerKeys = []setting{
	isMissing("host", "", "none: a cancel works when it reaches the process that its client is connected to, and one process uses all cores. "+
		"Behind a balancer over several machines, have it keep a client's address at one of them"),
	isCovered("port", "6432", "as `host`"),
	isCovered("pool_size", "", "as `host`"),
}
