package querycache

import (
	"context"
	"errors"
	"time"
)

// Several processes may share what they know of one database: each tells the others what is written through it, and offers them the
// replies that it has got. What they tell goes through a log that all of them read in the same order, so that a place in it, a position, says
// for every reply what it already takes in.
//
//	a reply is offered with the position that was read up to before it was asked for;
//	it is taken by a process only if nothing that it depends on was written behind that position, as far as the process has read;
//	what is written through the process itself counts as written behind every position, until it has read it in the log.
//
// What was begun and is taken back (OpCancel) was no write: it counts until that is read. A text that nobody has read before is one mostly, of the whole
// database.
//
// What is behind what it has read ends the reply as soon as it is read, like every other (Evidence).

// Op is what a Witness is told of a table.
type Op uint8

const (
	// OpBegin, OpEnd and OpCancel are Table.Begin, End and Cancel; OpChange is Change.
	OpBegin Op = iota
	OpEnd
	OpCancel
	OpChange
	// OpSeen is a change that the others learn of without being told: by the change stream of the database, or by looking.
	OpSeen
)

// Witness is told what this process knows to be written in one database. It is called on event loops, several at once: it does not wait.
type Witness interface {
	// Note is told of each Op of a table before that takes effect. Ledger.All is the whole database.
	Note(Op, *Table)
}

// Shared is a reply as processes offer it to each other.
type Shared struct {
	// Reply is the messages as clients get them. Nobody changes them.
	Reply []byte
	// Shape is Entry.Shape, which must mean the same in all processes.
	Shape uint64
	// Tables is what the reply depends on: names without schemas. The whole database is always among it, unnamed.
	Tables []string
	// Position is up to where the log had been read before the reply was asked for.
	Position uint64
	// Left is how long it may still be served, at most.
	Left time.Duration
}

// SharedKey is a key as all processes make it: a cryptographic hash of everything that must be equal for two reads to have the same reply.
type SharedKey [32]byte

// Store is what processes share: a guest module in the namespace postgres.caches implements it. All methods may be called from several
// goroutines at once, and return when their context ends. An error of any of them means that what follows in the log may be missed.
type Store interface {
	// Generation names the store as it is: it is another one when a log may have lost something of its end, as by a restart or a failover.
	Generation(ctx context.Context) (string, error)
	// Append puts a record at the end of the log of that name, and returns its position, which is 1 more than that of the record before it.
	Append(ctx context.Context, log string, record []byte) (position uint64, err error)
	// Read returns records behind a position, in order and without a gap, and the position of the last. It waits for the first, but for a
	// bounded time: none is no error. ErrForgotten is that records behind that position are gone.
	Read(ctx context.Context, log string, behind uint64) (records [][]byte, last uint64, err error)
	// Last is the position of the last record; 0: there is none.
	Last(ctx context.Context, log string) (uint64, error)
	// Get returns a value that was set, and how long it still lasts; nil: there is none.
	Get(ctx context.Context, key string) (value []byte, left time.Duration, err error)
	// Set sets a value that lasts so long. It may be forgotten at any time.
	Set(ctx context.Context, key string, value []byte, lasts time.Duration) error
}

// ErrForgotten is what Store.Read returns where records behind a position are gone.
var ErrForgotten = errors.New("what was written behind that position is forgotten")
