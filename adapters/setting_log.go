package adapters

import (
	"slices"

	"github.com/pgmux/caddy-pgmux/config"
)

var logSettings = []setting{
	together("logfile", "", "Caddy's global option `log`: the file, which Caddy rotates by itself, in place of stderr"),
	isMissing("syslog", "0", "none: the log goes to stderr, which systemd keeps, or to a file; `log { output net … }` sends it over the network"),
	isMissing("syslog_ident", "pgbouncer", "none, see `syslog`"),
	isMissing("syslog_facility", "daemon", "none, see `syslog`"),
	together("verbose", "0", "`log { level DEBUG }`"),
	forPool("log_connections", "1", "`log connections`; ours is `log errors` where nothing is written", logged("connections")),
	forPool("log_disconnections", "1", "`log disconnections`, with the reason", logged("disconnections")),
	forPool("log_pooler_errors", "1", "`log errors`; refused logins are in the debug log and the metrics", logged("errors")),
	isMissing("log_stats", "1", "none: `/metrics`, `GET /postgres/pools`", "0"),
	together("admin_users", "", "`console { admin_users … }`, whose secrets are those of `auth_file`: passwords or SCRAM verifiers, as the console asks for SCRAM, "+
		"whatever `auth_type` is. A user who has an md5 hash or nothing there, or is only found by `auth_query`, is not let in to it; a warning says so, unless "+
		"`auth_type` is `scram-sha-256` and there is no `auth_user`, and Caddy's log names them"),
	together("stats_users", "", "`console { stats_users … }`, likewise"),
}

// logged puts an event among those that are written to the log, where the value is not 0; without any, that is said.
func logged(event string) func(*config.Pool, value) error {
	nothing := []string{config.NoLogEvents}
	return func(p *config.Pool, v value) error {
		on, err := v.flag()
		switch {
		case err != nil:
			return err
		case !on && len(p.Log) == 0:
			p.Log = nothing
		case !on:
		case slices.Equal(p.Log, nothing):
			p.Log = []string{event}
		default:
			p.Log = append(p.Log, event)
		}
		return nil
	}
}
