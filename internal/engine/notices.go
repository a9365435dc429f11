package engine

// What Postgres has to say about a client's startup parameters, such as that it cuts a long application_name, it says at the
// login, before it reports. We learn it when a server's session is first made that of such a client, and tell all that ask for the
// same.

// maxLoginNotices bounds the notices of one login.
const maxLoginNotices = 8 << 10

// asAtLogin is the SQL that makes a session that of a client that logs in. A name of which Postgres may have something to say is
// set also if it is set already.
func (s *Shard) asAtLogin(srv *server, from, to *profile) string {
	srv.notices = nil
	if !to.oddlyNamed() {
		return s.difference(from, to)
	}
	return s.difference(from, s.profiles[0]) + s.difference(s.profiles[0], to)
}

// oddlyNamed reports whether it has an application_name that Postgres does not take as it is.
func (p *profile) oddlyNamed() bool { return !p.named && p.has(applicationName) }

// noticedAtLogin takes a notice to a query of ours.
func (s *Shard) noticedAtLogin(srv *server, m []byte) {
	if c := s.clientOf(srv); c != nil && !c.welcomed && srv.purpose == preparing && len(srv.notices)+len(m) <= maxLoginNotices {
		srv.notices = append(srv.notices, m...)
	}
}
