package engine

import (
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// LISTEN scales: in pool_mode transaction and statement no client listens by itself. One server for each (database, user),
// the listener, listens to all that any client does, and what it hears is passed on to the clients.
//
//	        LISTEN a            which channels? UNLISTEN *            LISTEN a
//	client ─────────▶ its server ◀────────────────────── its shard ─────────────▶ listener's shard ──▶ listener
//	   ▲                                                  │  ▲  its ReadyForQuery waits               │
//	   └──────────────────────────────────────────────────┘  └────────── listening, notifications ◀───┘
//
// The statements run on whatever server the client has, in its transaction, so that errors, tags, rollbacks and savepoints are
// Postgres's own. When the transaction is over, that server is asked what it listens to now, and told to listen to nothing; the
// answer is the client's channels. The client is told that its transaction is over when the listener listens to them: no
// notification that is sent after that is missed. A client that listens, and notifies, is told when the listener has heard all
// that was sent before, its own included: as Postgres, which tells a session its own notifications first.
//
// What a shard knows of it is below; the listener, of whose shard there is one, is in listener.go.

// hub is a shard's part of what the clients of one pool listen to.
type hub struct {
	channels map[string]*channel
	clients  int
	// waits is the clients that wait for the listener, in their order; asked is the number of the last.
	waits []listenWait
	asked uint64
	alarm int64    // when the next timer for them is due
	gone  []string // channels that nobody here listens to any more; the listener is to be told
}

// channel is one channel that clients of a shard listen to, or are about to.
type channel struct {
	name    string
	members []member
	coming  int // clients that will listen when the listener does
}

// member is a client that listens to a channel, and where in its listening.channels that stands.
type member struct{ client, at uint32 }

// listening is what a client listens to, and what it has not been told.
type listening struct {
	channels []membership
	waiting  uint32 // messages that wait for the end of its transaction, in Shard.held; 0: none
}

// membership is a channel that a client listens to, and where in its members that stands.
type membership struct {
	channel *channel
	at      uint32
}

// hub is made by the first that listens.
func (p *shardPool) listeners() *hub {
	if p.hub == nil {
		p.hub = &hub{channels: map[string]*channel{}}
	}
	return p.hub
}

// channel is the one of that name; fresh reports that nobody here has listened to it.
func (h *hub) channel(name string) (ch *channel, fresh bool) {
	ch = h.channels[name]
	if ch == nil {
		ch, fresh = &channel{name: name}, true
		h.channels[name] = ch
	}
	return ch, fresh
}

// enter has a client listen to a channel.
func (s *Shard) enter(c *client, ch *channel) {
	l := s.listening[c.Slot]
	if l == nil {
		l = &listening{}
		s.listening[c.Slot] = l
		s.pools[c.pool].listeners().clients++
	}
	for _, m := range l.channels {
		if m.channel == ch {
			return
		}
	}
	ch.members = append(ch.members, member{client: c.Slot, at: uint32(len(l.channels))})
	l.channels = append(l.channels, membership{channel: ch, at: uint32(len(ch.members) - 1)})
	c.Listens = true
}

// exit has a client listen to the channel at that place of its list no more. The last of both lists take the free places.
func (s *Shard) exit(c *client, l *listening, at uint32) {
	m := l.channels[at]
	ch := m.channel
	last := uint32(len(ch.members) - 1)
	moved := ch.members[last]
	ch.members[m.at] = moved
	s.listening[moved.client].channels[moved.at].at = m.at
	ch.members = ch.members[:last]

	end := uint32(len(l.channels) - 1)
	l.channels[at] = l.channels[end]
	l.channels[end] = membership{}
	l.channels = l.channels[:end]
	if at < end {
		l.channels[at].channel.members[l.channels[at].at].at = at
	}
	s.pools[c.pool].hub.leave(ch)
}

// leave forgets a channel that nobody listens to.
func (h *hub) leave(ch *channel) {
	if len(ch.members) == 0 && ch.coming == 0 && h.channels[ch.name] == ch {
		delete(h.channels, ch.name)
		h.gone = append(h.gone, ch.name)
	}
}

// listensNoMore takes a client out of all channels.
func (s *Shard) listensNoMore(c *client) {
	l := s.listening[c.Slot]
	if l == nil {
		return
	}
	for n := len(l.channels); n > 0; n-- {
		s.exit(c, l, uint32(n-1))
	}
	s.held.drop(&l.waiting)
	delete(s.listening, c.Slot)
	c.Listens, c.Pending = false, false
	p := s.pools[c.pool]
	p.hub.clients--
	s.tellGone(p)
}

// Channels is session.Listeners: the statements that have a session listen to what the client does.
func (s *Shard) Channels(machine *session.Client) []string {
	statements := []string{"UNLISTEN *"}
	if l := s.listening[machine.Slot]; l != nil {
		for _, m := range l.channels {
			statements = append(statements, "LISTEN "+quoteChannel(m.channel.name))
		}
	}
	return statements
}

func quoteChannel(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

var _ session.Listeners = (*Shard)(nil)

// listensAlone reports whether a client of that profile gets texts in another encoding than the listener, which has the one that
// any session of the pool begins with. Postgres alone can convert them: such a client listens on its own server, which LISTEN pins.
func (s *Shard) listensAlone(c *client, p *profile) bool {
	encoding, ok := p.value("client_encoding")
	return ok && s.otherEncoding(s.pools[c.pool], encoding)
}

// otherEncoding reports whether an encoding is not the listener's.
func (s *Shard) otherEncoding(p *shardPool, encoding string) bool {
	begun, known := p.top().shared.greetings.begin("client_encoding")
	if !known {
		begun = "UTF8"
	}
	return encodingName(encoding) != encodingName(begun) && !(isUTF8(encoding) && isUTF8(begun))
}
