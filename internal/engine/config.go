package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/routing"
)

// Mode says when a server returns to its pool.
type Mode uint8

const (
	// Transaction: at the end of a transaction. The default.
	Transaction Mode = iota
	// Session: when the client leaves.
	Session
	// Statement: at the end of a statement; transactions of several statements are refused.
	Statement
)

// String is the mode as the configuration writes it.
func (m Mode) String() string {
	switch m {
	case Session:
		return "session"
	case Statement:
		return "statement"
	}
	return "transaction"
}

// Config is all that an engine is told to be. It is immutable once applied: a change is a new Config.
type Config struct {
	// MaxClientConnections bounds the clients of all pools together, those that log in included. Not positive: no
	// bound.
	MaxClientConnections int
	// DrainTimeout bounds how long the clients of a removed pool, or all at exit, may finish what they do.
	DrainTimeout time.Duration
	Pools        []PoolConfig
}

// PoolConfig is one declared pool: a template from which a pool for each (database, user) is made by demand.
type PoolConfig struct {
	Name      string
	Mode      Mode
	Upstreams []Upstream
	// ServerDatabase is what servers are asked for in place of the database that clients ask for; see aliases.go. Empty: the same.
	ServerDatabase string

	// PoolSize bounds the servers of one (database, user). At least 1.
	PoolSize int
	// MaxServerConnections bounds the servers of one upstream over all databases and users of the pool, where the
	// upstream has no bound of its own. Not positive: no bound.
	MaxServerConnections int
	// MaxClientConnections bounds the clients of this pool. Not positive: no bound of its own.
	MaxClientConnections int
	// MaxUserClientConnections and MaxAddressClientConnections bound the clients of this pool that log in as one user, or
	// come from one address. Not positive: no bound.
	MaxUserClientConnections    int
	MaxAddressClientConnections int
	// MaxWaitingClients bounds the clients of one (database, user) that wait for a server. Not positive: no bound.
	MaxWaitingClients int
	// AutoSize lets the size follow the load, between MinPoolSize and what upstreams allow; PoolSize is where it begins.
	AutoSize bool
	// MinPoolSize is how many servers of a (database, user) are kept, once there was one. At most PoolSize.
	MinPoolSize int
	// Warm is the (database, user) that have MinPoolSize servers from the start.
	Warm []Identity
	// ReservePoolSize is how many servers there may be beyond PoolSize once a client has waited ReservePoolTimeout.
	ReservePoolSize    int
	ReservePoolTimeout time.Duration

	// QueryWaitTimeout bounds the wait for a server. 0: no bound.
	QueryWaitTimeout time.Duration
	// QueryTimeout cancels a query that runs so long; TransactionTimeout ends a client whose transaction is open so long,
	// IdleTransactionTimeout one that lets a transaction rest so long, ClientIdleTimeout one that asks nothing for so
	// long. 0: no bound.
	QueryTimeout           time.Duration
	TransactionTimeout     time.Duration
	IdleTransactionTimeout time.Duration
	ClientIdleTimeout      time.Duration
	// SlowQuery is from how long on a query is slow, and has a line in the log. 0: none is.
	SlowQuery time.Duration
	// ServerConnectTimeout bounds dialing and logging in to a server; the Host keeps it.
	ServerConnectTimeout time.Duration
	// ServerLoginRetry is the first pause after a failed dial; it doubles, with jitter, to 16 times.
	ServerLoginRetry time.Duration
	// ServerIdleTimeout closes a server that was idle this long. 0: never.
	ServerIdleTimeout time.Duration
	// ServerLifetime closes a server this old, less up to a tenth by chance, as soon as it is idle; where it is in use,
	// its replacement is there before. 0: never.
	ServerLifetime time.Duration
	// ServerCheckInterval: a server that rested this long is asked ServerCheckQuery before it is used again. 0: never.
	ServerCheckInterval time.Duration
	ServerCheckQuery    string
	// ServerResetQuery cleans a server that a client has left state in. Empty: such servers are closed.
	ServerResetQuery string
	ServerReset      Reset

	// FIFO takes the idle server that has been idle longest instead of the one used last.
	FIFO bool
	// Track is the settings that follow their client, names in lower case; others keep its server with it. nil: all.
	Track []string
	// HiddenState has the state found that functions, triggers and views leave in sessions. Without it a function that calls
	// lastval may be told a number of another client.
	HiddenState bool
	// Pinning says what becomes of state that cannot follow.
	Pinning session.Pinning
	// MaxPinned bounds the servers of one (database, user) that stay with their clients for such state. Not positive: no
	// bound but PoolSize.
	MaxPinned int
	// Split sends what reads to replicas, as Reads prefers, and ReadYourWrites only to those that have replayed what the session has
	// written. DeferBegin: BEGIN waits for the first statement of its transaction, which decides.
	Split, DeferBegin, ReadYourWrites bool
	Reads                             routing.Reads
	// Policy picks an upstream where several would do; nil: LeastConn.
	Policy routing.Policy
	// Health is what the roles and the health of upstreams are found out by.
	Health routing.Settings
	// MaxPreparedStatements bounds the statements kept prepared on one server; the least recently used are closed.
	// 0: clients' prepared statements are passed through and pin their server.
	MaxPreparedStatements int
	// Log is what of the lives of clients is written to the log.
	Log Logged
	// Tracing tells the Host of transactions that belong to a trace.
	Tracing bool
	// Cache is the query cache.
	Cache CacheConfig
}

// Identity is a database and the user that logs in to it.
type Identity struct{ Database, User string }

// Reset says when ServerResetQuery cleans a server.
type Reset uint8

const (
	// ResetDirty: when a client has left state in it.
	ResetDirty Reset = iota
	// ResetAlways: whenever a client gives it back.
	ResetAlways
	// ResetNever: never; a server in which a client has left state is closed.
	ResetNever
)

// Priority is a place in the queue for servers.
type Priority uint8

// The priorities. The zero one is that of those of whom nothing is said.
const (
	PriorityNormal Priority = iota
	PriorityHigh
	PriorityLow
)

// Upstream is one address of Postgres.
type Upstream struct {
	// Address is what the Host dials: host:port, or unix//directory:port.
	Address string
	// MaxServerConnections overrides the pool's. 0: the pool's.
	MaxServerConnections int
	// Role is what the configuration says it is.
	Role Role
	// Weight is its share, where the policy goes by it. Not positive: 1.
	Weight int
}

// Role is what the configuration says that an upstream is.
type Role = routing.Role

const (
	// RoleAuto is found out: a server in recovery is a replica.
	RoleAuto = routing.Unknown
	// RolePrimary takes writes.
	RolePrimary = routing.Primary
	// RoleReplica takes reads only; where reads are not split from writes, it gets no transactions beside a primary.
	RoleReplica = routing.Replica
)
