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
	oweDescribeOurs
	oweBindOurs
	oweExecuteOurs
	oweCloseOurs
	oweQueryOurs
	oweRowsOurs // the same, and its rows are kept
	oweSyncOurs
	// Replies of ours, to messages the server never saw; due when they come to the head.
	dueParse
	dueClose
	// dueCopyEnd is no reply: it is where the client's CopyDone or CopyFail stands among what was sent before the server
	// had said that it reads a COPY.
	dueCopyEnd
)

// ends reports whether the reply is the last of a batch.
func (k Kind) ends() bool { return k == oweQuery || k == oweFunction || k == oweSync }

// extended reports whether an error makes the server skip what follows up to a Sync.
func (k Kind) extended() bool {
	switch k {
	case oweNothing, oweQuery, oweFunction, oweSync, oweQueryOurs, oweRowsOurs, oweSyncOurs:
		return false
	}
	return true
}

// ours reports whether the reply is to a message of ours.
func (k Kind) ours() bool { return k >= oweParseOurs && k <= oweSyncOurs }

// owed is one entry.
type owed struct {
	kind  Kind
	named bool // with a Parse or Close: it gave, or took, the name below
	// unnamed: a Parse of the server's unnamed statement.
	unnamed bool
	// replaced: the message replaced the client's unnamed statement, which was before; the entry holds its reference.
	replaced bool
	before   prepared.StmtID
	// marks: with oweQueryOurs: it is a marker.
	marks bool
	// behindData: with a Sync: CopyData was sent before it.
	behindData bool
	// refused: the server is made to fail instead; the error is ours.
	refused refusal
	// stmt is the statement parsed, bound, described or closed; the entry holds a reference of its own.
	stmt prepared.StmtID
	// hides is the statements of a simple Query that are ours: bit i is the one of which reply i tells.
	hides uint64
	// name is where the client's name for it lies in Owed.names: for undoing what never ran, and for texts of errors.
	// With oweCloseOurs it is the hash of what is closed.
	name, nameLen uint32
	// schema is, with a Parse of a client's, how many changes there had been when it was sent; with a Describe by which a
	// shape is learned, how many that may have changed it.
	schema uint32
	// tells: with a Describe: the client learns by it what the statement of the name below returns.
	tells bool
	// untold: with a Bind: it may, by a Describe of the portal, of which the name lies behind that of the statement.
	untold    bool
	portalLen uint32
	// runs is, with an Execute or a Query, what it runs.
	runs subject
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
	texts      []byte // of simple Queries, as far as they are kept; see subject
	// batches counts the entries that end with ReadyForQuery.
	batches int
	// flushed is what the tail was at the last Flush: what is before it is answered without a Sync.
	flushed uint32
}

func (q *Owed) len() int { return int(q.tail - q.head) }

// asked reports whether there is something that is answered without the client saying more.
func (q *Owed) asked() bool { return q.batches > 0 || int32(q.flushed-q.head) > 0 }

func (q *Owed) full() bool {
	return q.len() >= MaxOwed || q.len() > 0 && len(q.names) >= MaxOwedNames
}

// relieved reports whether half of the room is free again. Names are forgotten only when nothing is owed any more.
func (q *Owed) relieved() bool {
	return q.len() == 0 || q.len() <= MaxOwed/2 && len(q.names) <= MaxOwedNames/2
}

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
		q.names, q.texts = q.names[:0], q.texts[:0]
	}
	o := q.at(q.tail)
	*o = owed{kind: kind, stmt: stmt}
	q.tail++
	if kind.ends() {
		q.batches++
	}
	return o
}

// pushNamed pushes the entry of a message that gave the client's name to a statement, or took it away.
func (q *Owed) pushNamed(kind Kind, stmt prepared.StmtID, name []byte) *owed {
	o := q.pushAbout(kind, stmt, name)
	o.named = true
	return o
}

// pushAbout pushes the entry of a message that only mentions the name.
func (q *Owed) pushAbout(kind Kind, stmt prepared.StmtID, name []byte) *owed {
	o := q.push(kind, stmt)
	o.name, o.nameLen = uint32(len(q.names)), uint32(len(name))
	q.names = append(q.names, name...)
	return o
}

// keep keeps a name for an entry that was pushed already, as long as that is owed.
func (q *Owed) keep(name []byte) []byte {
	n := len(q.names)
	q.names = append(q.names, name...)
	return q.names[n:len(q.names):len(q.names)]
}

func (q *Owed) nameOf(o *owed) []byte { return q.names[o.name : o.name+o.nameLen] }

// oursUpTo reports whether everything ahead of an entry is ours.
func (q *Owed) oursUpTo(at uint32) bool {
	for i := q.head; i != at; i++ {
		if !q.at(i).kind.ours() {
			return false
		}
	}
	return true
}

// holdsAt reports whether an entry that was pushed is still owed.
func (q *Owed) holdsAt(at uint32) bool { return int32(at-q.head) >= 0 }

// sameBatch reports whether what is sent next is skipped if the message with an entry, which is owed, meets an error.
func (q *Owed) sameBatch(at uint32) bool {
	for i := at; i != q.tail; i++ {
		if !q.at(i).kind.extended() {
			return false
		}
	}
	return true
}

// first is the kind at the head.
func (q *Owed) first() Kind {
	if q.head == q.tail {
		return oweNothing
	}
	return q.at(q.head).kind
}

// holds reports whether there is an entry of that kind.
func (q *Owed) holds(kind Kind) bool {
	for i := q.head; i != q.tail; i++ {
		if q.at(i).kind == kind {
			return true
		}
	}
	return false
}

func (q *Owed) pop() owed {
	o := *q.at(q.head)
	q.head++
	if o.kind.ends() {
		q.batches--
	}
	return o
}
