package config

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
)

// Pool is a template: every (database, user) that clients log in as gets a pool of its own with these settings.
// (PgBouncer: a line of [databases] with the settings of [pgbouncer].)
type Pool struct {
	// Databases are the names clients may ask for: a name, a prefix followed by `*`, or `*` for any. Others are refused
	// with 3D000. The server is asked for the same name, unless there is a server_database. Default: *.
	Databases []string `json:"databases,omitempty"`

	// Listen are the addresses that clients connect to, as Caddy writes them: `:6432`, `127.0.0.1:6432`, `tcp6/[::1]:6432`, a
	// range of at most 100 ports like `:6432-6435`, `unix//run/pgmux.sock|0660` (without permissions: 0200, the owner's), or
	// `fd/3`, a socket that systemd has made. The app has these listeners besides or instead of layer4's, and no reload
	// closes one that the next configuration has too, so no client is refused or reset by it. Several pools may have an
	// address: then the client's database tells which of them it is for. TCP listeners share their port with other processes
	// of the same user (SO_REUSEPORT), so that a new binary can take over. Default: none. (PgBouncer: listen_addr,
	// listen_port, unix_socket_dir, so_reuseport.)
	Listen []string `json:"listen,omitempty"`

	// Upstream are the addresses of Postgres. Required: at least one, unless there are dynamic_upstreams.
	// (PgBouncer: host and port of a database.)
	Upstream []*Upstream `json:"upstream,omitempty"`

	// DynamicUpstreams are sources of more addresses, which find them while the pool runs: in DNS, in Patroni's view of its
	// cluster, in a list that a web server has. What the sources find comes behind `upstream` in their order; an address that
	// is there twice counts once, as it is written first. A source that fails, or is not reachable, leaves what it has found
	// before. An upstream that a source no longer has gets no new transactions; those that run there end as they would.
	// Default: none. (PgBouncer: none, but that a host name is looked up again after dns_max_ttl.)
	DynamicUpstreams []json.RawMessage `json:"dynamic_upstreams,omitempty" caddy:"namespace=postgres.upstreams inline_key=source"`

	// ServerDatabase is the database that servers are asked for, whichever of `databases` the client has asked for, so that these
	// are aliases of it. It cannot change while the pool has clients or servers. Default: the one that the client has asked for.
	// (PgBouncer: dbname of a database.)
	ServerDatabase string `json:"server_database,omitempty"`

	// PoolMode says when a client gives its server back: `session` when it leaves, `transaction` at the end of each
	// transaction, `statement` after each statement, where transactions of several statements are refused with 0A000.
	// Default: transaction. (PgBouncer: pool_mode, whose default is session.)
	PoolMode string `json:"pool_mode,omitempty"`

	// PoolSize bounds the servers of one (database, user), over all event loops, hard at every instant. `auto` lets it
	// follow the load, by Little's law, between min_pool_size (at least 1) and max_server_connections. With read_write_split
	// it counts by upstream: servers of one (database, user) on the primary, and as many on each upstream that reads go to.
	// So it does where several upstreams share the transactions. Default: 20. At least 1.
	// (PgBouncer: default_pool_size, pool_size.)
	PoolSize *PoolSize `json:"pool_size,omitempty"`

	// MinPoolSize is how many servers of a (database, user) are kept, whoever uses them: once a client of it has come, and
	// from the start where the pool names its databases (without *) and its server_user. 0: a pool that nobody uses has no
	// connection left after server_idle_timeout. Default: 0. At most pool_size, where that is a number, and
	// max_server_connections. (PgBouncer: min_pool_size.)
	MinPoolSize *int `json:"min_pool_size,omitempty"`

	// ReservePoolSize is how many more servers than pool_size there may be for a (database, user) when a client has waited
	// for reserve_pool_timeout. They go as soon as nobody waits. Default: 0. (PgBouncer: reserve_pool_size.)
	ReservePoolSize *int `json:"reserve_pool_size,omitempty"`

	// ReservePoolTimeout is how long a client waits before servers of the reserve are made. 0: at once. Default: 5s.
	// (PgBouncer: reserve_pool_timeout, where 0 means no reserve.)
	ReservePoolTimeout *caddy.Duration `json:"reserve_pool_timeout,omitempty"`

	// MaxServerConnections bounds the servers of one upstream over all databases and users of this pool. 0: no bound.
	// Default: 1000. (PgBouncer: max_db_connections.)
	MaxServerConnections *int `json:"max_server_connections,omitempty"`

	// MaxClientConnections bounds the clients of this pool; more are refused with 53300. 0: no bound of its own.
	// Default: 0. (PgBouncer: max_db_client_connections.)
	MaxClientConnections *int `json:"max_client_connections,omitempty"`

	// MaxUserClientConnections bounds the clients of this pool that log in as one user; more are refused with 53300.
	// 0: no bound of its own. Default: 0. (PgBouncer: max_user_client_connections.)
	MaxUserClientConnections *int `json:"max_user_client_connections,omitempty"`

	// MaxAddressClientConnections bounds the clients of this pool that come from one IP address, those logging in
	// included; more are refused with 53300. Clients of Unix sockets have no address. 0: no bound of its own. Default: 0.
	MaxAddressClientConnections *int `json:"max_address_client_connections,omitempty"`

	// MaxWaitingClients bounds the clients of one (database, user) that wait for a server; more are refused with
	// 53300. 0: no bound of its own. Default: 0.
	MaxWaitingClients *int `json:"max_waiting_clients,omitempty"`

	// Priority says who waits less long for a server: lines that are looked through in their order when a client logs in,
	// of which the first that fits counts. A line that never counts, as all that it fits fits one before, is refused.
	// Default: everybody is `normal`.
	Priority []*Priority `json:"priority,omitempty"`

	// QueryWaitTimeout is how long a query may wait for a server before its client gets 08006. 0: for ever.
	// Default: 30s. (PgBouncer: query_wait_timeout.)
	QueryWaitTimeout *caddy.Duration `json:"query_wait_timeout,omitempty"`

	// QueryTimeout cancels a query that runs so long; its client gets 57014 and goes on. 0: no bound. Default: 0.
	// (PgBouncer: query_timeout, which closes the client.)
	QueryTimeout *caddy.Duration `json:"query_timeout,omitempty"`

	// TransactionTimeout closes a client whose transaction is open so long, with 25P04; Postgres rolls back. 0: no bound.
	// Default: 0. (PgBouncer: transaction_timeout.)
	TransactionTimeout *caddy.Duration `json:"transaction_timeout,omitempty"`

	// IdleTransactionTimeout closes a client that lets an open transaction rest so long, with 25P03, and logs who it is,
	// what it did last and how long ago; Postgres rolls back. 0: no bound. Default: 0.
	// (PgBouncer: idle_transaction_timeout.)
	IdleTransactionTimeout *caddy.Duration `json:"idle_transaction_timeout,omitempty"`

	// ClientIdleTimeout closes a client that has asked nothing for so long, outside a transaction, with 57P05. 0: no
	// bound. Default: 0. (PgBouncer: client_idle_timeout.)
	ClientIdleTimeout *caddy.Duration `json:"client_idle_timeout,omitempty"`

	// SlowQuery is from how long on a query has a line in the log, with its normal form, which has no literals, and with whose it was. It is
	// the time that its server took, not the wait for one. 0: none has. Default: 1s.
	SlowQuery *caddy.Duration `json:"slow_query,omitempty"`

	// ServerConnectTimeout bounds dialing a server and logging in to it, together. Default: 5s. At least 1ms.
	// (PgBouncer: server_connect_timeout.)
	ServerConnectTimeout *caddy.Duration `json:"server_connect_timeout,omitempty"`

	// ServerLoginRetry is the pause after a server could not be had; it doubles, with jitter, up to 16 times.
	// Default: 1s. At least 1ms. (PgBouncer: server_login_retry.)
	ServerLoginRetry *caddy.Duration `json:"server_login_retry,omitempty"`

	// ServerIdleTimeout closes a server that nobody used for so long. 0: never. Default: 10m.
	// (PgBouncer: server_idle_timeout.)
	ServerIdleTimeout *caddy.Duration `json:"server_idle_timeout,omitempty"`

	// ServerLifetime closes a server this old, less up to a tenth by chance, once it is idle. Where it is in use its
	// replacement is there before it goes, as far as pool_size has room for both. 0: never. Default: 30m.
	// (PgBouncer: server_lifetime, where 0 means after one use.)
	ServerLifetime *caddy.Duration `json:"server_lifetime,omitempty"`

	// ServerCheckInterval: a server that has rested so long is asked server_check_query before a client gets it; one that
	// does not answer within server_connect_timeout is closed, and the client gets another. 0: never. Default: 30s.
	// (PgBouncer: server_check_delay, where 0 means always.)
	ServerCheckInterval *caddy.Duration `json:"server_check_interval,omitempty"`

	// ServerCheckQuery is what such a server is asked. Empty: an empty query, which costs Postgres nothing. Default: empty.
	// (PgBouncer: server_check_query.)
	ServerCheckQuery *string `json:"server_check_query,omitempty"`

	// ServerResetQuery cleans a server that a client has left state in. Empty: such a server is closed instead.
	// Default: DISCARD ALL. (PgBouncer: server_reset_query.)
	ServerResetQuery *string `json:"server_reset_query,omitempty"`

	// ServerReset says when server_reset_query runs: `dirty`, when a client has left state in the server; `always`,
	// whenever a client gives it back; `never`, which closes a server in which a client has left state. Whichever it is, no
	// client sees what another has left. `always` needs a query. Default: dirty. (PgBouncer: server_reset_query_always.)
	ServerReset string `json:"server_reset,omitempty"`

	// IdleServerOrder says which idle server is taken first: `lifo`, the one used last, keeps few servers warm and lets
	// the others time out; `fifo` uses all in turn. Default: lifo. (PgBouncer: server_round_robin.)
	IdleServerOrder string `json:"idle_server_order,omitempty"`

	// MaxPreparedStatements is how many protocol-level prepared statements are kept on each server; the one not used
	// for longest is closed for a new one. 0: clients' statements are passed through, and a client that prepares
	// keeps its server. Default: 1000. At most 100000. (PgBouncer: max_prepared_statements.)
	MaxPreparedStatements *int `json:"max_prepared_statements,omitempty"`

	// TrackParameters is the settings that follow their client from server to server, in pool_mode transaction and
	// statement: names in any case, or `*` alone for all, or `none` alone. A client that sets another one keeps its server
	// until it leaves or takes it back. What a client asks for when it logs in follows it in any case. Default: *.
	// (PgBouncer: track_extra_parameters.)
	TrackParameters []string `json:"track_parameters,omitempty"`

	// Pinning says what becomes of state that cannot follow its client, such as temporary tables, session-level advisory
	// locks and cursors WITH HOLD, in pool_mode transaction and statement: `on`, the server stays with the client until the
	// state is gone; `off`, the state ends with the transaction, and the server is cleaned before another gets it; `error`,
	// a statement that would leave such state is refused with 0A000. LISTEN keeps no server and is never refused.
	// Default: on.
	Pinning string `json:"pinning,omitempty"`

	// MaxPinnedServers bounds the servers of one (database, user) that stay with clients for such state; a statement that
	// would have one more stay is refused with 53400. 0: no bound but pool_size. Default: 0.
	MaxPinnedServers *int `json:"max_pinned_servers,omitempty"`

	// LBPolicy picks the upstream where several may have a transaction: a module, by the name in its `policy`. Those to pick
	// from are up, of the right role, fresh enough, and not full while another one is not. With one upstream, or without
	// read_write_split and with one primary, there is nothing to pick. Default: least_conn.
	// (PgBouncer: load_balance_hosts, server_round_robin.)
	LBPolicy json.RawMessage `json:"lb_policy,omitempty" caddy:"namespace=postgres.selection_policies inline_key=policy"`

	// LBSlowStart is how long an upstream that comes back from being down gets less than its share: from none to all of its
	// weight, evenly in this time, so that its caches fill before its load is there. 0: its share at once. Default: 0.
	LBSlowStart *caddy.Duration `json:"lb_slow_start,omitempty"`

	// ReadWriteSplit `on` decides for each transaction whether it reads only, by the grammar of Postgres itself, and sends
	// those that do to where `reads` says, all others to the primary. A SELECT reads if it locks no rows, writes in no WITH, and
	// calls nothing that is volatile; BEGIN READ ONLY reads; any other explicit transaction, and all that cannot be told for
	// certain, writes. A comment `/* route: primary */` or `/* route: replica */` in a transaction's first text goes before
	// that. Not with pool_mode session: a session is not split. With `off` replicas get no transactions while there is a
	// primary. Default: off.
	ReadWriteSplit string `json:"read_write_split,omitempty"`

	// DeferBegin `on` lets a BEGIN wait for the first statement of its transaction that needs a server. With query_cache, what is answered
	// from the cache needs none. With read_write_split, that statement decides for the whole transaction where it goes: if it reads, the
	// transaction runs on a replica to its end, and a write later in it fails there with 25006, read_only_sql_transaction: for
	// applications that begin what they write with a write, or can begin anew. For Postgres the transaction begins with that
	// statement: now() tells. Needs read_write_split or query_cache. Default: off, an explicit transaction that is not READ ONLY goes to the primary at once.
	DeferBegin string `json:"defer_begin,omitempty"`

	// Reads is where transactions go that only read, under read_write_split: `prefer_replica`, to the replicas, or to the
	// primary while none of them can have them; `replica`, to the replicas, or they wait for one; `primary`, to the primary, for
	// which the split is of no use but for hints; `any`, to the primary and the replicas alike. A session may choose
	// for itself (SET pgmux.route). Default: prefer_replica.
	Reads string `json:"reads,omitempty"`

	// MaxReplicaLag is how late a replica may be to get reads: how long ago the primary has written what it has not replayed
	// yet. A replica whose lag is not known counts as late while there is a primary. It is measured by probes, so not more finely
	// than health_interval. 0: as late as it likes. Default: 10s.
	MaxReplicaLag *caddy.Duration `json:"max_replica_lag,omitempty"`

	// ReadYourWrites `on` sends the reads of a session that has written only to replicas that have replayed what it wrote, and
	// to the primary until one is known to have. It costs no round trip, and no replica that lags is waited for. `off`: a read may
	// not see what its session has just written. Default: on.
	ReadYourWrites string `json:"read_your_writes,omitempty"`

	// HealthInterval is how often each upstream is asked whether it is there, what it is, and how far it has written or
	// replayed, over a connection of its own. A failover is followed within two of them. 0: never; roles are then
	// those declared, lag is not known, and only connections that fail tell who is down. Default: 2s. At least 10ms.
	HealthInterval *caddy.Duration `json:"health_interval,omitempty"`

	// HealthTimeout is how long an upstream may take to answer. Default: 1s. At least 1ms.
	HealthTimeout *caddy.Duration `json:"health_timeout,omitempty"`

	// HealthPasses is how many times in a row an upstream that was down must answer to be up again. Default: 1. 1 to 100.
	HealthPasses *int `json:"health_passes,omitempty"`

	// HealthFails is how many times in a row an upstream must not answer to be down. Connections to it that fail, and servers
	// that say they shut down, have it asked at once, beyond health_interval. Default: 2. 1 to 100.
	HealthFails *int `json:"health_fails,omitempty"`

	// HealthUser is who asks, and the password. It needs no rights but CONNECT. Default:
	// server_user, or else auth's query_user. Where there is none of the three, or it may not log in, an upstream that
	// answers at all is up, and its role has to be declared.
	HealthUser *ServerUser `json:"health_user,omitempty"`

	// HealthDatabase is the database that is logged in to for that. Default: postgres.
	HealthDatabase string `json:"health_database,omitempty"`

	// CircuitBreaker keeps clients from waiting for an upstream to which no connection can be made. Default: after 5
	// connections in a row that failed, for 10s.
	CircuitBreaker *CircuitBreaker `json:"circuit_breaker,omitempty"`

	// QueryCache answers reads that were asked before. Not with pool_mode session. Default: nothing is cached.
	QueryCache *QueryCache `json:"query_cache,omitempty"`

	// Auth says who may log in, and how they prove it.
	Auth *Auth `json:"auth,omitempty"`

	// ServerUser is who logs in to the servers of this pool, for all clients, which then share the servers of a database.
	// Default: each client's own user, with the secret that `auth` has for it, or with the key that its own SCRAM login
	// has shown where `auth` has a SCRAM verifier only. (PgBouncer: user= and password= of a database.)
	ServerUser *ServerUser `json:"server_user,omitempty"`

	// TLS is how clients may or must encrypt. Default: no TLS. (PgBouncer: client_tls_sslmode and others.)
	TLS *ClientTLS `json:"tls,omitempty"`

	// ServerTLS is how connections to servers are encrypted. Default: mode prefer, as PgBouncer and libpq.
	// (PgBouncer: server_tls_sslmode and others.)
	ServerTLS *ServerTLS `json:"server_tls,omitempty"`

	// Log is what of the lives of clients is written to the log, to the logger `postgres.access`, which Caddy's `log` option can send elsewhere,
	// sample, or leave out: `connections`, a line for each client that has logged in; `disconnections`, one with the reason for each that
	// leaves; `errors`, one for each query that is refused, and client that is closed, by the pooler; `pins`, one when a client begins to keep
	// its server beyond a transaction, with the reason; or `all` alone, or `none` alone. At most 500 lines a second and event loop are written;
	// how many were left out is told by the next. Default: errors.
	// (PgBouncer: log_connections, log_disconnections, log_pooler_errors, all of which are on.)
	Log []string `json:"log,omitempty"`

	// Tracing `on` makes a span of OpenTelemetry of each transaction whose client tells, in a comment of its first text, which trace it belongs to:
	// `/*traceparent='00-…'*/`, as sqlcommenter writes it. Where spans go is said by the environment (OTEL_TRACES_EXPORTER,
	// OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME), as for Caddy's own handler `tracing`. They have the normal forms of queries and no
	// literals. Default: off.
	Tracing string `json:"tracing,omitempty"`
}

// Priority is one line of priority.
type Priority struct {
	// By is what is compared: `user`, `database` or `application_name`, as they are when the client logs in. Required.
	By string `json:"by"`

	// Name is what it is compared with: a name, or a prefix followed by `*`. Required.
	Name string `json:"name"`

	// Level is `high`, `normal` or `low`. A client waits behind those of a higher level that began to wait up to 5 s
	// after it (10 s, from low to high), and behind nobody longer. Required.
	Level string `json:"level"`
}

// ClientTLS is TLS between clients and us.
type ClientTLS struct {
	// Mode is `disable`: SSLRequest is answered with no; `allow`: clients may encrypt; `require`: others are refused with
	// 28000; `verify-ca`: clients also need a certificate of client_ca; `verify-full`: which names, besides, the user they
	// log in as (see auth.cert_user). Clients that come by a Unix socket need not encrypt for require and verify-ca; for
	// verify-full and method cert they need a certificate too. Default: require. (PgBouncer: client_tls_sslmode.)
	Mode string `json:"mode,omitempty"`

	// ServerNames are the names for which Caddy's TLS app gets certificates and keeps them new, by its automation. Without
	// them, certificates come from wherever the TLS app has them: loaded files, other apps' names, on-demand.
	// (PgBouncer: client_tls_cert_file, client_tls_key_file.)
	ServerNames []string `json:"server_names,omitempty"`

	// ClientCA is a PEM file with the certificates of authorities that may have issued a client's certificate. It is read
	// when the configuration is loaded. A connection policy that says itself whose certificates are good goes before it; one
	// of the two is required for verify-ca, verify-full and method cert. (PgBouncer: client_tls_ca_file.)
	ClientCA string `json:"client_ca,omitempty"`

	// ConnectionPolicies are Caddy's, for who wants to choose protocol versions, ciphers, curves or certificates by
	// himself. The first that matches counts. ALPN is always `postgresql`. Default: one, with Caddy's defaults.
	// (PgBouncer: client_tls_protocols, client_tls_ciphers.)
	ConnectionPolicies caddytls.ConnectionPolicies `json:"connection_policies,omitempty"`
}

// ServerTLS is TLS between us and servers. Unix sockets are never encrypted, whatever the mode.
type ServerTLS struct {
	// Mode is `prefer`: encrypted if the server can; `disable`: never; `require`: or not at all; `verify-ca`: and the
	// server's certificate is of ca; `verify-full`: and is for the host of the upstream's address. Default: prefer.
	// (PgBouncer: server_tls_sslmode.)
	Mode string `json:"mode,omitempty"`

	// CA is a PEM file with the certificates of authorities that may have issued servers' certificates, read when the
	// configuration is loaded. Required for verify-ca, and refused with prefer and require, which would not look at it.
	// Default: the system's. (PgBouncer: server_tls_ca_file.)
	CA string `json:"ca,omitempty"`

	// Certificate and Key are PEM files with what we show servers that ask for a client's certificate. Both or none. They
	// are read again when they change. (PgBouncer: server_tls_cert_file, server_tls_key_file.)
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`

	// ServerName is what verify-full takes the servers' certificates to be for, and what SNI says, instead of the host of
	// the upstream's address.
	ServerName string `json:"server_name,omitempty"`
}

// Upstream is one address of Postgres.
type Upstream struct {
	// Address is `host:port`, or `unix//directory:port` for the socket .s.PGSQL.<port> in that directory.
	// Placeholders such as {env.PGHOST} are resolved when the configuration is loaded. Required.
	Address string `json:"address"`

	// Role is what the server is: `primary`, `replica`, or `auto`, to be found out, and again after each failover. One that is
	// declared a replica never gets a write. One that is declared the primary gets them unless it says that it is in recovery, and no
	// other is believed to be one; several may be declared so. Declare what never changes only. Without read_write_split a
	// replica gets no transactions while there is a primary. Default: auto.
	Role string `json:"role,omitempty"`

	// Weight is its share of the transactions beside other upstreams that may have them, for the policies that go by weights:
	// least_conn, weighted_round_robin, random, hash and peak_ewma. One of weight 3 gets three times what one of
	// weight 1 gets. Default: 1. 1 to 1000.
	Weight *int `json:"weight,omitempty"`

	// MaxServerConnections overrides the pool's for this upstream. 0: the pool's. Default: 0.
	MaxServerConnections *int `json:"max_server_connections,omitempty"`
}

// CircuitBreaker is when an upstream is given up for a while. While it is open, clients whose transactions could only go there
// get an error at once instead of a place in a queue; then one connection is tried, and closes it, or opens it again.
type CircuitBreaker struct {
	// Fails is how many connections in a row must fail to open it. 0: it never opens. Default: 5. At most 1000.
	Fails *int `json:"fails,omitempty"`

	// Open is how long it stays open. Default: 10s. At least 1ms.
	Open *caddy.Duration `json:"open,omitempty"`
}

// Auth says who may log in.
type Auth struct {
	// Method is how clients prove who they are: `scram-sha-256`; `md5`, where users whose SCRAM verifier we have are asked
	// for SCRAM; `plain`, the password as it is; `cert`, a certificate of tls.client_ca that names the user; `trust`:
	// whoever can connect is whom he says he is. Default: scram-sha-256. (PgBouncer: auth_type.)
	Method string `json:"method,omitempty"`

	// KnownUsers `on` has the methods trust and cert, which ask for no secret, let in only users that are under `user`, in users_file, or
	// found by query. Others are refused with 28000. Default: off. (PgBouncer: always so, but for auth_type any.)
	KnownUsers string `json:"known_users,omitempty"`

	// CertUser maps the common name of a client's certificate to the users it may log in as, for method cert and for tls
	// verify-full. A name that is not listed may log in as the user of that name.
	// (PgBouncer: auth_ident_file.)
	CertUser map[string][]string `json:"cert_user,omitempty"`

	// User maps users to their secrets: a password or a SCRAM-SHA-256 verifier, as in pg_authid. Secrets may be
	// placeholders, {env.NAME} or {file.PATH}, which are resolved when the configuration is loaded and never stored;
	// {$NAME} ends up in the saved configuration in clear. Write \{ for a brace in a password.
	User map[string]string `json:"user,omitempty"`

	// UsersFile is the path of a file with lines `"user" "secret"`, as PgBouncer's auth_file. It must be readable when
	// the configuration is loaded, and is read again within a second when it changes; if it cannot be understood then,
	// the users known before stay. A user under `user` goes before the one in the file. Passwords and SCRAM verifiers
	// are understood. (PgBouncer: auth_file.)
	UsersFile string `json:"users_file,omitempty"`

	// Query asks Postgres for the secret of a user that is neither under `user` nor in the file, over connections of its
	// own with search_path pg_catalog. $1 is the user; the first row's columns are the user, the secret as pg_authid has it
	// and, if there is a third, until when it is valid. Where there is none, Postgres is asked that too (VALID UNTIL of the
	// role). Default: off; with query_user alone, the query of CREATE ROLE's catalog,
	// `SELECT rolname, rolpassword, rolvaliduntil FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin`.
	// (PgBouncer: auth_query.)
	Query string `json:"query,omitempty"`

	// QueryUser is who asks, and the password. Required with query. (PgBouncer: auth_user.)
	QueryUser *ServerUser `json:"query_user,omitempty"`

	// QueryDatabase is where it is asked. Default: the database the client asks for. (PgBouncer: auth_dbname.)
	QueryDatabase string `json:"query_database,omitempty"`

	// QueryTTL is how long an answer is used before it is asked again; one that there is no such user, a tenth of it. A
	// login that fails with an answer older than a second asks again too. Default: 10s. 0: every login asks.
	QueryTTL *caddy.Duration `json:"query_ttl,omitempty"`
}

// ServerUser is a user of Postgres and its password.
type ServerUser struct {
	// Name is the user. Required.
	Name string `json:"name"`

	// Secret is the password, or a placeholder for it, as in `auth`. Empty: the one that the pool's `auth` has for this user, under
	// `user` or in users_file when the configuration is loaded; or none, where the server trusts us.
	Secret string `json:"secret,omitempty"`
}
