package poolhandler

import (
	"context"
	"crypto/subtle"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/console"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// maxConsoleSessions bounds the sessions of the console, idle ones included: people, exporters and scripts. One costs a goroutine and some 30 KiB,
// and 1 MiB if it prepares as much as it may. It has the rows of one answer at most, until they are sent, or fetched: of 100,000 clients 60 MiB,
// and with as many servers 190 (SHOW SOCKETS); half as much again while they are gathered. All sessions at once, so, may have 4 GiB, or 12.
const maxConsoleSessions = 64

// reservedForAdmins is how many of them users of stats_users leave free: exporters that do not close what they open keep no operator out.
const reservedForAdmins = 8

// placesFor is how many sessions there may be for a client to come in.
func placesFor(client console.Client) int {
	if client.Admin {
		return maxConsoleSessions
	}
	return maxConsoleSessions - reservedForAdmins
}

// consoles is the sessions of the console, and what they share. It outlives configurations.
type consoles struct {
	process *process
	shared  console.Shared
	samples samples

	mu   sync.Mutex
	plan *consolePlan // in force; nil: there is no console
	open map[*consoleSession]struct{}

	sessions sync.WaitGroup // those of open
}

// consoleSession is one of them, as others see it.
type consoleSession struct {
	console.Client
	ctx     context.Context // ends when the session is to end
	end     context.CancelFunc
	cancels chan struct{} // a CancelRequest has come
}

func (c *consoles) init(p *process) {
	c.process, c.open = p, map[*consoleSession]struct{}{}
}

// apply puts a console in force, or none. Who may not be in any more, or not as what he is, is told 57P01.
func (c *consoles) apply(next *consolePlan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan = next
	for s := range c.open {
		if !next.permits(s.User, s.Admin) {
			s.end()
		}
	}
	c.samples.run(next != nil, c.process.snapshot)
}

// enter takes a session in, if there is room, and its user is still one of the console's.
func (c *consoles) enter(client console.Client) (*consoleSession, *login.Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.plan.permits(client.User, client.Admin) {
		return nil, shuttingDown()
	}
	if len(c.open) >= placesFor(client) {
		return nil, manySessions()
	}
	s := &consoleSession{Client: client, cancels: make(chan struct{}, 1)}
	s.ctx, s.end = context.WithCancel(context.Background())
	c.open[s] = struct{}{}
	c.sessions.Add(1)
	return s, nil
}

func (c *consoles) leave(s *consoleSession) {
	s.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, s)
	c.sessions.Done()
}

// awaitEnd waits until all sessions, which have been ended, have been told so; a moment at most.
func (c *consoles) awaitEnd() {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.sessions.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(farewellTimeout):
	}
}

// farewellTimeout is how long the end of the process waits for clients of the console that do not read.
const farewellTimeout = time.Second

func (c *consoles) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// cancel tells a session that what it waits for is not wanted any more, and reports whether the key is a session's.
func (c *consoles) cancel(pid uint32, secret []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.open {
		if s.PID == pid && subtle.ConstantTimeCompare(s.Secret, secret) == 1 {
			select {
			case s.cancels <- struct{}{}:
			default:
			}
			return true
		}
	}
	return false
}
