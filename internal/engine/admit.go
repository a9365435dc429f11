package engine

import (
	"strconv"

	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// Admit counts a client in before it logs in; nil if there is room. Every Admit is followed by one Attach that
// succeeds, or one Leave.
func (e *Engine) Admit(name string) *Refusal {
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
	return nil
}

var refusedShuttingDown = &Refusal{
	SQLState: "57P03",
	Message:  "the pooler is shutting down",
	Hint:     "Connect to another instance, or try again.",
}

// Leave gives an admission back.
func (e *Engine) Leave(name string) {
	e.clients.Give()
	e.template(name).clients.Give()
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
