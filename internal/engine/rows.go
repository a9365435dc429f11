package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// ClientRow is one client, as it is at one moment.
type ClientRow struct {
	// ID names the client as long as it is connected; it is less than 2^60. Rows are sorted by it.
	ID                          uint64
	Pool, Database, User        string
	Login, Application, Address string        // whom it has logged in as, and what it calls itself
	State                       string        // idle, active, waiting, logging_in or closing
	Since, Age                  time.Duration // in that state, and logged in
	Server                      uint64        // ID of the server it has; 0: none
	ServerPID                   uint32        // of that
	Upstream                    string        // of that
	PID                         uint32        // as it knows itself, from its BackendKeyData
	Prepared                    int           // statements that it has named
	TLS                         bool
	Pinned                      []string // why it keeps its server
	Listening                   int      // channels
	Queries                     uint64   // what it has asked, pipelines counting once
	Why                         string   // why what it has asked last goes, or went, as it does
}

// ServerRow is one server.
type ServerRow struct {
	// ID names the server as long as it is connected, on whatever event loop. Rows are sorted by it.
	ID                    uint64
	Pool, Database, User  string
	Address               string // of the upstream
	State                 string // idle, active, checking, resetting, being_canceled, draining or listening
	PID                   uint32 // of Postgres's process
	Client                uint64 // ID of its client; 0: none
	ClientPID             uint32
	Since, Age            time.Duration // since it was used or given back last, and since it was connected
	Application           string        // what its session's application_name is set to
	Pinned                []string      // why it stays with its client
	Prepared              int           // statements that it has
	TLS                   bool
	Queries, Transactions uint64 // since it came to its event loop
}

// Filter says which rows are wanted. What is empty fits all.
type Filter struct {
	Pool, Database, User, Application, State, Upstream string
	// Address is a client's with or without its port.
	Address string
	// After: only rows with a greater ID. Limit: not more than so many; 0: all.
	After uint64
	Limit int
}

func fits(want, is string) bool { return want == "" || want == is }

// takesIn reports whether rows of a pool are wanted.
func (f *Filter) takesIn(k poolKey) bool { return fits(f.Pool, k.pool) && fits(f.Database, k.database) }

// A client's ID is made of its shard, its slot and its generation, in this order, so that a shard's clients are found from any ID on.
const (
	idGenBits  = 24
	idSlotBits = 28
)

func clientID(shard int, conn uint64) uint64 {
	id := loop.ID(conn)
	return uint64(shard)<<(idSlotBits+idGenBits) | uint64(id.Slot())<<idGenBits | uint64(id.Gen())
}

// place is the shard, the slot and the connection of a client's ID.
func place(id uint64) (shard int, slot uint32, conn uint64) {
	slot = uint32(id >> idGenBits & (1<<idSlotBits - 1))
	return int(id >> (idSlotBits + idGenBits)), slot, uint64(loop.MakeID(slot, uint32(id&(1<<idGenBits-1))))
}

func reasonsOf(p session.Pins) (list []string) {
	p.Each(func(reason string) { list = append(list, reason) })
	return list
}
