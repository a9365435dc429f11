package engine

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// What is written in a database matters to every pool that caches what it reads there, whatever pool the writer uses. So there is one
// ledger for each name of a database, for all pools. Two databases of that name on two servers share it, which drops too much, and never too
// little.
//
// As soon as one pool has a query cache, all shards follow what all clients write (tracking.go), and nothing is cached before they all do.

// ledger is what has been written in one database.
type ledger struct {
	*querycache.Ledger
	database string
	pools    int // that use it; under Engine.mu
	// definesPrepared: a transaction was prepared that has changed the catalog, at some time.
	definesPrepared atomic.Bool
}

// maxLedgers is how many ledgers are kept that no pool uses now: clients may come back to what has been cached for them.
const maxLedgers = 4096

// ledgerOf is the one of a database, for a pool that is made. Under Engine.mu.
func (e *Engine) ledgerOf(database string) *ledger {
	l := e.ledgers[database]
	if l == nil {
		if len(e.ledgers) >= maxLedgers {
			e.forgetLedgers()
		}
		l = &ledger{Ledger: querycache.NewLedger(), database: database}
		e.ledgers[database] = l
	}
	l.pools++
	return l
}

// forgetLedgers forgets those that no pool uses. What rests on them does not hold any more: nobody would hear of its changes. Under
// Engine.mu.
func (e *Engine) forgetLedgers() {
	for database, l := range e.ledgers {
		if l.pools == 0 {
			l.All.Change(e.marks.Load())
			delete(e.ledgers, database)
		}
	}
}

// allLedgers is every ledger there is.
func (e *Engine) allLedgers() []*ledger {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.ledgers))
}

// dropAll drops what is cached of a database, whoever has changed it.
func (e *Engine) dropAll(l *ledger) { l.All.Change(e.marks.Load()) }

// dropCached drops what is cached of the databases of a declared pool: what its sessions begin with has changed, or its primary. Under
// Engine.mu.
func (e *Engine) dropCached(t *template) {
	for _, p := range e.pools {
		if p.template == t {
			e.dropAll(p.ledger)
		}
	}
}
