package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// A client whose settings are its server's pays nothing, and neither does one that says again what it has said before.

// reportingRig is a rig whose servers report two settings, in which hidden state is looked for.
func reportingRig(t *testing.T, servers int) *rig {
	t.Helper()
	r := hidingRig(t, 1, servers)
	r.params = append(r.params, Setting{"application_name", ""}, Setting{"TimeZone", "UTC"})
	r.reports = true
	return r
}

// settled is clients that have set the same, on as many servers, all of which have been used with it.
func settled(t *testing.T, clients, servers int) (r *rig, all []*rigSocket) {
	t.Helper()
	r = reportingRig(t, servers)
	for i := range clients {
		c := r.client(fmt.Sprint("c", i))
		r.says(c, "set application_name = app", "set search_path = mine")
		r.says(c, "set timezone = CET")
		all = append(all, c)
	}
	for range 2 {
		for i, c := range all { // as many at once as there are servers
			r.says(c, "begin")
			if i%servers == servers-1 || i == clients-1 {
				for _, d := range all[i-i%servers : i+1] {
					r.says(d, "select 0", "commit")
				}
			}
		}
	}
	if len(r.servers) != servers {
		t.Fatalf("%d servers", len(r.servers))
	}
	return r, all
}

// heardBy is what all servers were asked since the last time.
func (r *rig) heard() (all []string) {
	for _, s := range r.servers {
		all = append(all, s.queries...)
		s.queries = nil
	}
	return all
}

// Nothing but what clients say goes to servers, whatever they say.
func TestEqualSettingsCostNoMessage(t *testing.T) {
	r, all := settled(t, 7, 3)
	r.heard()
	said := 0
	for i := range 50 {
		c := all[i%len(all)]
		switch i % 3 {
		case 0:
			r.says(c, "select 1")
			said++
		case 1:
			r.says(c, "begin", "select 2", "commit")
			said += 3
		case 2:
			r.says(c, "Parse: s"+fmt.Sprint(i)+" select 3", "Bind: s"+fmt.Sprint(i), "Execute:", "Sync:")
		}
	}
	heard := r.heard()
	for _, q := range heard {
		if !strings.HasPrefix(q, "select") && q != "begin" && q != "commit" {
			t.Errorf("a server was asked %q", q)
		}
	}
	if len(heard) != said {
		t.Errorf("clients have said %d queries, and servers heard %d", said, len(heard))
	}
}

// One message goes to the server, a simple query as it is, one comes back, nothing else is done, and nothing is allocated.
func TestEqualSettingsCostNoAllocation(t *testing.T) {
	b := newBench(t, 10, 3)
	b.suspects([][]string{suspectSets})
	b.wear(Setting{"application_name", "app"}, Setting{"search_path", "mine"}, Setting{"statement_timeout", "30s"},
		Setting{"timezone", "CET"}, Setting{"work_mem", "8MB"})
	for i, c := range b.clients {
		if i == 0 {
			b.ask(t, c, prepare, prepareAnswer)
			continue
		}
		b.turn(loop.Event{Kind: loop.Received, Conn: c, Data: prepare})
	}
	exchange := func(client loop.ID, query, answer []byte) (sent []byte) {
		ops := b.turn(loop.Event{Kind: loop.Received, Conn: client, Data: query})
		if len(ops) != 1 || ops[0].Kind != loop.Send {
			t.Fatalf("for one query, this is done: %v", ops)
		}
		sent = ops[0].Data
		back := b.turn(loop.Event{Kind: loop.Received, Conn: ops[0].Conn, Data: answer})
		if len(back) != 1 || back[0].Conn != client || !bytes.Equal(back[0].Data, answer) {
			t.Fatalf("for one answer, this is done: %v", back)
		}
		return sent
	}
	i := 0
	mustNotAllocate(t, func() {
		i++
		if sent := exchange(b.clients[i%10], simpleQuery, simpleAnswer); !bytes.Equal(sent, simpleQuery) {
			t.Fatalf("the server is sent %q", sent)
		}
		exchange(b.clients[i%10], execute, executeAnswer)
	})
}

// wear has all clients and servers be set alike.
func (b *bench) wear(settings ...Setting) {
	p := b.shard.profileOf(inOrder(settings))
	for _, id := range b.clients {
		b.shard.client(id.Slot()).wear(p)
	}
	for _, srv := range b.shard.slots.servers {
		if srv != nil {
			pool := srv.pool
			pool.ledger.Remove(srv.slot)
			srv.Settings = p.key
			pool.ledger.Release(b.now, srv.slot, uint32(p.key))
		}
	}
}

// Who sets before every query what was set before pays for the SET: nobody is asked what came of it, though Postgres reports
// the setting, and though the server had to be made the client's first.
func TestASetThatIsKnownIsNotAskedAbout(t *testing.T) {
	for _, name := range []string{"search_path", "application_name", "timezone"} {
		t.Run(name, func(t *testing.T) {
			r := reportingRig(t, 1)
			a, b := r.client("a"), r.client("b")
			s := r.servers[0]
			round := func() {
				for _, value := range []string{"x", "y"} {
					r.says(a, "set "+name+" = "+value)
					r.says(b, "set "+name+" = "+value+value)
					for who, want := range map[*rigSocket]string{a: value, b: value + value} {
						r.says(who, "select 1")
						if got := s.session.settings[name]; got != want {
							t.Fatalf("%s has run its query with %q, and not %q", who.name, got, want)
						}
					}
				}
			}
			round()
			round()
			r.heard()
			round()
			for _, q := range r.heard() {
				if strings.HasPrefix(q, "SELECT ''") {
					t.Errorf("the session is asked: %s", q)
				}
			}
		})
	}
}

// What is reported besides is asked about: it is not of the statement's doing.
func TestWhatIsReportedBesidesIsAskedAbout(t *testing.T) {
	r := reportingRig(t, 1)
	a := r.client("a")
	for range 2 {
		r.says(a, "set application_name = x")
		r.says(a, "set application_name = y")
	}
	r.heard()
	s := r.servers[0]
	s.mute = true
	r.says(a, "set application_name = x")
	s.answer(frame('S', "TimeZone\x00CET\x00"))
	s.mute = false
	r.settle()
	s.mustHaveHeardQuestion(t, "timezone")
}

func (s *rigServer) mustHaveHeardQuestion(t *testing.T, about string) {
	t.Helper()
	for _, q := range s.queries {
		if strings.HasPrefix(q, "SELECT ''") && strings.Contains(q, about) {
			return
		}
	}
	t.Fatalf("nobody has asked about %s: %q", about, s.queries)
}

// BenchmarkEqualSettings is BenchmarkSimpleQuery of clients with settings: equal to it.
func BenchmarkEqualSettings(b *testing.B) {
	w := newBench(b, 64, 20)
	w.wear(Setting{"application_name", "app"}, Setting{"search_path", "mine"}, Setting{"timezone", "CET"}, Setting{"work_mem", "8MB"})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		w.ask(b, w.clients[i%64], simpleQuery, simpleAnswer)
	}
}
