package engine

import (
	"strings"
	"testing"
)

// suspectHides is a function that leaves settings of which Postgres cannot be asked.
var suspectHides = []string{"name", "hides", "1"}

// mustOwn demands that a server has, or has not, what a client has hidden there.
func (s *rigServer) mustOwn(hidden bool) {
	s.rig.Helper()
	if (s.session.own != "") != hidden {
		s.rig.Fatalf("%s has %q, and heard %q", s.socket.name, s.session.own, s.queries)
	}
}

// What Postgres cannot be asked for stays as long as its client has the server, and is gone when another gets it: in one piece with
// what makes the session that client's, ahead of its query.
func TestASoiledServerIsCleanedForAnother(t *testing.T) {
	for name, startup := range map[string][]Setting{"with no settings": nil, "with settings": {{"work_mem", "9MB"}}} {
		t.Run(name, func(t *testing.T) {
			r := hidingRig(t, 1, 1, suspectHides)
			a, b := r.client("a"), r.client("b", startup...)
			s := r.servers[0]
			r.says(b, "select 1") // so that Postgres is known to take its settings
			s.queries = nil
			r.says(a, "select hides()")
			r.says(a, "select 2")
			s.mustOwn(true)
			if last := s.queries[len(s.queries)-1]; last != "select 2" || len(s.queries) > 4 {
				t.Fatalf("its client is not left alone: %q", s.queries)
			}
			s.queries = nil
			r.says(b, "select 3")
			s.mustOwn(false)
			if len(s.queries) != 2 || !strings.Contains(s.queries[0], "RESET ALL;SELECT pg_catalog.setseed(") ||
				strings.Contains(s.queries[0], "9MB") != (startup != nil) || s.queries[1] != "select 3" {
				t.Fatalf("it was made the other's by %q", s.queries)
			}
			s.queries = nil
			r.says(b, "select 4", "select 5")
			s.mustHaveHeard("select 4", "select 5")
		})
	}
}

// However its client goes, and wherever the server does.
func TestASoiledServerIsCleanedForWhoComesAfter(t *testing.T) {
	for name, shards := range map[string]int{"on its shard": 1, "on another, to a client of the same number": 2} {
		for ending, end := range map[string]func(r *rig, a *rigSocket){
			"stays":                     func(r *rig, a *rigSocket) { r.says(a, "select hides()") },
			"leaves":                    func(r *rig, a *rigSocket) { r.says(a, "select hides()"); r.leaves(a) },
			"vanishes":                  func(r *rig, a *rigSocket) { r.says(a, "select hides()"); r.vanishes(a) },
			"vanishes in a transaction": func(r *rig, a *rigSocket) { r.says(a, "begin", "select hides()"); r.vanishes(a) },
		} {
			t.Run(name+"/"+ending, func(t *testing.T) {
				r := hidingRig(t, shards, 1, suspectHides)
				a, b := r.client("a"), r.client("b")
				if (a.loop == b.loop) != (shards == 1) {
					t.Fatal("the clients are on the wrong shards")
				}
				end(r, a)
				s := r.servers[0]
				s.queries = nil
				r.says(b, "select 1")
				s.mustOwn(false)
				for _, q := range s.queries {
					if strings.Contains(q, "setseed") {
						return
					}
				}
				t.Fatalf("nobody has taken the seed away: %q", s.queries)
			})
		}
	}
}

// A client that logs in with the help of a soiled server is told what its own session will be.
func TestALoginOnASoiledServer(t *testing.T) {
	r := hidingRig(t, 1, 1, suspectHides)
	a := r.client("a")
	r.says(a, "select hides()")
	s := r.servers[0]
	s.queries = nil
	b := r.client("b", Setting{"work_mem", "9MB"})
	r.says(b, "select 1")
	s.mustOwn(false)
	if s.session.settings["work_mem"] != "9MB" || s.queries[len(s.queries)-1] != "select 1" {
		t.Fatalf("it was made the other's by %q", s.queries)
	}
}

// Where Postgres does not take a client's settings, the server is as soiled as before.
func TestASoiledServerThatCannotBeMadeAnothers(t *testing.T) {
	r := hidingRig(t, 1, 1, suspectHides)
	a, b := r.client("a"), r.client("b")
	r.says(a, "select hides()")
	r.client("refused", Setting{"work_mem", "nonsense"})
	s := r.servers[0]
	s.mustOwn(true)
	r.says(b, "select 1")
	s.mustOwn(false)
}
