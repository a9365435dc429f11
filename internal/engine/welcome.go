package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/pool"
)

// welcome completes a client's login: at once if it is known what Postgres says to such a client, else with the help
// of a server.
func (s *Shard) welcome(c *client) {
	if block := s.greeting(c); block != nil {
		s.admit(c, block)
		return
	}
	s.acquire(c)
}

// greeting is what a client is told at login; nil if that is not known.
func (s *Shard) greeting(c *client) []byte {
	return s.pools[c.pool].shared.greetings.of(s.profiles[c.Settings])
}

// greet completes the login of a client, and of all others that wait for the same, with what a server reports.
func (s *Shard) greet(c *client, srv *server, notices []byte) {
	p := s.pools[c.pool]
	s.admit(c, p.shared.greetings.tried(s.profiles[c.Settings], greeting{srv.params, notices}, srv.defaults))
	s.greetAll(p)
}

// greetAll completes the logins that waited for what has become known, on all shards.
func (s *Shard) greetAll(p *shardPool) {
	s.greetHere(p)
	for _, other := range s.engine.shards {
		if other != s {
			other.mail.Post(mail{kind: mailLearned, pool: p.shared})
		}
	}
}

func (s *Shard) greetHere(root *shardPool) {
	var welcoming []*client
	for p := range root.family {
		p.ledger.EachWaiter(func(w pool.Waiter) {
			if c := s.client(w.Client); c.state == clientWelcoming {
				welcoming = append(welcoming, c)
			}
		})
	}
	for _, c := range welcoming {
		if c.state != clientWelcoming {
			continue
		}
		if block := s.greeting(c); block != nil {
			s.pools[c.at].ledger.Leave(c.ticket)
			c.state = clientIdle
			s.admit(c, block)
		}
	}
}

// admit sends what ends a login.
func (s *Shard) admit(c *client, block []byte) {
	s.Send(c.Conn, s.loggedIn(c, block))
	s.toldAt(c, block)
	c.welcomed, c.since = true, s.now
	s.proceed(c)
}

// loggedIn is what ends a login: what Postgres reports, the client's key, and that it may begin.
func (s *Shard) loggedIn(c *client, block []byte) []byte {
	s.arrived(c)
	b := append(make([]byte, 0, len(block)+64), block...)
	b = s.appendKey(b, c)
	return pgwire.AppendReady(b, pgwire.StatusIdle)
}

// news looks what a server at rest has reported: with nobody's settings in it, it is what Postgres will say to new clients,
// as after a change of its configuration.
func (s *Shard) news(srv *server) {
	if !srv.reported {
		return
	}
	srv.reported = false
	if srv.Settings == 0 {
		s.introduce(srv)
	}
}

// introduce takes what a server with nobody's settings in it reports for what clients are told at login. Where reads are split
// from writes, a replica only stands in for a primary of which nothing is known yet: a session is one with the primary.
func (s *Shard) introduce(srv *server) {
	root := srv.pool.top()
	if srv.readsOnly() && root.shared.greetings.known() {
		return
	}
	if root.shared.greetings.learn(srv.params, srv.defaults) {
		s.greetAll(root)
	}
}

// reports takes what a server reports.
func (s *Shard) reports(srv *server, name, value []byte) {
	if srv.readsOnly() && isOfServer(string(name)) {
		return
	}
	srv.parameter(name, value)
	c := s.clientOf(srv)
	if c == nil || srv.purpose != linked || srv.fitting { // fitted looks at all of it
		return
	}
	if otherwise := c.reads([]Setting{{string(name), string(value)}}); otherwise != "" {
		srv.Misread(otherwise)
	}
}

// parameter notes what a server reports. The list may be shared with others, so it is replaced.
func (srv *server) parameter(name, value []byte) {
	out := make([]Setting, 0, len(srv.params)+1)
	found := false
	srv.sum += paramSum(string(name), string(value))
	for _, q := range srv.params {
		if q.Name == string(name) {
			srv.sum -= paramSum(q.Name, q.Value)
			q.Value, found = string(value), true
		}
		out = append(out, q)
	}
	if !found {
		out = append(out, Setting{string(name), string(value)})
	}
	srv.params, srv.reported = out, true
}

// prepared takes the answer to the query that sets a session as its next client's is.
func (s *Shard) prepared(srv *server, c *client) {
	if srv.Dying {
		s.serverLost(srv)
		return
	}
	if srv.Failed || !srv.Releasable() {
		refusal := settingsFailed(srv.Failure)
		srv.client = 0
		if c != nil {
			c.server = 0
			c.state = clientIdle
			s.finishClient(c, refusal)
		}
		if !srv.Releasable() {
			s.closeServer(srv)
			return
		}
		srv.Settings = srv.before // it was one transaction
		s.release(srv)
		return
	}
	srv.pool.accept(srv.Settings)
	if c == nil {
		s.release(srv)
		return
	}
	if !c.welcomed {
		srv.client, c.server = 0, 0
		c.state = clientIdle
		s.greet(c, srv, srv.notices)
		s.release(srv)
		return
	}
	if c.cancelled {
		srv.client, c.server = 0, 0
		s.refuse(c, cancelledByUser)
		s.release(srv)
		s.proceed(c)
		return
	}
	s.link(c, srv)
	s.linkKnown(c, srv)
	s.proceed(c)
}

// settingsFailed is Postgres's own error about a startup parameter, as the FATAL it would have been.
func settingsFailed(failure []byte) []byte {
	if len(failure) == 0 {
		return lostServer.message("FATAL")
	}
	field := func(f byte) string { return string(pgwire.ErrorField(failure, f)) }
	return pgwire.AppendError(nil, "FATAL", field('C'), field('M'), field('D'), field('H'))
}
