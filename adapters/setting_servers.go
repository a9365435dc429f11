package adapters

import (
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
)

// soonest stands for at once, or always, where 0 means never here.
const soonest = caddy.Duration(time.Millisecond)

var serverSettings = []setting{
	forPool("server_reset_query", "DISCARD ALL", "`server_reset_query`, in every mode, for servers in which a client has left state; without "+
		"one, such a server is closed, where there the next client gets it",
		func(p *config.Pool, v value) error {
			p.ServerResetQuery = &v.text
			return nil
		}),
	forPool("server_reset_query_always", "0", "`server_reset always`, where there is a `server_reset_query`", func(p *config.Pool, v value) error {
		on, err := v.flag()
		if on {
			p.ServerReset = "always"
		}
		return err
	}),
	forPool("server_check_delay", "30", "`server_check_interval`; 0 means always there, and never here: then it is `1ms`",
		secondsOr(soonest, func(p *config.Pool) **caddy.Duration { return &p.ServerCheckInterval })),
	forPool("server_check_query", "<empty>", "`server_check_query`, whose `<empty>` is empty here; nothing there means no checks, so "+
		"`server_check_interval 0`", putCheckQuery),
	isMissing("server_fast_close", "0", "none: in session mode a client keeps its server over a reload"),
	forPool("server_lifetime", "3600", "`server_lifetime`; ours is 30m where nothing is written. 0 means after one use there, and never here: then it is `1ms`",
		secondsOr(soonest, func(p *config.Pool) **caddy.Duration { return &p.ServerLifetime })),
	forPool("server_idle_timeout", "600", "`server_idle_timeout`; 0 is never in both", seconds(func(p *config.Pool) **caddy.Duration { return &p.ServerIdleTimeout })),
	forPool("server_connect_timeout", "15", "`server_connect_timeout`; ours is 5s where nothing is written, and 0, no bound there, is 24h",
		secondsOr(longest, func(p *config.Pool) **caddy.Duration { return &p.ServerConnectTimeout })),
	forPool("server_login_retry", "15", "`server_login_retry`, which doubles up to 16 times here: a sixteenth of it, so that the longest pause is that of there. "+
		"Clients wait meanwhile, but for a wrong password or database, which they are told", putLoginRetry),
	forPool("server_round_robin", "0", "`idle_server_order fifo`", func(p *config.Pool, v value) error {
		on, err := v.flag()
		if on {
			p.IdleServerOrder = "fifo"
		}
		return err
	}),
	isCovered("dns_max_ttl", "15", "the name of an upstream is looked up for each new connection to it, with the cache of the system's "+
		"resolver, if it has one; `dynamic_upstreams a` follows its addresses"),
	isCovered("dns_nxdomain_ttl", "15", "as `dns_max_ttl`"),
	isMissing("dns_zone_check_period", "0", "none: servers of an address that is gone stay until `server_lifetime`, or until they break; with "+
		"`dynamic_upstreams a` they close as they become idle"),
	isMissing("resolv_conf", "", "the system's, or `resolvers` of `dynamic_upstreams`"),
}

// loginRetries is how much longer than the first the longest pause is.
const loginRetries = 16

func putLoginRetry(p *config.Pool, v value) error {
	d, err := v.seconds()
	if err != nil {
		return err
	}
	p.ServerLoginRetry = since(max(time.Duration(*d)/loginRetries, time.Millisecond))
	return nil
}

// putCheckQuery stands below server_check_delay in the table, and goes before it.
func putCheckQuery(p *config.Pool, v value) error {
	switch v.text {
	case "<empty>":
	case "":
		p.ServerCheckInterval = new(caddy.Duration)
	default:
		p.ServerCheckQuery = &v.text
	}
	return nil
}
