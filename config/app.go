package config

import "github.com/caddyserver/caddy/v2"

// App is the app `postgres`: pools of connections to Postgres that many clients share.
//
// The event loops that move the bytes belong to the process, not to the configuration: a reload keeps every
// client, every server and every transaction, and changes sizes and timeouts under them.
type App struct {
	// EventLoops is how many threads move bytes between clients and servers. One loop serves about 100,000 queries a
	// second; more than there are CPUs only cost. Read when the process starts its first pool: a change needs a
	// restart, and the log says so. Default: GOMAXPROCS, which Caddy sets to the CPUs it may use. 1 to 256.
	// (PgBouncer: one process, or several with so_reuseport.)
	EventLoops *int `json:"event_loops,omitempty"`

	// IODriver is how the loops talk to the kernel. `io_uring` needs Linux 6.1 and a container that permits it, and
	// the app refuses to start without; `epoll` runs on every Linux; `auto` takes io_uring where it works, and the log
	// tells which and why. Read when the process starts its first pool. Default: auto.
	IODriver string `json:"io_driver,omitempty"`

	// MaxClientConnections bounds the clients of all pools together, those logging in included. Clients beyond are
	// refused with 53300. The process's limit on descriptors (RLIMIT_NOFILE) is a bound too; clients are refused
	// the same way before it is reached. Default: 1048576. At least 1. (PgBouncer: max_client_conn.)
	MaxClientConnections *int `json:"max_client_connections,omitempty"`

	// ClientLoginTimeout is how long a client may take from connecting to being logged in, waiting for its turn
	// included. Default: 60s. At least 1ms. (PgBouncer: client_login_timeout.)
	ClientLoginTimeout *caddy.Duration `json:"client_login_timeout,omitempty"`

	// DrainTimeout is how long, at exit and when a pool is removed, clients may finish the transaction they are in.
	// Idle clients are told 57P01 at once, the others at the end of their transaction or of this time. 0: nobody
	// waits. Default: 30s.
	DrainTimeout *caddy.Duration `json:"drain_timeout,omitempty"`

	// Console lets admins look at the pools, and give orders, as in PgBouncer's console. Default: none; then `pgbouncer` is a database like
	// others. (PgBouncer: always there.)
	Console *Console `json:"console,omitempty"`

	// Pools are the pools, by name. The name is what handlers, metrics and the admin API call them.
	Pools map[string]*Pool `json:"pools,omitempty"`
}

// Handler is the layer4 handler `postgres_pool`: it logs a client in and hands it to a pool.
type Handler struct {
	// Pool names a pool of the app `postgres`. Empty: the pool whose `databases` has the database that the client asks
	// for, the most exact entry winning.
	Pool string `json:"pool,omitempty"`
}
