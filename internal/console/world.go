package console

import (
	"context"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// Database is the name of the console's database.
const Database = "pgbouncer"

// World is what the console tells of, and what carries out its orders. Several sessions call it at the same time.
type World interface {
	// Now is the time.
	Now() time.Time
	// Snapshot is the figures of every (pool, database, user).
	Snapshot() (engine.Snapshot, error)
	// Before is what had been counted when the stats period began.
	Before() Sample
	// Pools is every pool in force, sorted by name.
	Pools() []Pool
	// Standing is what operators have ordered of pools and databases, and what stands.
	Standing() []engine.Standing
	// Clients and Servers are so many clients and servers, those with the lowest IDs, sorted by these.
	Clients(limit int) ([]engine.ClientRow, error)
	Servers(limit int) ([]engine.ServerRow, error)
	// Order gives an order. The error says that there is nobody to give it to.
	Order(engine.Order, engine.Target) (Progress, error)
	// CloseClient closes a client, and reports whether there was one.
	CloseClient(id uint64) (bool, error)
	// Settings is the settings that are not a pool's.
	Settings() []Setting
	// Reload reads again what can change without a restart. It returns when that is in force, or says why it is not.
	Reload(context.Context) error
	// Sessions is how many sessions of the console there are, LoggingIn how many clients log in.
	Sessions() int
	LoggingIn() int
	// Given takes note of a command that is for admins, when it is given, and Ended of how it ended: why it was not carried out, or nil. What
	// somebody gives who may not has ended with that.
	Given(user, command string)
	Ended(user, command string, err error)
}

// Progress is how far an order is; it is an engine.Progress.
type Progress interface {
	// Refused is why the order was not given at all; nil if it was.
	Refused() *engine.Refusal
	// Done is closed when it is done, or taken back; Undone tells which.
	Done() <-chan struct{}
	Undone() bool
	// Left is how many connections it waits for.
	Left() int
	// Abandon says that nobody waits any more. A pause that is not complete is taken back.
	Abandon()
}

// Pool is a pool in force.
type Pool struct {
	*engine.PoolConfig
	// Databases are the names that clients may ask for, those with a * left out; Accepts tells of any name.
	Databases []string
	Accepts   func(database string) bool
	// ForceUser is who logs in to its servers for all clients; empty: they themselves.
	ForceUser string
	// Policy picks among upstreams; empty where there is nothing to pick.
	Policy string
}

// Setting is one row of SHOW CONFIG.
type Setting struct {
	Key, Value, Default string
	// Fixed: it changes with a restart only.
	Fixed bool
}
