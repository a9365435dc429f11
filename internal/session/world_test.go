package session

import (
	"bytes"
	"fmt"
	"net"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// world links clients to servers as the engine does, at the points this package allows, without sockets and time.
// Bytes sent are looked at when the turn ends, and bytes fed are spoiled then: who keeps a view too long is found out.
type world struct {
	env     *Env
	clients []*testClient
	servers []*testServer
	sends   []send
	events  []string // what happened besides bytes
}

type send struct {
	conn uint64
	b    []byte
}

// Send implements Wire.
func (w *world) Send(conn uint64, b []byte) {
	if len(b) == 0 {
		panic("bug: nothing was sent")
	}
	w.sends = append(w.sends, send{conn, b})
}

type testClient struct {
	Client
	name     string
	held     []byte
	need     int
	server   *testServer
	prefers  *testServer
	waiting  bool
	blocked  Verdict
	gone     bool
	quits    bool   // it has ended the conversation, and is still being answered
	received []byte // since it was last looked at
	all      []byte
}

type testServer struct {
	Server
	name     string
	client   *testClient
	state    string // idle, linked, abandoned, rollback, reset, closed
	pg       *postgres
	conn     net.Conn // a real Postgres instead
	received []byte
	all      []byte
	pins     Pins
}

const firstServer = 1000

func newWorld() *world {
	w := &world{}
	w.env = NewEnv(w)
	return w
}

func (w *world) addClient(name string) *testClient {
	c := &testClient{name: name}
	c.Slot = uint32(len(w.clients) + 1)
	c.Conn = uint64(len(w.clients))
	w.clients = append(w.clients, c)
	return c
}

func (w *world) addServer(name string) *testServer {
	s := &testServer{name: name, state: "idle", pg: newPostgres()}
	s.Status = pgwire.StatusIdle
	s.MaxPrepared = 100
	s.Sequences.Own = true
	s.Conn = uint64(firstServer + len(w.servers))
	w.servers = append(w.servers, s)
	return s
}

func (w *world) event(format string, args ...any) {
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

// turn does f as one turn of a loop.
func (w *world) turn(f func()) {
	w.env.BeginTurn()
	f()
	for _, s := range w.sends {
		if s.conn >= firstServer {
			srv := w.servers[s.conn-firstServer]
			srv.received = append(srv.received, s.b...)
			srv.all = append(srv.all, s.b...)
			switch {
			case srv.state == "closed":
			case srv.conn != nil:
				if _, err := srv.conn.Write(s.b); err != nil {
					panic(err)
				}
			default:
				srv.pg.receive(s.b)
			}
			continue
		}
		c := w.clients[s.conn]
		c.received = append(c.received, s.b...)
		c.all = append(c.all, s.b...)
	}
	w.sends = w.sends[:0]
}

// clientSays feeds what a client sent.
func (w *world) clientSays(c *testClient, b []byte) {
	if c.gone || c.quits {
		return
	}
	data := slices.Clone(b)
	w.turn(func() {
		fresh := len(c.held) == 0
		c.held = append(c.held, data...)
		if !c.waiting && c.blocked == More && (fresh || len(c.held) >= c.need) {
			w.process(c)
		}
	})
	for i := range data {
		data[i] = 0xEE
	}
}

// process feeds what is held of a client.
func (w *world) process(c *testClient) {
	for !c.gone {
		data := c.held
		c.held = nil
		var machine *Server
		srv := c.server
		if srv != nil {
			machine = &srv.Server
		}
		used, verdict, need := c.Feed(w.env, machine, data)
		c.held = slices.Clone(data[used:])
		if srv != nil {
			w.notePins(srv)
		}
		switch verdict {
		case More:
			c.need = need
			if srv != nil && !srv.Owes() {
				w.settled(srv)
			}
			return
		case NeedServer:
			if !w.acquire(c) {
				return
			}
		case Blocked, Await:
			c.blocked = verdict
			return
		case Quit, Violated:
			if srv != nil && srv.Finishing() {
				c.quits = true
				return
			}
			if b := Violation(c.held); verdict == Violated && len(b) > 0 {
				w.Send(c.Conn, b)
			}
			w.leave(c)
			return
		}
	}
}

func (w *world) notePins(srv *testServer) {
	if fresh := srv.Pins &^ srv.pins; fresh != 0 {
		fresh.Each(func(reason string) { w.event("%s pinned: %s", srv.name, reason) })
	}
	srv.pins = srv.Pins
}

// acquire links the server the client prefers, or else the first that rests.
func (w *world) acquire(c *testClient) bool {
	for _, s := range w.servers {
		if s.state != "idle" || c.prefers != nil && c.prefers != s {
			continue
		}
		c.waiting = false
		c.server, s.client, s.state = s, c, "linked"
		s.Settings = c.Settings
		w.event("%s ── %s", c.name, s.name)
		return true
	}
	if !c.waiting {
		w.event("%s waits", c.name)
	}
	c.waiting = true
	return false
}

// leave ends a client.
func (w *world) leave(c *testClient) {
	c.gone, c.waiting = true, false
	w.event("%s leaves", c.name)
	if s := c.server; s != nil {
		c.server, s.client = nil, nil
		if !s.Abandon(w.env, &c.Client) || s.Dying {
			w.closeServer(s)
		} else {
			s.state = "abandoned"
			w.settled(s)
		}
	}
	c.Forget(w.env)
}

func (w *world) closeServer(s *testServer) {
	s.state = "closed"
	w.event("%s is closed", s.name)
	s.Drop(w.env)
	if c := s.client; c != nil {
		c.server, s.client = nil, nil
		w.leave(c)
	}
}

// serverSays feeds what a server sent.
func (w *world) serverSays(s *testServer, b []byte) {
	if s.state == "closed" || len(b) == 0 {
		return
	}
	data := slices.Clone(b)
	w.turn(func() {
		var c *Client
		if s.client != nil {
			c = &s.client.Client
		}
		if !s.Feed(w.env, c, data) {
			w.event("%s broke the protocol", s.name)
			w.closeServer(s)
			return
		}
		w.settled(s)
	})
	for i := range data {
		data[i] = 0xEE
	}
}

// settled is the engine's, in short.
func (w *world) settled(s *testServer) {
	switch s.state {
	case "linked":
		c := s.client
		if c.quits && !s.Finishing() {
			w.leave(c)
			return
		}
		if s.Releasable() && !c.MidFrame() && s.Touched.Any() && s.Pins.Askable() {
			s.Known() // as the engine would, having asked: in this world settings change nothing
		}
		if s.Releasable() && !c.MidFrame() && s.Pins == 0 {
			c.server, s.client = nil, nil
			c.blocked = More
			w.release(s)
			w.process(c)
			return
		}
		if c.blocked == Blocked && s.Relieved() || c.blocked == Await && s.Answered() {
			c.blocked = More
			w.process(c)
		}
	case "abandoned":
		switch {
		case !s.Settled():
		case s.Unsure() || s.Dying:
			w.closeServer(s)
		case s.Status != pgwire.StatusIdle:
			s.state = "rollback"
			s.Ask(w.env, "rollback")
		default:
			w.clean(s)
		}
	case "rollback":
		if s.Settled() {
			w.clean(s)
		}
	case "reset":
		if s.Settled() {
			s.Cleaned(w.env)
			s.pins = 0
			w.release(s)
		}
	}
	if s.Dying && s.state == "idle" {
		w.closeServer(s)
	}
}

func (w *world) clean(s *testServer) {
	if s.Pins == 0 && !s.Touched.Any() {
		w.release(s)
		return
	}
	s.state = "reset"
	s.Ask(w.env, "discard all")
}

func (w *world) release(s *testServer) {
	s.state = "idle"
	w.event("%s rests", s.name)
	for _, c := range w.clients {
		if c.waiting && !c.gone && w.acquire(c) {
			w.process(c)
			return
		}
	}
}

// check holds what must be so between turns.
func (w *world) check() error {
	for _, s := range w.servers {
		if s.state == "idle" && (!s.Releasable() || s.Pins != 0 || s.client != nil) {
			return fmt.Errorf("server %s rests and is not clean", s.name)
		}
		if s.state == "linked" && (s.client == nil || s.client.server != s) {
			return fmt.Errorf("server %s is linked to nobody", s.name)
		}
	}
	for _, c := range w.clients {
		if i := bytes.Index(c.all, []byte("pgmux_")); i >= 0 {
			return fmt.Errorf("client %s was shown a name of ours: %q", c.name, c.all[max(0, i-80):min(len(c.all), i+60)])
		}
	}
	return nil
}
