package session

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// Client is one logged-in application connection. It holds no pointers and lives in slabs, so that a million of them
// cost the garbage collector nothing.
type Client struct {
	Conn uint64 // loop.ID
	Slot uint32
	// left is the bytes of the present frame that are still to come; drop says that they go nowhere.
	left uint32
	// names is the head of its prepared statements in Env.Names; unnamed is its unnamed one.
	names   uint32
	unnamed prepared.StmtID
	// unnamedTold is what it was told that its unnamed statement returns; those of the others are in Env.Names.
	unnamedTold prepared.Shape
	// DrewOn is the slot of the server on which it may have drawn from sequences last; 0: it has not, Discarded: nor has it
	// since it discarded what it had drawn.
	DrewOn uint32

	drop bool
	// skip: an error was given by us; everything up to the next Sync is ignored, as Postgres would.
	skip bool
	// refused: an error was given instead of a server; the next frame decides how the conversation goes on.
	refused bool
	// local: messages of the present batch were answered without a server; its Sync can be, too.
	local bool
	// begun is a BEGIN that it has been answered, and that no server has been sent; failed: none could be, and the client has not
	// ended the transaction yet. Defers: so BEGIN is done.
	begun          begun
	failed, Defers bool
	// Splits: what reads goes to other servers than what writes.
	Splits bool
	// NoTransactions refuses BEGIN: pool_mode statement.
	NoTransactions bool
	// NoPrepared passes prepared statements through and pins: max_prepared_statements 0.
	NoPrepared bool
	// manners is whether it asks for numbers of sequences.
	manners manners
	// Unreadable: its encoding has characters in which bytes of ASCII mean something else; its SQL is not read.
	Unreadable bool
	// fromSQL: it has prepared statements by SQL.
	fromSQL bool
	// BackslashQuotes: it has standard_conforming_strings off, as far as it has been told.
	BackslashQuotes bool

	// Settings identifies what its session is set to, Startup what it was at login, and Meaning that part of Settings which
	// changes what a text means. They are equal for equal settings on all shards.
	Settings, Startup, Meaning uint64
	// Listens: it listens to channels. Pending: notifications for it wait for the end of its transaction.
	Listens, Pending bool
	// ListensAlone: it listens on its own server, because the one that listens for others would tell it in another encoding.
	ListensAlone bool
	// Pinning says what becomes of what cannot follow it to another server.
	Pinning Pinning
}

// MidFrame reports whether a frame has been forwarded in part.
func (c *Client) MidFrame() bool { return c.left > 0 && !c.drop }

// AmidBatch reports whether the client is in the middle of what we answer for Postgres: its ReadyForQuery is still to come.
func (c *Client) AmidBatch() bool { return c.local || c.skip || c.refused }

// Refuse lets the client go on after it was told, with an error, that its next frame is not going to be served: up to
// the end of that query, or of that pipeline, nothing is done, and then it is told that it may go on.
func (c *Client) Refuse() { c.refused = true }

// Statements is how many prepared statements the client has, the unnamed one included.
func (c *Client) Statements(e *Env) (n int) {
	n = e.Names.Count(c.names)
	if c.unnamed != prepared.None {
		n++
	}
	return n
}

// Forget gives back what the client holds of the shard.
func (c *Client) Forget(e *Env) {
	e.Names.Clear(c.Slot, &c.names, e.release)
	c.setUnnamed(e, prepared.None)
}

// replaceUnnamed makes id, whose reference it takes over, the unnamed statement, and remembers in o, the entry of the
// message that says so, which it was before: should the server skip the message, it is that again.
func (c *Client) replaceUnnamed(id prepared.StmtID, o *owed) {
	o.replaced, o.before = true, c.unnamed
	c.unnamed, c.unnamedTold = id, 0
}

// setUnnamed makes id, whose reference it takes over, the unnamed statement.
func (c *Client) setUnnamed(e *Env, id prepared.StmtID) {
	e.release(c.unnamed)
	c.unnamed, c.unnamedTold = id, 0
}

// nameFor is the client's own name for a statement, for texts of errors.
func (c *Client) nameFor(e *Env, id prepared.StmtID) []byte {
	return e.Names.NameOf(c.Slot, &c.names, id)
}

// forgetName undoes a Parse of the statement that did not run, unless the name means another meanwhile, and not just the same with another
// meaning (fitting).
func (c *Client) forgetName(e *Env, name []byte, id prepared.StmtID) {
	now, ok := e.Names.Get(c.Slot, name)
	if !ok || now != id && !e.sameText(now, id) {
		return
	}
	e.Names.Delete(c.Slot, &c.names, name)
	e.release(now)
}

// restoreName undoes a Close that did not run; it takes over the reference.
func (c *Client) restoreName(e *Env, name []byte, id prepared.StmtID) {
	replaced, ok := e.Names.Set(c.Slot, &c.names, name, id)
	if !ok {
		e.release(id)
		return
	}
	e.release(replaced)
}

// Verdict is why Client.Feed stopped.
type Verdict uint8

const (
	// More: everything that could be done was done; what is left over is the beginning of a frame.
	More Verdict = iota
	// NeedServer: the frame that begins what is left over needs a server.
	NeedServer
	// Blocked: the server owes too much; feed the rest when it owes less.
	Blocked
	// Await: feed the rest when the server owes nothing.
	Await
	// Yield: others wait for a server, and this one is to leave its client before the rest is fed; see resting.go.
	Yield
	// Quit: the client said Terminate.
	Quit
	// Violated: the client broke the protocol; see Violation.
	Violated
)

// Violation is what a client is told before it is closed for breaking the protocol, in Postgres's words. Of a length that
// cannot be Postgres tells nobody but its log.
func Violation(frame []byte) []byte {
	if pgwire.KnownClientType(frame[0]) {
		return nil
	}
	return pgwire.AppendError(nil, "FATAL", "08P01", "invalid frontend message type "+itoa(int(frame[0])), "", "")
}

func itoa(n int) string {
	if n >= 10 {
		return itoa(n/10) + string(rune('0'+n%10))
	}
	return string(rune('0' + n))
}
