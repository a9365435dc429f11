package adapters

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/pgmux/caddy-pgmux/config"
)

// app is what the file says, and what it does not.
func (f *tomlFile) app() (*config.App, error) {
	c := &f.Pool
	if len(c.Backends) == 0 {
		return nil, f.find("pool").errorf("[pool] has no backends; write `backends = [\"host:port\"]`")
	}
	p := &config.Pool{PoolMode: c.PoolMode, MaxServerConnections: c.MaxServerConnections, Listen: listenAddresses(c.Bind)}
	if n := config.Int(c.MaxServerConnections, 0); n > 0 {
		size := config.PoolSize(n) // one (database, user) may have all of them
		p.PoolSize = &size
	}
	for _, backend := range c.Backends {
		p.Upstream = append(p.Upstream, &config.Upstream{Address: upstreamAddress(backend)})
	}
	if err := f.route(p); err != nil {
		return nil, err
	}
	if !(c.CacheTTL >= 0 && c.CacheTTL <= 1000*maxSeconds) { // nan is neither
		return nil, f.find("cache_ttl_ms").errorf("cache_ttl_ms is %v, but must be a number of milliseconds, from 0", c.CacheTTL)
	}
	if c.CacheTTL > 0 {
		p.QueryCache = &config.QueryCache{TTL: since(time.Duration(c.CacheTTL * float64(time.Millisecond)))}
	}
	if c.Password != "" && c.User == "" {
		return nil, f.find("password").errorf("there is a password, and no user whose it is; write user = \"name\"")
	}
	f.poolAuth(p)
	return &config.App{MaxClientConnections: c.MaxClientConnections, Pools: map[string]*config.Pool{"pool": p}}, nil
}

// upstreamAddress is where a backend is: what is written, a directory of sockets, or a host without its port.
func upstreamAddress(backend string) string {
	const port = ":5432"
	if strings.HasPrefix(backend, "/") {
		backend = "unix/" + backend
	}
	switch dir, isSocket := strings.CutPrefix(backend, "unix/"); {
	case isSocket && strings.Contains(dir, ":"):
		return backend
	case isSocket, strings.HasSuffix(backend, "]"), !strings.Contains(backend, ":"):
		return backend + port
	case net.ParseIP(backend) != nil:
		return "[" + backend + "]" + port
	}
	return backend
}

func listenAddresses(bind []string) []string {
	if len(bind) == 0 {
		return []string{":6432"}
	}
	return bind
}

// routings are the names of policies, and what else they are called.
var routings = map[string]string{
	"round-robin": "round_robin", "roundrobin": "round_robin", "least-conn": "least_conn", "least_connections": "least_conn", "leastconn": "least_conn",
	"ip_hash": "hash", "weighted": "weighted_round_robin", "peak-ewma": "peak_ewma", "ewma": "peak_ewma",
}

var policies = []string{"round_robin", "least_conn", "random", "hash", "first", "weighted_round_robin", "peak_ewma"}

func (f *tomlFile) route(p *config.Pool) error {
	name := strings.ToLower(f.Pool.Routing)
	if other := routings[name]; other != "" {
		name = other
	}
	if name != "" {
		if !slices.Contains(policies, name) {
			return f.find("routing").errorf("routing is %q, but must be one of %s%s", f.Pool.Routing, strings.Join(policies, ", "), didYouMean(name, policies))
		}
		p.LBPolicy = caddyconfig.JSON(map[string]string{"policy": name}, &f.warnings)
	}
	if len(p.Upstream) > 1 && p.PoolMode != "session" {
		p.ReadWriteSplit, p.Reads = "on", "any"
		f.warn(f.find("backends"), "backends", "are several: writes go to the primary, which is found out, and transactions that only read to any of them")
	}
	return nil
}

// poolAuth is who may log in. Where the file does not say it:
//
//  1. If nobody but this machine reaches the address, whoever can connect is whom he says he is, and Postgres is asked without a password: it
//     lets in from here whom it trusts, and nobody else.
//  2. Else clients prove that they know the password that Postgres has for them, which PGUSER asks Postgres for with PGPASSWORD.
func (f *tomlFile) poolAuth(p *config.Pool) {
	c := &f.Pool
	p.Auth = &config.Auth{Method: c.Auth, UsersFile: c.UsersFile}
	if c.UsersFile != "" && !config.HasPlaceholder(c.UsersFile) {
		p.Auth.UsersFile = absolute(c.UsersFile)
	}
	if c.User != "" {
		p.Auth.User = map[string]string{c.User: c.Password}
	}
	switch {
	case c.User != "" || c.UsersFile != "" || c.Auth == "trust":
	case c.Auth == "" && isLocal(p.Listen):
		p.Auth.Method = "trust"
		f.warn(f.at, "auth", "is not said, and the address is this machine's own: users are let in without a password, and so Postgres is asked; "+
			"it lets in whom it trusts. Write users_file, or user and password, for those who need one")
	default:
		p.Auth.QueryUser = &config.ServerUser{Name: "{env.PGUSER}", Secret: "{env.PGPASSWORD}"}
		f.warn(f.at, "auth", "is not said: clients log in with the passwords that Postgres has for them, which it is asked for as PGUSER with PGPASSWORD, "+
			"a role that may read pg_authid. Write users_file, or user and password, to have it otherwise")
	}
}

// isLocal reports whether only this machine reaches these addresses.
func isLocal(addresses []string) bool {
	return !slices.ContainsFunc(addresses, func(address string) bool {
		host, _, err := net.SplitHostPort(address)
		ip := net.ParseIP(host)
		return err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback())
	})
}
