package engine

import "github.com/pgmux/caddy-pgmux/internal/sql"

// maxAsking bounds the texts of which the grammar is asked at once; others are asked about when they come again.
const maxAsking = 256

// ask is session.Env.Ask.
func (s *Shard) ask(fingerprint uint64, text []byte) {
	if len(s.asking) >= maxAsking {
		s.env.Learn(fingerprint, nil)
		return
	}
	s.seq++
	s.asking[s.seq] = fingerprint
	s.engine.host.Classify(ClassifyRequest{Ticket: Ticket{s.index, s.seq}, Text: append([]byte(nil), text...)})
}

// Classified answers a ClassifyRequest; nil: it could not be found out now.
func (e *Engine) Classified(t Ticket, f *sql.Facts) {
	m := mail{kind: mailFacts, ticket: t.Seq, facts: f}
	e.shards[t.Shard].mail.Post(m)
}

// classified takes that, and tells the others: what is new here will be new there.
func (s *Shard) classified(ticket uint64, f *sql.Facts) {
	fingerprint, ok := s.asking[ticket]
	if !ok {
		return
	}
	delete(s.asking, ticket)
	s.learnFacts(fingerprint, f)
	if f == nil {
		return
	}
	for _, other := range s.engine.shards {
		if other != s {
			other.mail.Post(mail{kind: mailText, ticket: fingerprint, facts: f})
		}
	}
}

// learnFacts takes what the grammar says of the texts with a fingerprint.
func (s *Shard) learnFacts(fingerprint uint64, f *sql.Facts) {
	s.env.Learn(fingerprint, f)
	s.guessedRight(fingerprint, f)
}

// noteWrite notes, when a server leaves its client, that the client may have written there: what it reads from now on it reads from
// who has replayed that. Where reads are not split from writes nobody looks what is which, but the next configuration may split them. A
// replica's counts as well: it may have become the primary, before anybody knew.
func (s *Shard) noteWrite(c *client, srv *server) {
	if !c.Splits || c.wrote || srv.Wrote {
		c.mark = s.engine.marks.Load()
	}
}
