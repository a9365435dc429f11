package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// authIdle is how long a connection for questions is kept without one.
	authIdle = time.Minute
	// authLifetime is how long it is kept at most: the upstreams may have changed their roles meanwhile.
	authLifetime = 10 * time.Minute
	// authPause is how long a database is not asked after it could not be: whoever wants to know is told the same error.
	authPause = 500 * time.Millisecond
	// maxAuthFailures bounds for how many databases that is remembered: clients may invent them.
	maxAuthFailures = 1024
)

var errAuthQueryClosed = errors.New("the auth query's configuration is no longer in use: connect again")

// authServers is the connections over which an AuthQuery asks: a few at most, over all databases, kept while they are
// used. The last used is used next, so that in quiet times one a database is left, and none after a minute.
type authServers struct {
	cfg   AuthQueryConfig
	dial  func(context.Context, string) (authServer, error) // with a database
	turns chan struct{}                                     // one for each connection that there may be in use

	mu       sync.Mutex
	closed   bool
	idle     []*idleAuthServer // the last used at the end
	failures bounded[string, authFailure]
	told     time.Time // when OnError was last
}

// authServer is a connection to ask over.
type authServer interface {
	ask(ctx context.Context, query, user string) (authRow, error)
	usable() bool
	close()
}

type idleAuthServer struct {
	authServer
	database string
	opened   time.Time
	expiry   *time.Timer
}

type authFailure struct {
	err error
	at  time.Time
}

func newAuthServers(cfg AuthQueryConfig) *authServers {
	s := &authServers{
		cfg: cfg, turns: make(chan struct{}, cfg.Connections),
		failures: newBounded[string, authFailure](maxAuthFailures),
	}
	s.dial = func(ctx context.Context, database string) (authServer, error) {
		return dialAuthServers(ctx, cfg, database)
	}
	return s
}

// ask waits for a connection's turn and asks. If there is no connection to the database to be had, all who come within
// authPause are told the same. Not so if it is the question that fails: it may be because of the name, and whoever
// invents names must not keep others out.
func (s *authServers) ask(ctx context.Context, who Identity) (authRow, error) {
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return authRow{}, fmt.Errorf("all %d connections for questions are in use: %w", cap(s.turns), ctx.Err())
	}
	defer func() { <-s.turns }()
	if err := s.failing(who.Database); err != nil {
		return authRow{}, err
	}
	row, err := s.askOver(ctx, who)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		s.tell(err)
	}
	return row, err
}

// tell tells OnError, now and then.
func (s *authServers) tell(err error) {
	s.mu.Lock()
	now := time.Now()
	silent := now.Sub(s.told) < authPause
	if !silent {
		s.told = now
	}
	s.mu.Unlock()
	if !silent {
		s.cfg.OnError(fmt.Errorf("auth query: %w", err))
	}
}

// failing is why the database cannot be asked just now.
func (s *authServers) failing(database string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errAuthQueryClosed
	}
	if f, ok := s.failures.get(database); ok && time.Since(f.at) < authPause {
		return f.err
	}
	return nil
}

// askOver asks over an idle connection or else a new one. If an idle one proves broken, and then all may be, it asks
// once more over a new one: a question changes nothing.
func (s *authServers) askOver(ctx context.Context, who Identity) (authRow, error) {
	if server := s.take(who.Database); server != nil {
		row, err := server.ask(ctx, s.cfg.Query, who.User)
		usable := server.usable()
		if s.give(server); err == nil || usable || errors.Is(ctx.Err(), context.Canceled) {
			return row, err
		}
		s.closeIdle()
		if ctx.Err() != nil {
			return row, err
		}
	}
	opened, err := s.open(ctx, who.Database)
	if err != nil {
		return authRow{}, err
	}
	server := &idleAuthServer{authServer: opened, database: who.Database, opened: time.Now()}
	row, err := server.ask(ctx, s.cfg.Query, who.User)
	s.give(server)
	return row, err
}

func (s *authServers) open(ctx context.Context, database string) (authServer, error) {
	server, err := s.dial(ctx, database)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		s.mu.Lock()
		s.failures.put(database, authFailure{err, time.Now()})
		s.mu.Unlock()
	}
	return server, err
}

// take returns an idle connection to the database; if there is none, it sees to it that there is room for one.
func (s *authServers) take(database string) *idleAuthServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, server := range slices.Backward(s.idle) {
		if server.database == database {
			s.idle = slices.Delete(s.idle, i, i+1)
			server.expiry.Stop()
			return server
		}
	}
	// With this turn's connection there must not be more than turns: idle ones and those in use.
	if len(s.idle) > 0 && len(s.idle)+len(s.turns) > cap(s.turns) {
		s.drop(s.idle[0])
	}
	return nil
}

// give takes a connection back after a question, and closes it if it is of no more use.
func (s *authServers) give(server *idleAuthServer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !server.usable() || time.Since(server.opened) >= authLifetime {
		server.close()
		return
	}
	server.expiry = time.AfterFunc(authIdle, func() { s.expire(server) })
	s.idle = append(s.idle, server)
}

func (s *authServers) expire(server *idleAuthServer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(server)
}

// drop closes a connection if it is idle still.
func (s *authServers) drop(server *idleAuthServer) {
	if i := slices.Index(s.idle, server); i >= 0 {
		s.idle = slices.Delete(s.idle, i, i+1)
		server.expiry.Stop()
		server.close()
	}
}

func (s *authServers) closeIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.idle) > 0 {
		s.drop(s.idle[0])
	}
}

func (s *authServers) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.closeIdle()
}
