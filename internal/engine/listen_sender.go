package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A notification names the process that sent it, and clients compare that with their own, as BackendKeyData told them. To
// Postgres the process is one of our servers; to clients it is the client that had that server.

const (
	// senderFor is how long a client that has said NOTIFY counts as the sender of what its server has sent, though the server has
	// another client already: notifications take their time.
	senderFor = 100 * time.Millisecond
	// senderDoubt is for how long it is not known whose a notification is, where two clients have said NOTIFY on one server
	// within that time. It is told as the server's own: who took another's for one of its own would miss it.
	senderDoubt = 10 * time.Millisecond
)

// sender is the client that notifies by way of a server.
type sender struct {
	client atomic.Uint32 // the process ID it knows as its own; 0: not known
	heard  atomic.Uint32 // who is known to have sent nothing that the listener has not heard
	// last is who has said NOTIFY last, since when, and doubt until when that tells nothing. The shard of the server alone reads
	// these.
	last         uint32
	since, doubt int64
}

// process is a process of Postgres.
type process struct {
	upstream string
	pid      uint32
}

// senders is who notifies by which process, over all shards.
type senders struct{ byProcess sync.Map }

func (t *senders) add(srv *server) {
	srv.sender = &sender{since: loop.Never}
	t.byProcess.Store(process{srv.upstream.address, srv.pid}, srv.sender)
}

func (t *senders) remove(srv *server) {
	t.byProcess.CompareAndDelete(process{srv.upstream.address, srv.pid}, srv.sender)
}

// of is the process ID that clients know a process by.
func (t *senders) of(upstream string, pid uint32) uint32 {
	if v, ok := t.byProcess.Load(process{upstream, pid}); ok {
		if known := v.(*sender).client.Load(); known != 0 {
			return known
		}
	}
	return pid
}

// sends notes that a server has got a client.
func (s *Shard) sends(srv *server, c *client) {
	if t := srv.sender; t.since == loop.Never || s.now-t.since >= int64(senderFor) {
		t.client.Store(s.pid(c))
		t.since = loop.Never
	}
}

// Notifies is session.Listeners: the client of a server notifies.
func (s *Shard) Notifies(machine *session.Server, by *session.Client) {
	if srv := s.serverAt(machine.Conn); srv != nil && srv.sender != nil {
		srv.sender.notifies(s.pid(s.client(by.Slot)), s.now)
		if l := s.listening[by.Slot]; l != nil {
			l.sender = srv.sender
		}
	}
}

func (t *sender) notifies(by uint32, now int64) {
	if t.since != loop.Never && t.last != by && now-t.since < int64(senderDoubt) && t.heard.Load() != t.last {
		t.doubt = now + int64(senderDoubt)
	}
	t.heard.Store(0)
	t.last, t.since = by, now
	if now < t.doubt {
		by = 0
	}
	t.client.Store(by)
}

// hasBeenHeard notes that the listener has heard all that a client has sent.
func (s *Shard) hasBeenHeard(c *client) {
	if l := s.listening[c.Slot]; l != nil && l.sender != nil {
		l.sender.heard.Store(s.pid(c))
		l.sender = nil
	}
}

// Notification is session.Listeners: what a client is told of a notification that its own server has got. What the client
// listens to already, the listener hears for it.
func (s *Shard) Notification(machine *session.Server, to *session.Client, m []byte) []byte {
	srv := s.serverAt(machine.Conn)
	pid, name, ok := pgwire.Notification(m)
	if srv == nil || !ok || s.listensAlready(to, name) {
		return nil
	}
	told := pgwire.AppendNotification(nil, m, s.engine.senders.of(srv.upstream.address, pid))
	if to.Listens { // behind what the listener has heard meanwhile
		s.keepFor(s.client(to.Slot), told)
		return nil
	}
	return told
}

func (s *Shard) listensAlready(c *session.Client, name []byte) bool {
	if l := s.listening[c.Slot]; l != nil {
		for _, m := range l.channels {
			if m.channel.name == string(name) {
				return true
			}
		}
	}
	return false
}
