package sim

import (
	"maps"
	"slices"
	"strings"
)

// LISTEN and NOTIFY as Postgres does them: both take effect at commit, notifications are told between transactions, in the
// order of the commits that sent them, to who listens when they are told; the same one is sent once by a transaction.

// note is a notification before its transaction commits: by is the tag of the statement.
type note struct{ channel, payload, by string }

// posted is one that has been sent.
type posted struct {
	note
	pid uint32
	up  *Upstream
	// asked is when its client has asked for that.
	asked int64
}

// parseChannels reads LISTEN, UNLISTEN and NOTIFY.
func (s *statement) parseChannels(sql string, words []string) {
	s.verb = map[string]verb{"LISTEN": listens, "UNLISTEN": unlistens, "NOTIFY": notifies}[strings.ToUpper(words[0])]
	s.channel = identifier(strings.TrimSuffix(words[1], ","))
	s.star = words[1] == "*"
	s.value = literal(sql)
}

// parseChannelFunction reads queries that call functions about channels.
func (s *statement) parseChannelFunction(sql string) bool {
	switch {
	case strings.Contains(sql, "pg_listening_channels()"):
		s.verb = lists
	case strings.Contains(sql, "pg_notify("):
		quoted := literals(sql)
		s.verb, s.called, s.channel = notifies, true, quoted[0]
		if len(quoted) > 1 {
			s.value = quoted[1]
		}
	default:
		return false
	}
	return true
}

// runChannels runs them.
func (s *Session) runChannels(st *statement, args []string, extended bool) {
	switch st.verb {
	case listens:
		s.now.listens[st.channel] = true
		s.say('C', "LISTEN")
	case unlistens:
		delete(s.now.listens, st.channel)
		if st.star {
			clear(s.now.listens)
		}
		s.say('C', "UNLISTEN")
	case notifies:
		n := note{st.channel, st.value, tagFor(st, args)}
		if len(args) > 0 {
			n.payload = strings.Trim(args[0], "@")
		}
		same := func(m note) bool { return m.channel == n.channel && m.payload == n.payload }
		if !slices.ContainsFunc(s.now.notes, same) {
			s.now.notes = append(s.now.notes, n)
		}
		s.now.writes = append(s.now.writes, n.by)
		if st.called {
			s.answer(st, [][]byte{{}}, extended)
			return
		}
		s.say('C', "NOTIFY")
	case lists:
		var rows [][]byte
		for _, name := range slices.Sorted(maps.Keys(s.listening)) {
			rows = append(rows, []byte(name))
		}
		s.answer(st, rows, extended)
	}
}

// notify is the commit of what has been said about channels.
func (s *Session) notify() {
	if !maps.Equal(s.listening, s.now.listens) {
		s.listening = maps.Clone(s.now.listens)
	}
	notes := s.now.notes
	s.now.notes = nil
	if len(notes) > 0 && s.Witness != nil {
		s.Witness.notified(notes)
	}
}

// betweenTransactions reports whether a session may be told of notifications.
func (s *Session) betweenTransactions() bool {
	return s.tx == 'I' && s.saved == nil && s.copying == nil
}

// tellUnread tells of what it has been notified of, if it may.
func (s *Session) tellUnread() {
	if !s.betweenTransactions() {
		return
	}
	unread := s.unread
	s.unread = nil
	for _, n := range unread {
		if s.listening[n.channel] {
			s.say('A', n.pid, n.channel, n.payload)
		}
	}
}

func (p *promises) notified([]note) {}

// notified is told by a backend: every session of its database that listens gets to know, and the clients of the world who have a right to.
func (b *Backend) notified(notes []note) {
	for _, n := range notes {
		p := posted{n, b.pid, b.up, 0}
		if by := b.w.client(clientOfTag(n.by)); by != nil {
			p.asked = by.hearing.asked
		}
		b.w.posted = append(b.w.posted, p)
		b.w.Note("backend %d notifies %s of %s, which is number %d", b.pid, n.channel, n.payload, len(b.w.posted)-1)
		for _, other := range b.w.backends {
			if b.tells(other) && len(other.session.listening) > 0 && !other.end.closed && !other.dying {
				other.session.unread = append(other.session.unread, p)
				b.w.After(int64(b.w.Between(0, int(Millisecond))), other.tellUnread)
			}
		}
		for _, c := range b.w.clients {
			if c.key.database == b.key.database && b.isHeardBy(c) {
				c.hearing.posted(len(b.w.posted)-1, n.channel)
			}
		}
	}
}

// tells reports whether another backend is told of what this one notifies.
func (b *Backend) tells(other *Backend) bool {
	return other.key.database == b.key.database && (b.up.node == nil || other.up == b.up)
}

// isHeardBy reports whether those who listen for a client are where a backend is. Where another server has become the primary, they
// may not be there yet.
func (b *Backend) isHeardBy(c *Client) bool {
	return b.up.node == nil || slices.ContainsFunc(b.w.backends, func(other *Backend) bool {
		return other.up == b.up && other.key == c.key && len(other.session.listening) > 0 && !other.end.closed && !other.dying
	})
}

// tellUnread is a signal that there are notifications.
func (b *Backend) tellUnread() {
	if b.running != nil || b.dying || b.end.closed {
		return // it sees to it when it is done
	}
	b.session.tellUnread()
	b.out = append(b.out, b.session.Take()...)
	b.flush()
}
