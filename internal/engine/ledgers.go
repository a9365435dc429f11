package engine

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// What is written in a database matters to every pool that caches what it reads there, whatever pool the writer uses. So there is one
// ledger for each name that a database has on its servers, for all pools, by whatever name clients ask for it (aliases.go). Two databases of that name on two servers share it, which drops too much, and never too
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
	// sharers is the pools whose fleets have been asked for, for what is written here; see fleets.go.
	sharers atomic.Pointer[[]string]
}

// maxLedgers is how many ledgers are kept that no pool uses now: clients may come back to what has been cached for them.
const maxLedgers = 4096

// ledgerOf is the one of a database, for a pool that is made. Under Engine.mu.
func (e *Engine) ledgerOf(database string) *ledger {
	l := e.ledgers[database]
	if l == nil {
		l = e.newLedger(database)
	}
	l.pools++
	return l
}

// newLedger is one of a database that has none. Under Engine.mu.
func (e *Engine) newLedger(database string) *ledger {
	if len(e.ledgers) >= maxLedgers {
		e.forgetLedgers()
	}
	l := &ledger{Ledger: querycache.NewLedger(), database: database}
	if e.forgetful {
		l.All.Change(e.marks.Load()) // what has been written there may be forgotten, and no fleet been told
	}
	e.setLedger(database, l)
	return l
}

// forgetLedgers forgets those that no pool uses, nor any fleet. What rests on them does not hold any more: nobody would hear of its changes.
// Under Engine.mu.
func (e *Engine) forgetLedgers() {
	for database, l := range e.ledgers {
		if l.pools == 0 && !l.Watched() {
			l.All.Change(e.marks.Load())
			e.setLedger(database, nil)
			e.forgetful = true
		}
	}
}

// setLedger puts one into its place, or takes it out, if nil. Under Engine.mu.
func (e *Engine) setLedger(database string, l *ledger) {
	e.ledgersMu.Lock()
	defer e.ledgersMu.Unlock()
	if l == nil {
		delete(e.ledgers, database)
	} else {
		e.ledgers[database] = l
	}
}

// ledgerAt is the ledger of a database; nil: there is none. It does not take Engine.mu: who tells what others write may hold a lock that a
// Fleet takes.
func (e *Engine) ledgerAt(database string) *ledger {
	e.ledgersMu.RLock()
	defer e.ledgersMu.RUnlock()
	return e.ledgers[database]
}

// allLedgers is every ledger there is.
func (e *Engine) allLedgers() []*ledger {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.ledgers))
}

// dropAll drops what is cached of a database, for a reason that other processes learn of by themselves.
func (e *Engine) dropAll(l *ledger) { l.All.See(querycache.OpChange, e.marks.Load()) }

// dropCached drops what is cached of the databases of a declared pool: what its sessions begin with has changed, or its primary. Under
// Engine.mu.
func (e *Engine) dropCached(t *template) {
	for _, p := range e.pools {
		if p.template == t {
			e.dropAll(p.ledger)
		}
	}
}
