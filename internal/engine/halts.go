package engine

import (
	"math"
	"strconv"
)

// halt is what is not done for a pool until it is resumed.
type halt uint32

const (
	// haltServers: it is paused; no server is dialed or given to a client, and those there close as they become free.
	haltServers halt = 1 << iota
	// haltNewcomers: it is disabled; no client is let in.
	haltNewcomers
	// haltClients: it drains; clients are sent away as those of a removed pool.
	haltClients
)

// halts is what stands for the databases of a declared pool, but for pauses that are not complete: those are in Engine.orders, and leave
// nothing behind when they are given up. Under Engine.mu.
type halts struct {
	all halt
	of  map[string]halt // those for which it is not all
}

// maxHalts bounds the databases of a pool for which orders of their own stand. Pauses that were not complete when others came may exceed it,
// by maxOrders.
const maxHalts = 4096

var refusedHalts = &Refusal{
	SQLState: "54000",
	Message:  "orders of their own stand for " + strconv.Itoa(maxHalts) + " databases of a pool already",
	Hint:     "Resume some, or give the order for the whole pool.",
}

// at is what stands for a database.
func (h *halts) at(database string) halt {
	if own, ok := h.of[database]; ok {
		return own
	}
	return h.all
}

// admits reports whether there is room for what an order would change.
func (h *halts) admits(database string, set, end halt) bool {
	if database == "" {
		return true
	}
	_, known := h.of[database]
	return known || h.at(database)&^end|set == h.all || len(h.of) < maxHalts
}

// change sets and ends what stands for a database, or for all if it is empty.
func (h *halts) change(database string, set, end halt) {
	if database != "" {
		h.keep(database, h.at(database)&^end|set)
		return
	}
	h.all = h.all&^end | set
	for name, own := range h.of {
		h.keep(name, own&^end|set)
	}
}

func (h *halts) keep(database string, next halt) {
	if next == h.all {
		delete(h.of, database)
		return
	}
	if h.of == nil {
		h.of = map[string]halt{}
	}
	h.of[database] = next
}

// stands is what stands for a database of a declared pool, or for all of it if that is empty. Under Engine.mu.
func (e *Engine) stands(t *template, k Target) halt {
	stands := t.halts.all
	if k.Database != "" {
		stands = t.halts.at(k.Database)
	}
	if t.removed.Load() {
		return stands
	}
	for _, p := range e.orders {
		if p.order == OrderPause && !p.over && p.target.isFor(k.Pool) && (p.target.Database == "" || p.target.Database == k.Database) {
			stands |= haltServers
		}
	}
	return stands
}

// halted makes known to the shards what stands for a pool and its branches. Under Engine.mu.
func (e *Engine) halted(p *sharedPool) {
	stands := e.stands(p.template, Target{p.pool, p.database})
	p.halt.Store(uint32(stands))
	oldest := p.renewed
	if stands&haltServers != 0 {
		oldest = math.MaxUint64
	}
	p.oldest.Store(oldest)
	for _, branch := range p.branches {
		branch.renewed = p.renewed
		e.halted(branch)
	}
}

// paused reports whether nobody is to have a server.
func (p *sharedPool) paused() bool { return p.oldest.Load() == math.MaxUint64 }

// drains reports whether its clients are sent away though it is still declared.
func (p *sharedPool) drains() bool { return halt(p.halt.Load())&haltClients != 0 }

// refusedDisabled is what a client is told that comes to a pool that lets nobody in.
func refusedDisabled(name, database string, stands halt) *Refusal {
	message := "database " + strconv.Quote(database) + " of pool " + strconv.Quote(name) + " is disabled"
	if stands&haltClients != 0 {
		message = "pool " + strconv.Quote(name) + " is being drained"
	}
	return &Refusal{SQLState: "57P03", Message: message, Hint: "Connect to another instance, or try again when it has been resumed."}
}

// Status is what stands for a pool: active, pausing, paused, draining or disabled. With an empty database it is that of the pool as a whole.
func (e *Engine) Status(pool, database string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.templates[pool]
	if t == nil || t.removed.Load() {
		return "draining"
	}
	stands := e.stands(t, Target{pool, database})
	switch {
	case stands&haltClients != 0:
		return "draining"
	case stands&haltServers != 0 && e.pausing(Target{pool, database}):
		return "pausing"
	case stands&haltServers != 0:
		return "paused"
	case stands&haltNewcomers != 0:
		return "disabled"
	}
	return "active"
}

// pausing reports whether servers are still there of a pool that is paused. Under Engine.mu.
func (e *Engine) pausing(t Target) bool {
	for k, p := range e.pools {
		if t.takesIn(k) && p.paused() && p.open(math.MaxUint64) > 0 {
			return true
		}
	}
	return false
}
