package session

import (
	"hash/maphash"

	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Wire takes bytes on their way to a connection. They stay unchanged until the turn ends.
type Wire interface{ Send(conn uint64, b []byte) }

// Env is what all sessions of one shard share.
type Env struct {
	Wire       Wire
	Statements *prepared.Statements
	Names      *prepared.Names
	// OnSignal, if set, is told that a client has signalled a process ID that no server has: to terminate it, or to cancel. It
	// reports whether that has reached somebody.
	OnSignal func(c *Client, pid uint32, terminate bool) bool
	// Schema is shared with all other shards.
	Schema *Schema

	// Startup says what clients began with.
	Startup Startup
	// OnDefaults, if set, is told that the client of a server has changed what new sessions begin with.
	OnDefaults func(*Server)
	// Listeners, if set, hear notifications for clients; else LISTEN pins.
	Listeners Listeners
	// MayPin, if set, says whether one more server may stay with its client.
	MayPin func(*Server) bool
	// Defines, if set, is told before a client's first text goes to a server that may define Suspects, in this transaction.
	Defines func(*Server)
	// Awaited, if set, says whether others wait for a server of that pool.
	Awaited func(*Server) bool

	// Own, if set, is the statements that set, for this transaction, what the pooler's own settings are for a client.
	Own func(*Client, *Server) []string

	// Runs is told what is about to run on a server that Tracks, and what that does to its session and transaction: a text, of a
	// statement where id is not None; nil is what nobody can read. Defining is of those that package grammar does not understand.
	Runs func(s *Server, text []byte, id prepared.StmtID, effects sql.Effects, defining Defining)

	// OnRan, if set, is told each query that Server.Queries counts; see ran.go.
	OnRan func(*Server, *Ran)
	ran   Ran

	// Prepares counts prepared statements; whoever feeds a client takes it.
	Prepares Prepares
	// Refused is how often a client that has a server was told an error of ours, which no server has said.
	Refused uint64

	// Ask, if set, asks what the grammar says of a text, which it copies; the answer comes by Learn.
	Ask      func(fingerprint uint64, text []byte)
	readings Readings
	// prints is the fingerprints of statements, by StmtID.
	prints []print
	last   lastPrint

	scratch []byte
	// fluxes counts the keys made for settings in flux; fluxBase makes them no other's.
	fluxes, fluxBase uint64
	scan             sql.Statement
	// part is one statement of a text of several.
	part sql.Statement
	// effects is what executing a statement does to its session, by StmtID.
	effects []sql.Effects
	// verdicts is what the present Suspects say of a statement, by StmtID.
	verdicts []verdict
	// parsed is, by StmtID, what Postgres has accepted.
	parsed []accepted
	// shaped is, by StmtID, what Postgres has said that they return.
	shaped []shaped
	// reading is what the names in the text mean that was read last.
	reading reading
}

// Prepares is how often statements with a name were prepared by clients, and on servers, and bound on servers.
type Prepares struct{ ByClients, OnServers, Binds uint64 }

// Add adds what other has counted.
func (p *Prepares) Add(other Prepares) {
	p.ByClients += other.ByClients
	p.OnServers += other.OnServers
	p.Binds += other.Binds
}

// NewEnv is the environment of one shard.
func NewEnv(w Wire) *Env {
	return &Env{
		Wire:       w,
		Statements: prepared.NewStatements(),
		Names:      prepared.NewNames(),
		Schema:     new(Schema),
		scratch:    make([]byte, 0, scratchBlock),
		fluxBase:   maphash.Bytes(textSeed, []byte("flux")) &^ 1,
	}
}

// scratchBlock is one block of scratch memory: what a turn of ordinary size builds.
const scratchBlock = 256 << 10

// BeginTurn takes the scratch memory of the last turn back.
func (e *Env) BeginTurn() { e.scratch = e.scratch[:0] }

// room is scratch memory with room for n bytes, to be appended to and given to keep. If it does not fit in the
// block, a new block begins; the old one lives as long as somebody refers to it.
func (e *Env) room(n int) []byte {
	if cap(e.scratch)-len(e.scratch) < n {
		e.scratch = make([]byte, 0, max(scratchBlock, n))
	}
	return e.scratch[len(e.scratch):]
}

// keep makes b, got from room and appended to, part of the scratch memory in use. If b outgrew its room, it lives
// elsewhere already.
func (e *Env) keep(b []byte) []byte {
	n := len(e.scratch)
	if len(b) > 0 && cap(e.scratch)-n >= len(b) && &e.scratch[:n+1][n] == &b[0] {
		e.scratch = e.scratch[:n+len(b)]
	}
	return b
}

// appendKept appends b to a, the newest piece of scratch memory; if it does not fit there, both move.
func (e *Env) appendKept(a, b []byte) []byte {
	if cap(e.scratch)-len(e.scratch) >= len(b) && adjacent(a, e.scratch[len(e.scratch):len(e.scratch)+len(b)]) {
		e.keep(append(e.scratch[len(e.scratch):], b...))
		return a[:len(a)+len(b)]
	}
	both := e.room(len(a) + len(b))
	return e.keep(append(append(both, a...), b...))
}

// copied is b in scratch memory.
func (e *Env) copied(b []byte) []byte { return e.keep(append(e.room(len(b)), b...)) }

// effectsOf is what executing the statement does.
func (e *Env) effectsOf(id prepared.StmtID) sql.Effects {
	if int(id) < len(e.effects) {
		return e.effects[id]
	}
	return 0
}

func (e *Env) setEffects(id prepared.StmtID, f sql.Effects) {
	for int(id) >= len(e.effects) {
		e.effects = append(e.effects, make([]sql.Effects, 64+len(e.effects))...)
	}
	e.effects[id] = f
	if int(id) < len(e.verdicts) {
		e.verdicts[id] = verdict{} // an earlier statement's, whose ID this one may have got
	}
}

// accepted is a statement that some server has parsed.
type accepted struct {
	hash prepared.Hash
	at   uint32 // how many changes of the schema there had been when the Parse was sent
}

// accepted reports whether some server has parsed the statement.
func (e *Env) accepted(id prepared.StmtID) bool {
	return int(id) < len(e.parsed) && e.parsed[id].hash == e.Statements.Hash(id)
}

// accept notes that. That a server has prepared anew what a client has had for long says nothing of changes since: at is 0 then.
func (e *Env) accept(id prepared.StmtID, at uint32) {
	if e.accepted(id) && at < e.parsed[id].at {
		return
	}
	for int(id) >= len(e.parsed) {
		e.parsed = append(e.parsed, make([]accepted, 64+len(e.parsed))...)
	}
	e.parsed[id] = accepted{e.Statements.Hash(id), at}
}

// release gives a reference to a statement back.
func (e *Env) release(id prepared.StmtID) {
	if id != prepared.None {
		e.Statements.Release(id)
	}
}
