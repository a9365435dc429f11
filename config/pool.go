package config

import "github.com/caddyserver/caddy/v2"

// Pool is a template: every (database, user) that clients log in as gets a pool of its own with these settings.
// (PgBouncer: a line of [databases] with the settings of [pgbouncer].)
type Pool struct {
	// Databases are the names clients may ask for: a name, a prefix followed by `*`, or `*` for any. Others are refused
	// with 3D000. The server is asked for the same name. Default: *.
	Databases []string `json:"databases,omitempty"`

	// Upstream are the addresses of Postgres. Required: at least one.
	Upstream []*Upstream `json:"upstream,omitempty"`

	// PoolMode says when a client gives its server back: `session` when it leaves, `transaction` at the end of each
	// transaction, `statement` after each statement, where transactions of several statements are refused with 0A000.
	// Default: transaction. (PgBouncer: pool_mode, whose default is session.)
	PoolMode string `json:"pool_mode,omitempty"`

	// PoolSize bounds the servers of one (database, user), over all event loops, hard at every instant. Default: 20.
	// At least 1. (PgBouncer: default_pool_size.)
	PoolSize *int `json:"pool_size,omitempty"`

	// MaxServerConnections bounds the servers of one upstream over all databases and users of this pool. 0: no bound.
	// Default: 1000. (PgBouncer: max_db_connections.)
	MaxServerConnections *int `json:"max_server_connections,omitempty"`

	// MaxClientConnections bounds the clients of this pool; more are refused with 53300. 0: no bound of its own.
	// Default: 0. (PgBouncer: max_db_client_connections.)
	MaxClientConnections *int `json:"max_client_connections,omitempty"`

	// MaxWaitingClients bounds the clients of one (database, user) that wait for a server; more are refused with
	// 53300. 0: no bound of its own. Default: 0.
	MaxWaitingClients *int `json:"max_waiting_clients,omitempty"`

	// QueryWaitTimeout is how long a query may wait for a server before its client gets 08006. 0: for ever.
	// Default: 30s. (PgBouncer: query_wait_timeout.)
	QueryWaitTimeout *caddy.Duration `json:"query_wait_timeout,omitempty"`

	// ServerConnectTimeout bounds dialing a server and logging in to it, together. Default: 5s. At least 1ms.
	// (PgBouncer: server_connect_timeout.)
	ServerConnectTimeout *caddy.Duration `json:"server_connect_timeout,omitempty"`

	// ServerLoginRetry is the pause after a server could not be had; it doubles, with jitter, up to 16 times.
	// Default: 1s. At least 1ms. (PgBouncer: server_login_retry.)
	ServerLoginRetry *caddy.Duration `json:"server_login_retry,omitempty"`

	// ServerIdleTimeout closes a server that nobody used for so long. 0: never. Default: 10m.
	// (PgBouncer: server_idle_timeout.)
	ServerIdleTimeout *caddy.Duration `json:"server_idle_timeout,omitempty"`

	// ServerLifetime closes a server this old, once it is idle. 0: never. Default: 30m.
	// (PgBouncer: server_lifetime, where 0 means after one use.)
	ServerLifetime *caddy.Duration `json:"server_lifetime,omitempty"`

	// ServerResetQuery cleans a server that a client has left state in. Empty: such a server is closed instead.
	// Default: DISCARD ALL. (PgBouncer: server_reset_query.)
	ServerResetQuery *string `json:"server_reset_query,omitempty"`

	// IdleServerOrder says which idle server is taken first: `lifo`, the one used last, keeps few servers warm and lets
	// the others time out; `fifo` uses all in turn. Default: lifo. (PgBouncer: server_round_robin.)
	IdleServerOrder string `json:"idle_server_order,omitempty"`

	// MaxPreparedStatements is how many protocol-level prepared statements are kept on each server; the one not used
	// for longest is closed for a new one. 0: clients' statements are passed through, and a client that prepares
	// keeps its server. Default: 1000. At most 100000. (PgBouncer: max_prepared_statements.)
	MaxPreparedStatements *int `json:"max_prepared_statements,omitempty"`

	// Auth says who may log in, and how they prove it.
	Auth *Auth `json:"auth,omitempty"`

	// ServerUser is who logs in to the servers of this pool. Default: each client's own user, with the secret that
	// `auth` has for it, which then must be a password and not a SCRAM verifier.
	// (PgBouncer: user= and password= of a database.)
	ServerUser *ServerUser `json:"server_user,omitempty"`
}

// Upstream is one address of Postgres.
type Upstream struct {
	// Address is `host:port`, or `unix//directory:port` for the socket .s.PGSQL.<port> in that directory.
	// Placeholders such as {env.PGHOST} are resolved when the configuration is loaded. Required.
	Address string `json:"address"`

	// Role is what the server is: `primary`, `replica`, or `auto`, to be found out. While reads are not routed,
	// a replica gets no transactions beside a primary. Default: auto.
	Role string `json:"role,omitempty"`

	// MaxServerConnections overrides the pool's for this upstream. 0: the pool's. Default: 0.
	MaxServerConnections *int `json:"max_server_connections,omitempty"`
}

// Auth says who may log in.
type Auth struct {
	// Method is `scram-sha-256`, or `trust`: whoever can connect is whom he says he is. Default: scram-sha-256.
	// (PgBouncer: auth_type.)
	Method string `json:"method,omitempty"`

	// User maps users to their secrets: a password or a SCRAM-SHA-256 verifier, as in pg_authid. Secrets may be
	// placeholders, {env.NAME} or {file.PATH}, which are resolved when the configuration is loaded and never stored;
	// {$NAME} ends up in the saved configuration in clear. Write \{ for a brace in a password.
	User map[string]string `json:"user,omitempty"`

	// UsersFile is the path of a file with lines `"user" "secret"`, as PgBouncer's auth_file. It must be readable when
	// the configuration is loaded, and is read again within a second when it changes; if it cannot be understood then,
	// the users known before stay. A user under `user` goes before the one in the file. Passwords and SCRAM verifiers
	// are understood. (PgBouncer: auth_file.)
	UsersFile string `json:"users_file,omitempty"`
}

// ServerUser is a user of Postgres and its password.
type ServerUser struct {
	// Name is the user. Required.
	Name string `json:"name"`

	// Secret is the password, or a placeholder for it, as in `auth`. Empty where the server trusts us.
	Secret string `json:"secret,omitempty"`
}
