package engine

import "time"

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

	// PoolSize bounds the servers of one (database, user). At least 1.
	PoolSize int
	// MaxServerConnections bounds the servers of one upstream over all databases and users of the pool, where the
	// upstream has no bound of its own. Not positive: no bound.
	MaxServerConnections int
	// MaxClientConnections bounds the clients of this pool. Not positive: no bound of its own.
	MaxClientConnections int
	// MaxWaitingClients bounds the clients of one (database, user) that wait for a server. Not positive: no bound.
	MaxWaitingClients int

	// QueryWaitTimeout bounds the wait for a server. 0: no bound.
	QueryWaitTimeout time.Duration
	// ServerConnectTimeout bounds dialing and logging in to a server; the Host keeps it.
	ServerConnectTimeout time.Duration
	// ServerLoginRetry is the first pause after a failed dial; it doubles, with jitter, to 16 times.
	ServerLoginRetry time.Duration
	// ServerIdleTimeout closes a server that was idle this long. 0: never.
	ServerIdleTimeout time.Duration
	// ServerLifetime closes a server this old, as soon as it is idle. 0: never.
	ServerLifetime time.Duration
	// ServerResetQuery cleans a server that a client has left state in. Empty: such servers are closed.
	ServerResetQuery string

	// FIFO takes the idle server that has been idle longest instead of the one used last.
	FIFO bool
	// MaxPreparedStatements bounds the statements kept prepared on one server; the least recently used are closed.
	// 0: clients' prepared statements are passed through and pin their server.
	MaxPreparedStatements int
}

// Upstream is one address of Postgres.
type Upstream struct {
	// Address is what the Host dials: host:port, or unix//directory:port.
	Address string
	// MaxServerConnections overrides the pool's. 0: the pool's.
	MaxServerConnections int
	// Role is what the configuration says it is.
	Role Role
}

// Role is what an upstream is, as far as known.
type Role uint8

const (
	// RoleAuto is found out: a server in recovery is a replica.
	RoleAuto Role = iota
	// RolePrimary takes writes.
	RolePrimary
	// RoleReplica takes reads only; until reads are routed, it gets no transactions beside a primary.
	RoleReplica
)
