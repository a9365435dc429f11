package engine

import (
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// listQuestion asks a server what it listens to, and ends that.
const listQuestion = "SELECT * FROM pg_catalog.pg_listening_channels();UNLISTEN *"

// maxListed is how often a server is asked, whose client has set a short statement_timeout.
const maxListed = 3

// list deals with what a server's client has done with channels, now that its transaction is over. It reports true if the
// server is asked about that, or will be.
func (s *Shard) list(srv *server, c *client) bool {
	ch := &srv.Channels
	if !ch.Changed && !ch.Worn && !ch.Held {
		return false
	}
	if ch.Unsure {
		s.sever(srv, c, listUnknown.message("FATAL"))
		return true
	}
	if !ch.Changed && !ch.Worn {
		srv.Channels = session.Channels{}
		s.hearFirst(c)
		return false
	}
	if ch.Worn && !ch.Changed && !ch.Held && c.blocked != session.More {
		s.relieve(srv, c) // what they were put there for comes first
		return true
	}
	if srv.cancel != 0 {
		return true // it would be hit; cancelled looks again
	}
	srv.listed = 0
	s.askWhatItListensTo(srv, c)
	return true
}

func (s *Shard) askWhatItListensTo(srv *server, c *client) {
	srv.listing = true
	srv.listed++
	s.inquire(srv, c, listQuestion)
}

// listed takes the answer.
func (s *Shard) listed(srv *server, c *client) {
	if srv.Failed && srv.Releasable() && srv.listed < maxListed {
		s.askWhatItListensTo(srv, c)
		return
	}
	c.state, srv.purpose = clientLinked, linked
	if srv.Failed || !srv.Releasable() {
		s.sever(srv, c, listUnknown.message("FATAL"))
		return
	}
	channels := srv.Channels
	srv.Channels = session.Channels{}
	c.unready = c.unready || channels.Held
	var names []string
	srv.Rows(func(columns [][]byte) {
		if len(columns) == 1 && string(columns[0]) != s.engine.markerChannel {
			names = append(names, string(columns[0]))
		}
	})
	if s.unheardOf(srv, names) {
		s.sever(srv, c, listUnknown.message("FATAL"))
		return
	}
	added := s.listensTo(c, names, channels.Worn)
	s.forgetUndelivered(c, added)
	if len(added) > 0 {
		s.awaitListener(c, added)
	} else if channels.Held {
		s.hearFirst(c)
	}
	s.tellGone(s.pools[c.pool])
	s.settled(srv)
	if s.clientOf(srv) == c {
		s.proceed(c) // the server stays, and the client may have said more meanwhile
	}
}

// unheardOf reports whether there are names that the listener would not understand: those with letters beyond ASCII, of a session
// that has got another encoding within the transaction.
func (s *Shard) unheardOf(srv *server, names []string) bool {
	for _, q := range srv.params {
		if q.Name == "client_encoding" && s.otherEncoding(srv.pool, q.Value) {
			return slices.ContainsFunc(names, func(name string) bool {
				return strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 })
			})
		}
	}
	return false
}

// hearFirst has a client whose transaction is over wait until the listener has heard what was sent before. Where there is none
// now, and where the client listens to nothing any more, it is told at once.
func (s *Shard) hearFirst(c *client) {
	c.unready = true
	if c.Listens && s.pools[c.pool].shared.hearing.Load() {
		s.awaitListener(c, nil)
		return
	}
	s.tellReady(c)
}

// listensTo makes names the channels of a client: all of them, or, if its own were not among them, more. It returns those
// that are new; the client listens to them when the listener does.
func (s *Shard) listensTo(c *client, names []string, all bool) (added []*channel) {
	h := s.pools[c.pool].listeners()
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	if l := s.listening[c.Slot]; l != nil {
		for i := len(l.channels) - 1; i >= 0; i-- {
			name := l.channels[i].channel.name
			if !there[name] && all {
				s.exit(c, l, uint32(i))
			}
			there[name] = false
		}
	}
	for _, name := range names {
		if there[name] {
			ch, _ := h.channel(name)
			ch.coming++
			added = append(added, ch)
		}
	}
	if l := s.listening[c.Slot]; l != nil && len(l.channels)+len(added) == 0 {
		s.listensNoMore(c)
	}
	return added
}

var listUnknown = &Refusal{
	SQLState: "08006",
	Message:  "what the session listens to could not be found out",
	Detail:   "After LISTEN or UNLISTEN, Postgres did not tell the pooler the channels of the session, or they are too many.",
	Hint:     "Connect again, and listen to fewer channels.",
}
