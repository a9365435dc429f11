package engine

import (
	"sync"
	"sync/atomic"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A notification names the process that sent it, and clients compare that with their own, as BackendKeyData told them. To
// Postgres the process is one of our servers; to clients it is the client that had that server. The servers say who that is
// (session/markers.go), and the listener believes them (markers.go).
//
// A client whose own server hears hears no markers. Of that server's own notifications it is the sender. Those of others it is told as
// of the client that has the server, in pool_mode session; as of its only client so far; and else as of the server.

// sender is what a server is to those who hear its notifications.
type sender struct {
	number uint64
	// doubts counts how often what it has said of its clients has ceased to be true; ended: it sends nothing any more.
	doubts atomic.Uint32
	ended  atomic.Bool
	// client is whom who hears no markers takes for the sender; 0: nobody. shared: it has had several clients.
	client atomic.Uint32
	shared atomic.Bool
}

// process is a process of Postgres.
type process struct {
	upstream string
	pid      uint32
}

// senders is the servers of all shards that may notify.
type senders struct {
	last      atomic.Uint64 // the number of the last
	byNumber  sync.Map
	byProcess sync.Map
	// ended is how many have ended; the last of those are still found by their numbers, because what they have sent may not be
	// heard yet.
	ended atomic.Uint64
	late  [maxLate]atomic.Uint64
}

// maxLate bounds those that are still found when they have ended.
const maxLate = 1024

func (t *senders) add(srv *server) {
	srv.sender = &sender{number: t.last.Add(1)}
	t.byNumber.Store(srv.sender.number, srv.sender)
	t.byProcess.Store(process{srv.upstream.address, srv.pid}, srv.sender)
}

func (t *senders) remove(srv *server) {
	t.byProcess.CompareAndDelete(process{srv.upstream.address, srv.pid}, srv.sender)
	srv.sender.ended.Store(true)
	place := t.ended.Add(1) % maxLate
	t.byNumber.Delete(t.late[place].Swap(srv.sender.number))
}

func (t *senders) numbered(number uint64) *sender {
	if v, ok := t.byNumber.Load(number); ok {
		return v.(*sender)
	}
	return nil
}

// only is the only client that a process has had; 0 if it is not ours, or has had several.
func (t *senders) only(upstream string, pid uint32) uint32 {
	v, ours := t.byProcess.Load(process{upstream, pid})
	if !ours {
		return 0
	}
	client := v.(*sender).client.Load()
	if v.(*sender).shared.Load() {
		return 0
	}
	return client
}

// of is the process ID by which those know a process who hear no markers.
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
	t, who := srv.sender, s.pid(c)
	if before := t.client.Load(); before == who {
		return
	} else if before != 0 {
		t.shared.Store(true)
	}
	if t.shared.Load() && srv.pool.config().Mode != Session {
		who = 0
	}
	t.client.Store(who)
}

// Notification is session.Listeners: what a client is told of a notification that its own server has got. What the client
// listens to already, the listener hears for it.
func (s *Shard) Notification(machine *session.Server, to *session.Client, m []byte) []byte {
	srv := s.serverAt(machine.Conn)
	pid, name, ok := pgwire.Notification(m)
	if srv == nil || !ok || s.listensAlready(to, name) {
		return nil
	}
	sentBy := s.PID(to)
	switch {
	case pid == srv.pid:
	case machine.Pins&(session.PinSession|session.PinListen) == 0:
		return nil // it has not been told yet that it listens
	default:
		sentBy = s.engine.senders.of(srv.upstream.address, pid)
	}
	told := pgwire.AppendNotification(nil, m, sentBy)
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
