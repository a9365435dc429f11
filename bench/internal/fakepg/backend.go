// Package fakepg is a Postgres without a database: it logs everybody in, answers `SELECT` with one row of one
// column, keeps statement names, settings and the transaction status as Postgres does, has an empty catalog, and costs next to
// nothing, so that what is measured is whatever stands before it.
package fakepg

import (
	"bytes"
	"encoding/binary"
	"net"

	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// messageLimit is the largest message taken.
const messageLimit = 64 << 20

// Backend serves the server side of many connections on one loop.
type Backend struct {
	rig      *rig.Rig
	sessions []*session // by slot
	texts    texts
	counters Counters
}

// Counters is what a Backend has seen. Read it on the loop.
type Counters struct {
	Sessions int // open now
	// MaxSessions is the most that were open at once, Logins how many were ever opened.
	MaxSessions int
	Logins      uint64
	// Queries counts simple queries and Executes; Extra those of them that no client has asked for, once Expect has told
	// what clients ask.
	Queries, Extra uint64
	// Parses counts Parse messages; Unknown the Binds and Describes of names never parsed here, which are taken for
	// `SELECT 1`, so that poolers which know nothing of prepared statements can be measured too.
	Parses, Unknown uint64
	// Broken counts sessions that sent what is not the protocol.
	Broken uint64
}

// New makes a Backend on a rig.
func New(r *rig.Rig) *Backend {
	return &Backend{rig: r, sessions: make([]*session, r.Capacity()), texts: newTexts()}
}

// Serve accepts connections until the listener closes.
func (b *Backend) Serve(l net.Listener) {
	b.rig.Serve(l, b, func(c net.Conn, number uint32) error { return wire.Welcome(c, number, number^0x5bd1e995) })
}

// Expect tells what clients say: all else is extra. Call it on the loop.
func (b *Backend) Expect(texts []string) { b.texts.expect(texts) }

// Counters returns the counters.
func (b *Backend) Counters() Counters { return b.counters }

// Opened begins a session.
func (b *Backend) Opened(id loop.ID) {
	b.sessions[id.Slot()] = newSession(&b.texts, &b.counters)
	b.counters.Sessions++
	b.counters.Logins++
	b.counters.MaxSessions = max(b.counters.MaxSessions, b.counters.Sessions)
}

// Step answers what came, all of it at once.
func (b *Backend) Step(e *loop.Event) {
	switch e.Kind {
	case loop.Received:
		b.received(e.Conn, e.Data)
	case loop.Ended, loop.Failed:
		b.end(e.Conn)
	}
}

// end forgets a session.
func (b *Backend) end(id loop.ID) {
	b.sessions[id.Slot()] = nil
	b.counters.Sessions--
}

// received answers the messages of data and keeps what is left of the last one.
func (b *Backend) received(id loop.ID, data []byte) {
	s := b.sessions[id.Slot()]
	if len(s.partial) > 0 {
		s.partial = append(s.partial, data...)
		data = s.partial
	} else if s.plain() && bytes.Equal(data, selectOne) {
		b.counters.Queries++
		b.rig.Send(id, simpleSelect)
		return
	}
	out := b.rig.Scratch()
	rest, out, ok := b.answer(s, data, out)
	s.partial = append(s.partial[:0], rest...)
	b.rig.Keep(out)
	if len(out) > 0 {
		b.rig.Send(id, out)
	}
	if !ok {
		b.end(id)
		b.rig.Close(id)
	}
}

// selectOne is what most of a benchmark consists of.
var selectOne = wire.AppendQuery(nil, "SELECT 1")

// answer appends the replies to every whole message of data. Not ok: the session is over.
func (b *Backend) answer(s *session, data, out []byte) (rest, reply []byte, ok bool) {
	for len(data) >= 5 {
		total := 1 + int(binary.BigEndian.Uint32(data[1:]))
		if total < 5 || total > messageLimit {
			b.counters.Broken++
			return nil, out, false
		}
		if total > len(data) {
			break
		}
		if data[0] == wire.Terminate {
			return nil, out, false
		}
		out = s.message(data[0], data[5:total], out)
		data = data[total:]
	}
	return data, out, true
}
