package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// Of functions that leave state: sets() sets work_mem, temps() makes a temporary table.
var (
	suspectSets  = []string{"name", "sets", "1"}
	suspectTemps = []string{"name", "temps", "4"}
)

// hidingRig is a rig with a pool of so many servers in which hidden state is looked for.
func hidingRig(t *testing.T, shards, size int, suspects ...[]string) *rig {
	t.Helper()
	pool := onePool(size)
	pool.HiddenState = true
	r := newRig(t, shards, pool)
	r.quiet, r.suspects = true, suspects
	return r
}

// mustHaveHeard demands that a server was asked these, since the last time, in this order. "catalog?" and "session?" stand for
// what the engine asks.
func (s *rigServer) mustHaveHeard(want ...string) {
	s.rig.Helper()
	var got []string
	for _, q := range s.queries {
		switch {
		case q == suspectsQuestion:
			q = "catalog?"
		case strings.HasPrefix(q, "SELECT ''"):
			q = "session?"
		}
		got = append(got, q)
	}
	s.queries = nil
	if !slices.Equal(got, want) {
		s.rig.Fatalf("%s heard\n  %s\nwant\n  %s", s.socket.name, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// The catalog is asked before the first client has its server; then nothing is asked after texts that mention nobody.
func TestTheCatalogIsAskedOnce(t *testing.T) {
	r := hidingRig(t, 1, 2, suspectSets)
	a, b := r.client("a"), r.client("b")
	r.servers[0].mustHaveHeard("catalog?")
	r.says(a, "begin")
	r.says(b, "select 1")
	r.says(a, "select 2", "commit", "select 3")
	r.servers[0].mustHaveHeard("begin", "select 2", "commit", "select 3")
	r.servers[1].mustHaveHeard("select 1")
	r.within(2)
}

// A client that waits for a server has one dialed, and not another because that one is asked something.
func TestNoServerIsDialedForOneThatIsAsked(t *testing.T) {
	r := hidingRig(t, 1, 5)
	a := r.client("a")
	r.servers[0].socket.ended = true
	r.pass(time.Duration(suspectEvery))
	r.says(a, "select 1")
	if len(r.servers) != 2 {
		t.Fatalf("%d servers were dialed for one client", len(r.servers)-1)
	}
	r.servers[1].mustHaveHeard("catalog?", "select 1")
}

// What a function sets follows its client, and nobody else sees it, whatever the protocol.
func TestWhatAFunctionSetsFollowsItsClient(t *testing.T) {
	for name, call := range map[string][]string{
		"simple":      {"select sets()"},
		"in a batch":  {"select 1; select sets()"},
		"unnamed":     {"unnamed"},
		"named":       {"Parse: s select sets()", "Sync:", "Bind: s", "Execute:", "Sync:"},
		"transaction": {"begin", "select sets()", "commit"},
	} {
		t.Run(name, func(t *testing.T) {
			r := hidingRig(t, 1, 1, suspectSets)
			a, b := r.client("a"), r.client("b")
			s := r.servers[0]
			say := func() {
				if name == "unnamed" {
					a.in = join(frame(pgwire.Parse, "\x00select sets()\x00\x00\x00"), clientSays("Bind:"), clientSays("Execute:"), clientSays("Sync:"))
					r.settle()
					return
				}
				r.says(a, call...)
			}
			say()
			r.says(b, "select 1")
			if len(s.session.settings) != 0 {
				t.Fatalf("another client has the server with %v", s.session.settings)
			}
			r.says(a, "select 1")
			if s.session.settings["work_mem"] != "7MB" {
				t.Fatalf("its client has lost what it has set: %v", s.session.settings)
			}
			s.queries = nil
			if name == "named" {
				call = call[2:]
			}
			say()
			say()
			if !slices.ContainsFunc(s.queries, func(q string) bool { return strings.HasPrefix(q, "SELECT ''") }) {
				t.Fatalf("the session was asked the first time only: %q", s.queries)
			}
		})
	}
}

// State that cannot follow keeps the server, until it is gone.
func TestWhatAFunctionMakesKeepsTheServer(t *testing.T) {
	r := hidingRig(t, 1, 1, suspectTemps)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	s.queries = nil
	r.says(a, "select temps()")
	r.says(b, "select 'b'")
	s.mustHaveHeard("select temps()", "session?")
	r.says(a, "drop table x")
	s.mustHaveHeard("drop table x", "session?", "select 'b'")
}

// A prepared statement is judged by what is known when it is executed.
func TestAStatementIsJudgedWhenItIsExecuted(t *testing.T) {
	r := hidingRig(t, 1, 1)
	a, b := r.client("a"), r.client("b")
	s := r.servers[0]
	r.says(a, "Parse: s select sets()", "Sync:", "Bind: s", "Sync:")
	r.suspects = append(r.suspects, suspectSets)
	r.says(b, "create function sets() returns void language sql as ''")
	s.mustHaveHeard("catalog?", "create function sets() returns void language sql as ''", "catalog?")
	r.says(a, "Bind: s", "Execute:", "Sync:")
	s.mustHaveHeard("session?")
	r.says(b, "select 1")
	if len(s.session.settings) != 0 {
		t.Fatalf("another client has the server with %v", s.session.settings)
	}
}

// As long as a transaction is open that may define functions, every text is suspected, everybody's; then the catalog is asked.
func TestWhoDefinesMakesEverythingSuspect(t *testing.T) {
	r := hidingRig(t, 1, 2)
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin", "create function sets() returns void language sql as ''")
	r.says(b, "select sets()")
	r.servers[1].mustHaveHeard("select sets()", "session?")
	r.suspects = append(r.suspects, suspectSets)
	r.says(a, "select sets()", "commit")
	r.servers[0].mustHaveHeard("catalog?", "begin", "create function sets() returns void language sql as ''", "select sets()", "commit", "session?", "catalog?")
	r.says(b, "select 1")
	r.says(b, "select sets()")
	for _, s := range r.servers {
		s.queries = slices.DeleteFunc(s.queries, func(q string) bool { return !strings.HasPrefix(q, "SELECT ''") })
	}
	if n := len(r.servers[0].queries) + len(r.servers[1].queries); n != 1 {
		t.Fatalf("the session was asked %d times after a text that mentions the function and one that does not", n)
	}
}

// One that leaves in the middle of its definitions leaves nobody in doubt.
func TestWhoDefinesMayLeave(t *testing.T) {
	r := hidingRig(t, 2, 2)
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin", "create function sets() returns void language sql as ''")
	r.leaves(a)
	r.says(b, "select 1") // asks the session, and then the catalog
	r.says(b, "select 2")
	for _, s := range r.servers {
		s.queries = nil
	}
	r.says(b, "select 3")
	for _, s := range r.servers {
		if len(s.queries) > 0 {
			s.mustHaveHeard("select 3")
		}
	}
}

// What others define is found out after a minute at the latest, without a text in between that nobody asks about.
func TestWhatIsDefinedElsewhereIsFoundWithinAMinute(t *testing.T) {
	for name, step := range map[string]time.Duration{"in use": 10 * time.Second, "after a rest": time.Minute + time.Second} {
		t.Run(name, func(t *testing.T) {
			r := hidingRig(t, 1, 1)
			a := r.client("a")
			s := r.servers[0]
			s.mustHaveHeard("catalog?")
			r.suspects = append(r.suspects, suspectSets)
			r.pass(time.Duration(suspectEvery) - time.Second)
			r.says(a, "select 1")
			s.mustHaveHeard("select 1")
			for begun := r.now; r.now-begun <= int64(time.Minute); {
				r.pass(step)
				s.queries = nil
				r.says(a, "select sets()")
			}
			if len(s.queries) < 2 || !strings.HasPrefix(s.queries[1], "SELECT ''") {
				t.Fatalf("after a minute the session is not asked: %q", s.queries)
			}
		})
	}
}

// An answer is believed for a minute, and not a moment longer.
func TestAnAnswerIsBelievedForAMinute(t *testing.T) {
	r := hidingRig(t, 1, 2)
	a, b := r.client("a"), r.client("b")
	r.says(b, "begin") // its server is not free
	r.says(a, "begin")
	r.servers[0].queries, r.servers[1].queries = nil, nil
	r.pass(time.Duration(suspectEvery+suspectLonger) - 2*time.Second)
	r.says(b, "commit")
	r.says(b, "begin")
	r.servers[0].queries = nil
	r.servers[1].queries = nil
	r.pass(4 * time.Second)
	if r.e.pools[poolKey{"app", "db", "u"}].catalog.suspects.Load() == nil {
		t.Fatal("a fresh answer is not believed")
	}
	r.pass(time.Minute)
	if r.e.pools[poolKey{"app", "db", "u"}].catalog.suspects.Load() != nil {
		t.Fatal("an old answer is believed")
	}
}

// Where the catalog gives no answer, every text is suspected; and if its server is lost, another is asked.
func TestACatalogThatDoesNotAnswer(t *testing.T) {
	t.Run("too many suspects", func(t *testing.T) {
		r := hidingRig(t, 1, 1)
		for range maxSuspects + 1 {
			r.suspects = append(r.suspects, suspectTemps)
		}
		a := r.client("a")
		r.says(a, "select 1")
		r.servers[0].mustHaveHeard("catalog?", "select 1", "session?")
	})
	t.Run("an error", func(t *testing.T) {
		r := hidingRig(t, 1, 1)
		r.deniesCatalog = true
		a := r.client("a")
		r.says(a, "select 1")
		r.servers[0].mustHaveHeard("catalog?", "select 1", "session?")
		if len(r.notices) != 1 {
			t.Fatalf("notices %v", r.notices)
		}
	})
	t.Run("a server that is lost", func(t *testing.T) {
		r := hidingRig(t, 1, 2)
		r.mutesCatalog = true
		a := r.client("a")
		r.servers[0].mustHaveHeard("catalog?")
		r.mutesCatalog = false
		r.servers[0].socket.ended = true
		r.settle()
		r.says(a, "select 1")
		r.servers[1].mustHaveHeard("catalog?", "select 1")
	})
	t.Run("a server that says nothing", func(t *testing.T) {
		r := hidingRig(t, 1, 2)
		r.mutesCatalog = true
		a := r.client("a")
		r.mutesCatalog = false
		r.pass(askTimeout)
		r.says(a, "select 1")
		r.servers[1].mustHaveHeard("catalog?", "select 1")
	})
}

// Users and shards share what is known of a database; another database is another's.
func TestADatabaseIsAskedOnceForAllItsUsers(t *testing.T) {
	r := hidingRig(t, 2, 2)
	for _, user := range []string{"u", "v", "w"} {
		r.newClientOf(user, poolKey{"app", "db", user})
		r.settle()
	}
	r.newClientOf("other", poolKey{"app", "other", "u"})
	r.settle()
	asked := map[string]int{}
	for _, s := range r.servers {
		for _, q := range s.queries {
			if q == suspectsQuestion {
				asked[s.dialed.Database]++
			}
		}
	}
	if asked["db"] != 1 || asked["other"] != 1 {
		t.Fatalf("asked %v", asked)
	}
}

// suspects has the bench look for hidden state, knowing these suspects for good.
func (b *bench) suspects(rows [][]string) {
	x := &session.Suspects{}
	for _, row := range rows {
		x.Add(row[1], session.Hidden)
	}
	for p := range b.shard.eachPool {
		cfg := *p.config()
		cfg.HiddenState = true
		p.shared.template.config.Store(&cfg)
		p.shared.catalog.learn(x, nil, b.now, b.now+int64(time.Hour), 0, 0)
	}
}

// Where nothing is suspected, and where something is, a query allocates nothing.
func TestNoAllocationPerQueryThatIsLookedThrough(t *testing.T) {
	for name, suspects := range map[string][][]string{"nobody": nil, "somebody": {suspectSets, suspectTemps}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 10, 3)
			b.suspects(suspects)
			for i, c := range b.clients {
				if i == 0 {
					b.ask(t, c, prepare, prepareAnswer)
					continue
				}
				b.turn(loop.Event{Kind: loop.Received, Conn: c, Data: prepare})
			}
			i := 0
			mustNotAllocate(t, func() {
				i++
				b.ask(t, b.clients[i%10], simpleQuery, simpleAnswer)
				b.ask(t, b.clients[i%10], execute, executeAnswer)
			})
		})
	}
}
