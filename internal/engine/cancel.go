package engine

import (
	"encoding/binary"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// A client's cancel key: the process ID is the shard and the slot, the secret is random. Both are ours; the server's
// own key never leaves the pooler.
const slotBits = 24

func (s *Shard) pid(c *client) uint32 { return uint32(s.index)<<slotBits | c.Slot }

// cancelTimeout bounds a cancel connection.
const cancelTimeout = 10 * time.Second

// cancelling is a cancel on its way to a server.
type cancelling struct{ server uint64 } // loop.ID of the server

// Cancel is a client's CancelRequest: pid and secret are what the engine gave it as BackendKeyData.
func (e *Engine) Cancel(pid uint32, secret []byte) {
	shard := int(pid >> slotBits)
	if shard >= len(e.shards) || len(secret) != 4 {
		return
	}
	e.shards[shard].mail.Post(mail{kind: mailCancel, pid: pid, secret: binary.BigEndian.Uint32(secret)})
}

// cancel stops what a client is doing, if the key is the client's: a query at the server it has now, or its wait. For
// a client that does nothing it does nothing.
func (s *Shard) cancel(pid, secret uint32) {
	slot := pid & (1<<slotBits - 1)
	if slot == 0 || slot >= s.slots.used {
		return
	}
	sl := s.slots.slot(slot)
	// One comparison of equal cost whether or not the key is right; the secret of a free slot is not known to anybody.
	if sl.kind != slotClient || sl.client.secret^secret != 0 {
		return
	}
	c := &sl.client
	switch c.state {
	case clientWaiting:
		s.cancelWait(c)
	case clientPreparing:
		c.cancelled = c.welcomed // its query has not been sent yet, and is not going to be
	case clientLinked:
		if srv := s.serverOf(c); srv.Owes() {
			s.pools[c.pool].counts.Cancels++
			s.cancelServer(srv)
		}
	}
}

// cancelServer sends a cancel to a server. One at a time: a second would hit the same query, or another.
func (s *Shard) cancelServer(srv *server) {
	if srv.cancels > 0 || len(srv.secret) == 0 {
		return
	}
	srv.cancels++
	s.seq++
	s.cancels[s.seq] = cancelling{srv.Conn}
	s.engine.host.Cancel(CancelRequest{Ticket: Ticket{s.index, s.seq}, Pool: srv.pool.shared.pool, Upstream: srv.upstream.address,
		PID: srv.pid, Secret: srv.secret, Timeout: cancelTimeout})
}

// cancelled takes the news that a cancel has been delivered, or has failed: the server may serve others again.
func (s *Shard) cancelled(ticket uint64) {
	cc, ok := s.cancels[ticket]
	if !ok {
		return
	}
	delete(s.cancels, ticket)
	sl := s.slots.at(loop.ID(cc.server))
	if sl == nil || sl.kind != slotServer {
		return
	}
	srv := sl.server(s)
	srv.cancels--
	if srv.purpose == waiting {
		s.clean(srv)
	}
}
