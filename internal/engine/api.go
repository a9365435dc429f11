package engine

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Setting is one run-time parameter of a session, as a StartupMessage or a ParameterStatus carries it.
type Setting struct{ Name, Value string }

// Client is a logged-in client connection: what the login hands over, and what the engine owns from then on.
// AuthenticationOk has been sent; the engine sends ParameterStatus, BackendKeyData and ReadyForQuery.
type Client struct {
	// FD is the connected, non-blocking stream socket. The engine's, once Attach has returned nil.
	FD int
	// Unread is what the client sent after its last login message. The engine copies it.
	Unread []byte
	// Layer decrypts what the socket carries; nil: nothing is encrypted. FD's and Layer's bytes are what Unread has not.
	Layer loop.Layer
	// Pool names the pool; Database and User tell which servers serve the client: those of that database, logged in as
	// that user.
	Pool, Database, User string
	// Login is whom the client has logged in as; empty: User. It differs where one user logs in for all.
	Login string
	// Priority is the client's place in the queue for servers.
	Priority Priority
	// LongKey: the client speaks protocol 3.2, and gets a cancel key of 32 bytes.
	LongKey bool
	// Replication is the parameter of that name: the client gets a server of its own, that is dialed with it and with
	// Startup, and everything goes straight through. Empty: an ordinary client.
	Replication string
	// Startup is the run-time parameters of the StartupMessage, without user, database, replication and options;
	// what `options` set is among them, as parameters, in the order Postgres applies them.
	Startup []Setting
	// Address is the client's, as Admit has got it: ip:port, or the path of a Unix socket.
	Address string
}

// DialRequest asks the Host for a logged-in server connection. The Host answers with Engine.Dialed, once.
type DialRequest struct {
	Ticket Ticket
	// Database is what the server is asked for, whatever the client has asked for.
	Pool, Database, User, Upstream string
	// Replication and Startup are the parameters to log in with, for a client of its own; mostly empty.
	Replication string
	Startup     []Setting
	// Timeout bounds dialing and login together.
	Timeout time.Duration
}

// Ticket identifies a request to the Host: which shard asked, and for what.
type Ticket struct {
	Shard int
	Seq   uint64
}

// DialResult is what became of a DialRequest.
type DialResult struct {
	// FD is the connected, non-blocking socket, at its first ReadyForQuery with nothing unread. The engine's.
	FD int
	// Layer decrypts what the socket carries; nil: nothing is encrypted.
	Layer loop.Layer
	// PID and Secret are the server's BackendKeyData.
	PID    uint32
	Secret []byte
	// Params is every ParameterStatus the server reported, in order.
	Params []Setting
	// Refused says why there is no server; nil if there is.
	Refused *Refusal
}

// Refusal says why something was not done, in words for whoever asked: an ErrorResponse.
type Refusal struct {
	SQLState, Message, Detail, Hint string
	// Permanent: trying again will not help before somebody changes a password, a database or a configuration.
	// Clients that wait are told at once; otherwise they wait on while dialing is retried.
	Permanent bool
	// Upstream is the server's own ErrorResponse, whole message with its header, where it sent one.
	Upstream []byte
}

// Error makes a Refusal an error.
func (r *Refusal) Error() string { return r.Message + " (SQLSTATE " + r.SQLState + ")" }

// CancelRequest asks the Host to cancel what the server with this key runs. The Host answers with Engine.Cancelled,
// once, when the upstream has closed the cancel connection (the signal is then delivered), or has failed.
type CancelRequest struct {
	Ticket         Ticket
	Pool, Upstream string
	PID            uint32
	Secret         []byte
	Timeout        time.Duration
}

// ClassifyRequest asks for what the grammar says of a text, which is the Host's.
type ClassifyRequest struct {
	Ticket Ticket
	Text   []byte
}

// Host is the world around the engine: what blocks, and what people read. Its methods are called from the loops,
// return at once, and may be called from several loops at the same time.
type Host interface {
	Dial(DialRequest)
	Cancel(CancelRequest)
	// Classify asks what the grammar says of a text. The Host answers with Engine.Classified, once.
	Classify(ClassifyRequest)
	// Follow asks for the stream of changes of a database, which the primary of a pool tells. The Host answers with Engine.Follows and
	// FollowsNot, as often as that changes, and with Engine.Changed; and with Unfollowed if it gives up.
	Follow(pool, database string)
	// Share asks for what other processes share with a pool of a database. The Host answers with Engine.Shares, as often as that changes, and
	// Unshared if it gives up.
	Share(pool, database string)
	// Accepted gives a client that has connected to a socket named to Engine.Accept: a connected, non-blocking stream socket,
	// the Host's from then on, whatever it answers. False: there is no room for more, and the shard accepts nobody for a moment.
	Accepted(name uint64, fd int) (room bool)
	// AcceptFailed tells that nobody can be accepted there, with the system's error number. It is tried again in a moment.
	AcceptFailed(name uint64, errno int32)
	// ProbeSoon asks for a probe of an upstream of a pool out of turn: something has gone wrong with it.
	ProbeSoon(pool, address string)
	// Trace takes a transaction that belongs to a trace.
	Trace(Span)
	// Log takes a notice for operators.
	Log(Notice)
	// Dismiss tells a client that was attached, and that no shard has taken, why it cannot stay, and closes its descriptor.
	Dismiss(Client, *Refusal)
	// CloseFD closes a descriptor that no driver has taken yet.
	CloseFD(fd int)
	// Random returns a number nobody can guess: half of a cancel key.
	Random() uint64
}

// Level is the importance of a Notice.
type Level uint8

// The levels, as Caddy's loggers have them.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Notice is one thing worth a line in the log.
type Notice struct {
	Level                          Level
	Message                        string
	Pool, Database, User, Upstream string
	// Application is the application_name that the client has given itself when it logged in, if it is about one.
	Application string
	// Address is the client's, if it is about a client.
	Address string
	// Statement is the beginning of the text of what the client did last, and Elapsed how long ago that was over.
	Statement string
	Elapsed   time.Duration
	// Event is its name, if others than the log are to be told as well: what has become of an upstream, or of a pool.
	Event string
	// Life is set if it is about the life of a client.
	Life *Life
	// Slow is set if it is about a slow query, of which Statement is then the normal form and Elapsed how long it took.
	Slow *SlowQuery
	// Cause is what went wrong, with a likely cure.
	Cause string
	// Stack is the stack of a bug in the engine.
	Stack []byte
}
