package session

import "github.com/pgmux/caddy-pgmux/internal/prepared"

// Kind says what a server owes for one message, and who gets it.
type Kind uint8

const (
	oweNothing Kind = iota
	// Replies the client sees.
	oweParse    // ParseComplete
	oweBind     // BindComplete
	oweDescribe // RowDescription or NoData, after a ParameterDescription if it was a statement
	oweExecute  // CommandComplete, PortalSuspended, EmptyQueryResponse
	oweClose    // CloseComplete
	oweQuery    // everything up to ReadyForQuery
	oweFunction // the same, for a FunctionCall
	oweSync     // ReadyForQuery
	// Replies to messages of ours, which nobody sees.
	oweParseOurs
	oweCloseOurs
	oweQueryOurs
	oweSyncOurs
	// Replies of ours, to messages the server never saw; due when they come to the head.
	dueParse
	dueClose
)

// extended reports whether an error makes the server skip what follows up to a Sync.
func (k Kind) extended() bool {
	switch k {
	case oweNothing, oweQuery, oweFunction, oweSync, oweQueryOurs, oweSyncOurs:
		return false
	}
	return true
}

// owed is one entry.
type owed struct {
	kind  Kind
	named bool // with a Parse or Close: it was about the name below
	// stmt is the statement parsed, bound, described or closed. A Parse or Close holds a reference of its own.
	stmt prepared.StmtID
	// name is where the client's name for it lies in Owed.names: for undoing what never ran.
	name, nameLen uint32
}

// MaxOwed bounds the replies owed by one server. A client that sends more before it reads any is made to wait; a
// Flush sees to it that the server speaks.
const MaxOwed = 32768

// MaxOwedNames bounds the bytes of names kept for what is owed, in the same way.
const MaxOwedNames = 1 << 20

// Owed is the queue of what one server owes: a ring that grows to MaxOwed.
type Owed struct {
	ring       []owed // length a power of two
	head, tail uint32
	names      []byte
}

func (q *Owed) len() int { return int(q.tail - q.head) }

func (q *Owed) full() bool { return q.len() >= MaxOwed || len(q.names) >= MaxOwedNames }

func (q *Owed) at(i uint32) *owed { return &q.ring[i&uint32(len(q.ring)-1)] }

func (q *Owed) push(kind Kind, stmt prepared.StmtID) *owed {
	if q.len() == len(q.ring) {
		bigger := make([]owed, max(64, 2*len(q.ring)))
		for i := q.head; i != q.tail; i++ {
			bigger[i&uint32(len(bigger)-1)] = *q.at(i)
		}
		q.ring = bigger
	}
	if q.head == q.tail {
		q.names = q.names[:0]
	}
	o := q.at(q.tail)
	*o = owed{kind: kind, stmt: stmt}
	q.tail++
	return o
}

// pushNamed pushes an entry that remembers the client's name.
func (q *Owed) pushNamed(kind Kind, stmt prepared.StmtID, name []byte) {
	o := q.push(kind, stmt)
	o.named, o.name, o.nameLen = true, uint32(len(q.names)), uint32(len(name))
	q.names = append(q.names, name...)
}

func (q *Owed) nameOf(o *owed) []byte { return q.names[o.name : o.name+o.nameLen] }

// first is the kind at the head.
func (q *Owed) first() Kind {
	if q.head == q.tail {
		return oweNothing
	}
	return q.at(q.head).kind
}

func (q *Owed) pop() owed {
	o := *q.at(q.head)
	q.head++
	return o
}
