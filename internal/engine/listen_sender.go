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

// senderFor is how long a client that has said NOTIFY counts as the sender of what its server has sent, though the server has
// another client already: notifications take their time.
const senderFor = time.Second

// sender is the client that notifies by way of a server.
type sender struct {
	client atomic.Uint32 // the process ID it knows as its own
	since  int64         // when it said NOTIFY; the shard of the server alone reads it
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
		srv.sender.client.Store(s.pid(s.client(by.Slot)))
		srv.sender.since = s.now
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
	return pgwire.AppendNotification(nil, m, s.engine.senders.of(srv.upstream.address, pid))
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
