package adapters

import "github.com/pgmux/caddy-pgmux/config"

var generalSettings = []setting{
	together("listen_addr", "", "`listen <address>` of every pool: `*` is `:6432`, `0.0.0.0` is `tcp4/0.0.0.0:6432`, `::` is `tcp6/[::]:6432`, a list several "+
		"addresses. A name is one address, where PgBouncer takes all that it has: `localhost` is 127.0.0.1, and not ::1 too, with a warning; not both, because "+
		"Caddy does not start where one is missing, and what comes out does not depend on the machine"),
	together("listen_port", "6432", "the port in `listen`"),
	together("unix_socket_dir", "/tmp", "`listen unix/<directory>/.s.PGSQL.6432`, and the upstream of a database without `host`; a name that "+
		"begins with `@` is in the abstract namespace"),
	together("unix_socket_mode", "0777", "`|0777` at the end of the socket's address"),
	isMissing("unix_socket_group", "", "none: sockets get the group of the process; use the group of the directory, and its setgid bit"),
	isMissing("user", "", "none: Caddy does not change its user; start it as that user, with systemd's `User=`"),
	isMissing("pidfile", "", "none in the configuration: `caddy run --pidfile <file>`"),
	isMissing("conffile", "", "none: `caddy run --config <file>`, and `caddy reload --config <file>` for another"),
	isMissing("service_name", "pgbouncer", "none: Windows is not supported"),
	isMissing("job_name", "pgbouncer", "none: Windows is not supported"),
	forPool("pool_mode", "session", "`pool_mode`; ours is `transaction` where nothing is written", func(p *config.Pool, v value) (err error) {
		p.PoolMode, err = v.word("session", "transaction", "statement")
		return err
	}),
	isCovered("track_extra_parameters", "IntervalStyle", "`track_parameters *`: every setting follows its client, asked for at login or SET later, and whether Postgres "+
		"reports it or not. A list of names is all that follows, and no addition to `client_encoding`, `datestyle`, `timezone`, "+
		"`standard_conforming_strings` and `application_name`, which there always do; a client that sets another one keeps its server, where "+
		"there it loses the setting, or leaves it to others"),
	isMissing("ignore_startup_parameters", "", "none: nothing is ignored. What clients ask for at login applies to their sessions, and what "+
		"Postgres would refuse is refused"),
	isMissing("application_name_add_host", "0", "none: clients keep the `application_name` they ask for; the admin API tells their addresses"),
	isMissing("disable_pqexec", "0", "none: simple queries are let through; it would refuse psql and every driver's BEGIN"),
	isMissing("stats_period", "60", "none: figures are counters since the start, and averages are for who collects them"),
	forPool("max_prepared_statements", "200", "`max_prepared_statements`; ours is 1000 where nothing is written. SQL's PREPARE follows too",
		count(func(p *config.Pool) **int { return &p.MaxPreparedStatements })),
	isMissing("peer_id", "0", "none: one process uses all cores, so that there is nobody to pass cancels on to"),
}
