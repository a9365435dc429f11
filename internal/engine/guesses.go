package engine

import (
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// A text that comes for the first time may change everything, until the grammar has read it: that takes less than a millisecond, as a
// rule. Meanwhile nothing of the database holds; but what was cached holds again if the text turns out to have changed something else.

// maxGuesses bounds the texts that a shard has sent to servers and nobody has read yet. Beyond it they count as what changes
// everything.
const maxGuesses = 4096

// guess is a text that has been sent to a server.
type guess struct {
	ledger  *ledger
	catalog *catalog
	// server is the loop.ID of who runs it, in that turn.
	server, turn uint64
	text         []byte
	defining     session.Defining
}

// guess notes that a text with a fingerprint, of which the grammar has been asked, has been sent. It reports false if there is no room.
func (s *Shard) guess(srv *server, of uint64, text []byte, defining session.Defining) bool {
	if s.guessed >= maxGuesses {
		return false
	}
	s.guessed++
	srv.Guesses++
	l := srv.pool.shared.ledger
	l.All.Begin()
	s.guesses[of] = append(s.guesses[of], guess{l, srv.pool.shared.catalog, srv.Conn, srv.writes.turn, append([]byte(nil), text...), defining})
	return true
}

// guessesAbout reports whether it is not known yet what a server's client may have changed.
func (s *Shard) guessesAbout(srv *server) bool {
	for _, list := range s.guesses {
		for i := range list {
			if list[i].server == srv.Conn && list[i].turn == srv.writes.turn {
				return true
			}
		}
	}
	return false
}

// guessedRight takes what the grammar says of the texts with a fingerprint; nil: it cannot tell.
func (s *Shard) guessedRight(of uint64, f *sql.Facts) {
	list := s.guesses[of]
	if list == nil {
		return
	}
	delete(s.guesses, of)
	s.guessed -= len(list)
	mark := s.engine.marks.Load()
	for _, g := range list {
		x := s.changedBy(g.ledger, g.catalog, of, f, g.text, g.defining)
		srv := s.serverAt(g.server)
		if srv != nil {
			srv.guessed(x.everything(g.ledger))
			x = srv.widened(f, x)
		}
		if srv != nil && srv.writes.turn == g.turn {
			srv.writes.add(g.ledger, x)
		} else {
			g.catalog.doubtLineage(x.redefines, x.hides)
			for _, t := range x.tables {
				t.Change(mark)
			}
		}
		g.ledger.All.Cancel()
	}
}

// guessed notes that one of the texts has been read that ran on a server.
func (srv *server) guessed(everything bool) {
	if srv.Guesses == 0 {
		panic("bug: engine: a text was read of a server that ran none")
	}
	srv.Guesses--
	if everything {
		srv.DoubtTexts()
	}
}

// crashedGuesses ends them: nobody waits for the answers any more.
func (s *Shard) crashedGuesses() {
	for _, list := range s.guesses {
		for _, g := range list {
			g.ledger.All.End(s.engine.marks.Load())
		}
	}
	s.guesses, s.guessed = map[uint64][]guess{}, 0
}
