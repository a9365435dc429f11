package engine

import (
	"strconv"

	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// Admit counts a client in before it logs in; nil if there is room. address is ip:port, or the path of a Unix socket.
// Every Admit is followed by one Attach that succeeds, with the same address, or one Leave.
func (e *Engine) Admit(name, address string) *Refusal {
	if e.draining.Load() {
		return refusedShuttingDown
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.templates[name]
	if t == nil || t.removed.Load() {
		return refusedUnknownPool(name)
	}
	if !e.clients.Take() {
		return refusedFull("max_client_connections", e.clients.Limit())
	}
	if !t.clients.Take() {
		e.clients.Give()
		return refusedFull("max_client_connections of pool "+name, t.clients.Limit())
	}
	address = kept(address)
	if limit := t.config.Load().MaxAddressClientConnections; !t.limits.enter(address, limit) {
		give(&e.clients, &t.clients)
		return refusedAddress(name, hostOf(address), limit)
	}
	return nil
}

// kept is as much of an address as a client's slot keeps, and so what is known of it when the client leaves.
func kept(address string) string { return address[:min(len(address), addressLen)] }

var refusedShuttingDown = &Refusal{
	SQLState: "57P03",
	Message:  "the pooler is shutting down",
	Hint:     "Connect to another instance, or try again.",
}

// Leave gives an admission back.
func (e *Engine) Leave(name, address string) { e.left(e.template(name), address, 0) }

// left gives back what a client was counted in: its admission, and its login if it had come so far.
func (e *Engine) left(t *template, address string, login loginID) {
	give(&e.clients, &t.clients)
	e.mu.Lock()
	defer e.mu.Unlock()
	t.limits.exit(kept(address))
	t.limits.logOut(login)
}

func (e *Engine) template(name string) *template {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.templates[name]
}

// Clients is how many clients are admitted, those that log in included.
func (e *Engine) Clients() int { return e.clients.Taken() }

func refusedFull(limit string, value int) *Refusal {
	return &Refusal{
		SQLState: "53300",
		Message:  "sorry, too many clients already",
		Detail:   limit + " is " + strconv.Itoa(value) + ".",
		Hint:     "Close connections that are not needed, or raise the limit.",
	}
}

func refusedUnknownPool(name string) *Refusal {
	return &Refusal{
		SQLState:  "3D000",
		Message:   "pool \"" + name + "\" does not exist",
		Hint:      "It is no longer in the configuration of the pooler.",
		Permanent: true,
	}
}

// permits is a pool's and an upstream's permit for one server, taken together.
func (p *shardPool) takePermits(u *upstream) bool {
	if !u.servers.Take() {
		return false
	}
	if !p.shared.shared.Size.Take() {
		u.servers.Give()
		return false
	}
	return true
}

func give(budgets ...*pool.Budget) {
	for _, b := range budgets {
		b.Give()
	}
}
