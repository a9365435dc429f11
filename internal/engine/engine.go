// Package engine is the data plane: shards, one per event loop, composed of sessions and pools, and what they share.
//
// A shard owns its clients and servers outright and runs on one thread; see [Shard]. Shards talk to each other, and
// the control plane talks to them, through mailboxes. What they share are atomic budgets and presence counters
// (package pool) and, under a mutex that no query ever takes, the list of pools.
package engine

import (
	"sync"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/pool"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/routing"
)

// Engine is a fixed number of shards and what they share.
type Engine struct {
	host    Host
	shards  []*Shard
	clients pool.Budget // all that are admitted
	config  atomic.Pointer[Config]
	next    atomic.Uint32 // the shard for the next client

	draining atomic.Bool
	drained  chan struct{}
	running  atomic.Int64 // shards that have not stopped

	// tracks: a pool has, or had, a query cache; tracked is how many shards follow what their clients write.
	tracks  atomic.Bool
	tracked atomic.Int32
	// sharers is the declared pools that share replies; nil: none. It changes with them only.
	sharers atomic.Pointer[[]string]

	marks   atomic.Uint64 // see Mark
	process func() uint64 // whose marks these are, in causal tokens
	keys    keys
	schema  session.Schema
	senders senders
	// markerChannel is where servers say whose their notifications are.
	markerChannel string

	mu        sync.Mutex
	templates map[string]*template
	pools     map[poolKey]*sharedPool
	catalogs  map[catalogKey]*catalog
	ledgers   map[string]*ledger // by database
	feeds     map[feedKey]*feed
	// ledgersMu is taken besides mu to change ledgers, and instead of it to look one up.
	ledgersMu sync.RWMutex
	fleets    map[feedKey]*fleet
	forgetful bool         // ledgers have been forgotten
	orders    []*Progress  // those that have not been carried out yet
	ordered   atomic.Int32 // how many these are
	// generation counts what makes servers that there are unwanted: OrderReconnect.
	generation atomic.Uint64
	serverIDs  atomic.Uint64       // the last that was given
	hearers    map[string]*hearers // by database
	acceptors  map[uint64]*acceptor
	heard      uint64 // how many of them there have been
}

// template is a declared pool. It outlives its configuration while clients use it.
type template struct {
	name    string
	config  atomic.Pointer[PoolConfig]
	clients pool.Budget
	limits  limits // under Engine.mu
	removed atomic.Bool
	halts   halts // under Engine.mu
	// defaults counts the changes of what sessions begin with.
	defaults atomic.Uint64
	seekers  atomic.Int32 // replication clients that wait for a server, of all its pools
	// upstreams are those configured now; servers hold on to theirs.
	upstreams atomic.Pointer[[]*upstream]
	// view is what is known of them; see topology.go. tracker and clock, the latest time it has been told, are under Engine.mu.
	view    atomic.Pointer[view]
	tracker *routing.Tracker
	clock   int64
	// primary is the address of the last upstream that took writes; under Engine.mu.
	primary string
	// cache is nil where there is none.
	cache atomic.Pointer[poolCache]
	// allowances has one for each address that was ever configured: those of servers that are still there count. Under
	// Engine.mu.
	allowances map[string]*allowance
}

// upstream is one address, as one declared pool uses it.
type upstream struct {
	address string
	role    Role
	*allowance
	standing
	// replicaUntil: until then it is taken for a replica, because a server of it said that it is in recovery.
	replicaUntil atomic.Int64
}

// allowance is the servers that one address may have, for one declared pool. It outlives changes of the configuration,
// as servers do.
type allowance struct {
	servers pool.Budget
	// starving is, by shard, since when a client waits there whose pool lacks a permit; 0 if none does.
	starving []atomic.Int64
	// turn is, by shard, the pool.Ledger.Turn of such a pool; meaningful while starving is not 0.
	turn []atomic.Int64
	// listeners counts those among the servers that listen for clients: all but one at most, or nobody could be served.
	listeners pool.Budget
	// busy is how many of them clients have now, and latency how long queries take there: what policies go by. Where there is
	// nothing to be chosen (shardPool.chooses), neither is kept: it would cost every query.
	busy    atomic.Int32
	latency routing.Latency
}

type poolKey struct{ pool, database, user string }

// sharedPool is one (pool, database, user) over all shards.
type sharedPool struct {
	poolKey
	// serverDatabase is the database of its servers; see aliases.go.
	serverDatabase string
	// upstream is the address of a branch; root and branches are under Engine.mu. See branches.go.
	upstream string
	root     *sharedPool
	branches map[string]*sharedPool

	template  *template
	shared    *pool.Shared
	greetings greetings
	seekers   atomic.Int32 // replication clients that wait for a server, on all shards
	load      load
	catalog   *catalog
	ledger    *ledger
	feed      *feed
	fleet     *fleet
	// id is equal for equal pools, in keys of the query cache.
	id      uint64
	hearers *hearers
	// listenerShard is the shard that has the pool's listener.
	listenerShard int
	hearing       atomic.Bool // it listens to all that is wanted, or will in a moment
	// halt is what is not done for the pool now; oldest is the generation before which its servers are unwanted.
	halt    atomic.Uint32
	oldest  atomic.Uint64
	renewed uint64         // what oldest is when it is not paused; under Engine.mu
	opened  map[uint64]int // connections to Postgres, being dialed or there, by generation; under Engine.mu
	clients atomic.Int64   // on all shards
	pinned  atomic.Int64   // servers that stay with their clients for what these have left in them
	// warm: it has had a server, or is to have some from the start; min_pool_size is kept.
	warm   atomic.Bool
	shards int // that have a part of it; under Engine.mu
}

// New returns an engine of so many shards, without a pool. Apply makes them.
func New(shards int, host Host) *Engine {
	e := &Engine{
		host:      host,
		drained:   make(chan struct{}),
		keys:      newKeys(host),
		templates: map[string]*template{},
		pools:     map[poolKey]*sharedPool{},
		catalogs:  map[catalogKey]*catalog{},
		ledgers:   map[string]*ledger{},
		feeds:     map[feedKey]*feed{},
		fleets:    map[feedKey]*fleet{},
		hearers:   map[string]*hearers{},
		acceptors: map[uint64]*acceptor{},

		markerChannel: newMarkerChannel(host),
		process:       sync.OnceValue(host.Random),
	}
	e.config.Store(&Config{})
	e.marks.Store(1) // 0 is of sessions that have not written
	e.running.Store(int64(shards))
	for i := range shards {
		e.shards = append(e.shards, newShard(e, i))
	}
	return e
}

// Shards is the number of shards.
func (e *Engine) Shards() int { return len(e.shards) }

// Shard returns the core of loop i. Bind its driver, then loop.Run it on a thread of its own.
func (e *Engine) Shard(i int) *Shard { return e.shards[i] }

// Dialed answers a DialRequest.
func (e *Engine) Dialed(t Ticket, r DialResult) {
	e.shards[t.Shard].post(mail{kind: mailDialed, ticket: t.Seq, dialed: r})
}

// Cancelled answers a CancelRequest.
func (e *Engine) Cancelled(t Ticket) {
	e.shards[t.Shard].mail.Post(mail{kind: mailCancelled, ticket: t.Seq})
}
