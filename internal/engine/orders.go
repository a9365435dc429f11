package engine

import (
	"math"
	"strconv"
)

// Operators give orders for pools while these run. What an order leaves standing, a pause say, belongs to the declared pool and outlives
// configurations, until the pool is resumed or removed.
//
// An order is done when two things are true: every shard has taken note of it, so that nothing is begun any more that it forbids; and what it
// ends has ended. For the second, connections to Postgres are counted over all shards from before they are dialed until Postgres has
// ended them, by the generation in which they were dialed.

// Order is what an operator wants of pools.
type Order uint8

const (
	// OrderPause closes servers as their clients give them back; who wants one waits. Done when there are none. (PgBouncer: PAUSE.)
	OrderPause Order = iota
	// OrderResume ends what the others have left standing.
	OrderResume
	// OrderReconnect closes the servers that there are now as their clients give them back. Done when there are none of them.
	// (PgBouncer: RECONNECT, and WAIT_CLOSE to wait for it.)
	OrderReconnect
	// OrderDrain refuses new clients with 57P03, and tells 57P01 to those there: idle ones now, the others at the end of their
	// transaction or of drain_timeout. Done when there are neither clients nor servers.
	OrderDrain
	// OrderKill closes clients, with 57P01, and servers, whatever they do; new clients wait as those of a paused pool. Done when there
	// are no servers. (PgBouncer: KILL.)
	OrderKill
	// OrderDisable refuses new clients with 57P03. (PgBouncer: DISABLE.)
	OrderDisable
	// OrderEnable lets new clients in again. (PgBouncer: ENABLE.)
	OrderEnable
	// OrderContinue ends pauses and kills, and leaves clients shut out that are. (PgBouncer: RESUME.)
	OrderContinue
)

var orderNames = [...]string{"pause", "resume", "reconnect", "drain", "kill", "disable", "enable", "resume"}

// String is the order as the admin API, and the console, call it.
func (o Order) String() string { return orderNames[o] }

// mayTakeLong reports whether an order waits for what clients do. The others end in a moment, and are what ends these.
func (o Order) mayTakeLong() bool { return o == OrderPause || o == OrderReconnect || o == OrderDrain }

// changes is what an order sets and ends of what is left standing.
func (o Order) changes() (set, end halt) {
	switch o {
	case OrderPause, OrderKill:
		return haltServers, 0
	case OrderResume:
		return 0, haltServers | haltNewcomers | haltClients
	case OrderDrain:
		return haltNewcomers | haltClients, 0
	case OrderDisable:
		return haltNewcomers, 0
	case OrderEnable:
		return 0, haltNewcomers | haltClients
	case OrderContinue:
		return 0, haltServers
	}
	return 0, 0
}

// takesBack reports whether it ends an order of the other sort that has not been carried out.
func (o Order) takesBack(other Order) bool {
	switch o {
	case OrderResume:
		return other == OrderPause || other == OrderKill || other == OrderDrain
	case OrderContinue:
		return other == OrderPause || other == OrderKill
	}
	return false
}

// maxOrders bounds the orders that are being carried out: one that waits for a server which a client keeps may take as long as that.
const maxOrders = 1024

var refusedOrders = &Refusal{
	SQLState: "54000",
	Message:  strconv.Itoa(maxOrders) + " orders are being carried out already",
	Hint:     "Wait for some, or kill the pool that they wait for.",
}

// Target is the pools that an order is for: those of one declared pool, or of all; of one database, or of all.
type Target struct{ Pool, Database string }

func (t Target) takesIn(k poolKey) bool {
	return t.isFor(k.pool) && (t.Database == "" || t.Database == k.database)
}

// isFor reports whether it has to do with a declared pool.
func (t Target) isFor(pool string) bool { return t.Pool == "" || t.Pool == pool }

// meets reports whether two targets have pools in common.
func (t Target) meets(other Target) bool {
	return (t.Pool == "" || other.Pool == "" || t.Pool == other.Pool) &&
		(t.Database == "" || other.Database == "" || t.Database == other.Database)
}

// Progress is an order that is being carried out.
type Progress struct {
	engine *Engine
	order  Order
	target Target
	done   chan struct{}

	// What follows is under Engine.mu.
	generation uint64 // servers of earlier ones are waited for
	shards     int    // that have not taken note of it
	over       bool
	undone     bool
	refused    *Refusal
	lifts      []*Progress // pauses that this order has ended; not changed any more once it has been given
}

// Done is closed when the order has been carried out, or taken back by another.
func (p *Progress) Done() <-chan struct{} { return p.done }

// Undone reports, when Done is closed, whether a resume came before the order was carried out, or it was given up.
func (p *Progress) Undone() bool {
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	return p.undone
}

// Refused is why the order was not given at all; nil if it was.
func (p *Progress) Refused() *Refusal { return p.refused }

// Left is the connections, of clients and to servers, that are still waited for.
func (p *Progress) Left() int {
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	return p.left()
}

// Abandon is for who waits no longer: a pause that is not complete is taken back, so that nobody is kept waiting by chance. Other orders
// go on, and what they have left standing stands.
func (p *Progress) Abandon() {
	p.engine.mu.Lock()
	takenBack := p.order == OrderPause && !p.over
	if takenBack {
		p.undo()
		p.engine.spread(p.target)
	}
	p.engine.mu.Unlock()
	if takenBack {
		p.engine.post(p)
	}
}

// left is Left. Under Engine.mu.
func (p *Progress) left() (n int) {
	e := p.engine
	for k, pool := range e.pools {
		if !p.target.takesIn(k) {
			continue
		}
		switch p.order {
		case OrderPause, OrderKill:
			n += pool.open(math.MaxUint64)
		case OrderReconnect:
			n += pool.open(p.generation)
		case OrderDrain:
			n += pool.open(math.MaxUint64) + int(pool.clients.Load())
		}
	}
	return n
}

// Order gives an order. It returns at once; Progress tells when the order has been carried out.
func (e *Engine) Order(o Order, t Target) *Progress {
	p := &Progress{engine: e, order: o, target: t, done: make(chan struct{})}
	if p.refused = e.begin(p); p.refused != nil {
		close(p.done)
		return p
	}
	e.post(p)
	for _, pause := range p.lifts {
		e.post(pause) // its pools may be more than those of this order
	}
	return p
}

// post tells the shards of an order, or that it has been taken back.
func (e *Engine) post(p *Progress) {
	for _, s := range e.shards {
		if !s.mail.Post(mail{kind: mailOrdered, order: p}) {
			p.noted()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
}

// begin makes what is to stand known, and counts the order among those that are waited for.
func (e *Engine) begin(p *Progress) *Refusal {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.orders) >= maxOrders && p.order.mayTakeLong() {
		return refusedOrders
	}
	if !e.admits(p) {
		return refusedHalts
	}
	if p.order != OrderPause {
		e.change(p)
	}
	if p.order == OrderReconnect {
		p.generation = e.generation.Add(1)
	}
	for k, pool := range e.pools {
		if p.target.takesIn(k) {
			pool.renewed = max(pool.renewed, p.generation)
		}
	}
	e.undo(p)
	p.shards = len(e.shards)
	e.orders = append(e.orders, p)
	e.ordered.Store(int32(len(e.orders)))
	e.spread(p.target)
	return nil
}

// admits reports whether there is room for what an order would change, in all the pools that it is for. Under Engine.mu.
func (e *Engine) admits(p *Progress) bool {
	set, end := p.order.changes()
	for name, t := range e.templates {
		if p.target.isFor(name) && !t.halts.admits(p.target.Database, set, end) {
			return false
		}
	}
	return true
}

// change changes what stands. Under Engine.mu.
func (e *Engine) change(p *Progress) {
	set, end := p.order.changes()
	for name, t := range e.templates {
		if p.target.isFor(name) && !t.removed.Load() {
			t.halts.change(p.target.Database, set, end)
		}
	}
}

// spread makes known what stands. Under Engine.mu.
func (e *Engine) spread(t Target) {
	for k, pool := range e.pools {
		if t.takesIn(k) {
			e.halted(pool)
		}
	}
}

// undo ends the orders that this one takes back: pauses as a whole, though it be for a part of their pools; of the others, what they have left
// standing elsewhere stands. Under Engine.mu.
func (e *Engine) undo(by *Progress) {
	for _, p := range e.orders {
		if by.order.takesBack(p.order) && by.target.meets(p.target) && !p.over {
			p.undo()
			if p.order == OrderPause {
				e.spread(p.target)
				by.lifts = append(by.lifts, p)
			}
		}
	}
}

// undo ends an order before it is carried out. Under Engine.mu.
func (p *Progress) undo() {
	p.undone = true
	p.end()
}

// noted is that one more shard has taken note of an order.
func (p *Progress) noted() {
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	p.shards--
	p.engine.advance()
}

// end is under Engine.mu.
func (p *Progress) end() {
	p.over = true
	close(p.done)
}

// orderEvents is what is told when an order has been carried out.
var orderEvents = [...]string{
	OrderPause: "pool_paused", OrderResume: "pool_resumed", OrderReconnect: "pool_reconnected", OrderDrain: "pool_drained", OrderKill: "pool_killed",
	OrderDisable: "pool_disabled", OrderEnable: "pool_enabled", OrderContinue: "pool_resumed",
}

// tell tells that it has been carried out. Under Engine.mu.
func (p *Progress) tell() {
	for name := range p.engine.templates {
		if p.target.isFor(name) {
			p.engine.host.Log(Notice{Level: Info, Message: "the order to " + p.order.String() + " was carried out", Pool: name,
				Database: p.target.Database, Event: orderEvents[p.order]})
		}
	}
}

// advance ends the orders that have been carried out. Under Engine.mu.
func (e *Engine) advance() {
	if len(e.orders) == 0 {
		return
	}
	rest := e.orders[:0]
	for _, p := range e.orders {
		if !p.over && p.shards <= 0 && p.left() == 0 {
			if p.order == OrderPause {
				e.change(p) // from now on it stands
			}
			p.end()
			p.tell()
		}
		if !p.over {
			rest = append(rest, p)
		}
	}
	clear(e.orders[len(rest):])
	e.orders = rest
	e.ordered.Store(int32(len(rest)))
}

// clientLeft tells the orders that wait for clients to leave.
func (e *Engine) clientLeft() {
	if e.ordered.Load() == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
}

// opens counts a connection to Postgres before it is dialed, and tells its generation.
func (e *Engine) opens(p *sharedPool) (generation uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	generation = e.generation.Load()
	if p.opened == nil {
		p.opened = map[uint64]int{}
	}
	p.opened[generation]++
	return generation
}

// closed counts it out: it has ended, or did not come to be.
func (e *Engine) closed(p *sharedPool, generation uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch n := p.opened[generation]; {
	case n <= 0:
		panic("bug: engine: a server has ended that was not counted")
	case n == 1:
		delete(p.opened, generation)
	default:
		p.opened[generation] = n - 1
	}
	e.advance()
}

// open is how many connections to Postgres there are of generations before that, those of branches included. Under Engine.mu.
func (p *sharedPool) open(before uint64) (n int) {
	for generation, opened := range p.opened {
		if generation < before {
			n += opened
		}
	}
	for _, branch := range p.branches {
		n += branch.open(before)
	}
	return n
}
