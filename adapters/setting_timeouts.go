package adapters

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
)

// longest stands for no bound where a time is required here.
const longest = caddy.Duration(24 * time.Hour)

var timeoutSettings = []setting{
	forPool("query_timeout", "0", "`query_timeout`: the client gets 57014 and goes on, and is closed there",
		seconds(func(p *config.Pool) **caddy.Duration { return &p.QueryTimeout })),
	forPool("query_wait_timeout", "120", "`query_wait_timeout`; ours is 30s where nothing is written. The client gets 08006 and goes on, and is closed there",
		seconds(func(p *config.Pool) **caddy.Duration { return &p.QueryWaitTimeout })),
	isMissing("cancel_wait_timeout", "10", "none: cancels do not wait for a server of the pool; each has a connection of its own, 64 at once"),
	forPool("client_idle_timeout", "0", "`client_idle_timeout`", seconds(func(p *config.Pool) **caddy.Duration { return &p.ClientIdleTimeout })),
	forPool("idle_transaction_timeout", "0", "`idle_transaction_timeout`; the log tells what the client did last",
		seconds(func(p *config.Pool) **caddy.Duration { return &p.IdleTransactionTimeout })),
	forPool("transaction_timeout", "0", "`transaction_timeout`", seconds(func(p *config.Pool) **caddy.Duration { return &p.TransactionTimeout })),
	forApp("client_login_timeout", "60", "`client_login_timeout` of the app; 0, no bound there, is 24h",
		secondsOr(longest, func(a *config.App) **caddy.Duration { return &a.ClientLoginTimeout })),
	isMissing("suspend_timeout", "10", "none: there is no SUSPEND; configurations change without it"),
	isMissing("query_wait_notify", "5", "none: a client is not told that it waits; `query_wait_timeout` tells how long it has", "0"),
	isMissing("autodb_idle_timeout", "3600", "none: a (database, user) is forgotten when it has neither clients nor servers"),
	isMissing("pool_idle_timeout", "0", "none: as `autodb_idle_timeout`. Newer than 1.25"),
	isMissing("login_notify_message", "", "none: clients are told nothing that Postgres does not tell. Newer than 1.25"),
}
