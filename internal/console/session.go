package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// maxMessageBytes bounds a message of a client: a command with the longest names is a few hundred bytes.
	maxMessageBytes = 64 << 10
	// flushBytes is how much is collected before it is sent: an answer may have a row for each of a million clients.
	flushBytes = 64 << 10
	// writeTimeout ends a session whose client does not read.
	writeTimeout = 30 * time.Second
)

// Client is who has logged in.
type Client struct {
	User  string
	Admin bool // else it may SHOW
	// PID and Secret are its cancel key; Cancel says that a CancelRequest with it has come, which ends what the session waits for.
	PID    uint32
	Secret []byte
	Cancel <-chan struct{}
}

// session is one client's connection.
type session struct {
	Client
	world   World
	shared  *Shared
	conn    net.Conn
	in      *bufio.Reader // below the messages, to see the client leave in the midst of a command
	backend *pgproto3.Backend
	out     []byte
	failed  error // of writing

	prepared map[string]*statement
	portals  map[string]*portal
	skipping bool // to the next Sync, after an error
	// unfinished is the portal with rows that were not fetched; nil: there is none.
	unfinished *portal
}

// Serve talks to a client that has been told AuthenticationOk, until it leaves or the context ends, when it is told 57P01. It does not close the
// connection. The error says how the conversation broke; nil if it ended in good order.
func Serve(ctx context.Context, conn net.Conn, c Client, w World, shared *Shared) error {
	s := newSession(conn, c, w, shared)
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	s.greet()
	for {
		message, err := s.receive()
		if err == nil {
			err = s.take(ctx, message)
		}
		if ctx.Err() != nil {
			err = &problem{state: adminShutdown, message: "terminating connection due to administrator command"}
		}
		if err != nil {
			return s.end(err)
		}
	}
}

func newSession(conn net.Conn, c Client, w World, shared *Shared) *session {
	s := &session{
		Client: c, world: w, shared: shared, conn: conn, in: bufio.NewReader(conn),
		prepared: map[string]*statement{}, portals: map[string]*portal{},
	}
	s.backend = pgproto3.NewBackend(s.in, io.Discard)
	s.backend.SetMaxBodyLen(maxMessageBytes)
	return s
}

// errLeft is that the client has said goodbye.
var errLeft = errors.New("the client has left")

// receive waits for the next message. What is none is the client's fault, and it is told so.
func (s *session) receive() (pgproto3.FrontendMessage, error) {
	message, err := s.backend.Receive()
	var broken net.Error
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken) {
		return message, err
	}
	return nil, &problem{state: protocolViolation, message: "invalid message: " + err.Error()}
}

// end says the last word, and tells whether the conversation ended well.
func (s *session) end(err error) error {
	var last *problem
	if errors.As(err, &last) {
		s.send(errorResponse("FATAL", last))
		s.flush()
	}
	if errors.Is(err, errLeft) || errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("console session of %s: %w", s.User, err)
}

// take does what a message asks for. An error ends the session.
func (s *session) take(ctx context.Context, message pgproto3.FrontendMessage) error {
	switch m := message.(type) {
	case *pgproto3.Query:
		if s.skipping {
			return nil
		}
		if err := s.query(ctx, m.String); err != nil {
			return err
		}
	case *pgproto3.Terminate:
		return errLeft
	case *pgproto3.Sync:
		s.skipping = false
		s.endPortals()
		s.ready()
	default:
		if err := s.extended(ctx, message); err != nil {
			return err
		}
	}
	return s.failed
}

// query runs a Query: one command. An error ends the session.
func (s *session) query(ctx context.Context, text string) error {
	s.endPortals()
	if err := s.queryOne(ctx, text); ends(err) {
		return err
	} else if err != nil {
		s.refuse(err)
	}
	s.ready()
	return nil
}

func (s *session) queryOne(ctx context.Context, text string) error {
	stmt, err := parse(text)
	if err != nil {
		return err
	}
	if stmt.empty() {
		s.send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	a, err := s.run(ctx, stmt)
	if err != nil {
		return err
	}
	if a.table != nil {
		s.send(a.table.describe(nil))
	}
	s.answer(a, nil)
	return nil
}

// ends tells whether an error of a command is that the session ends.
func ends(err error) bool { return errors.Is(err, errLeft) || errors.Is(err, context.Canceled) }

// refuse tells an error; the session goes on.
func (s *session) refuse(err error) { s.send(errorResponse("ERROR", err)) }

// ready ends the answer to a Query or a Sync. There are no transactions.
func (s *session) ready() {
	s.send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	s.flush()
}
