package engine

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/querycache"
	"github.com/pgmux/caddy-pgmux/routing"
)

// twoRigs is two processes of one fleet, which use the same Postgres.
func twoRigs(t testing.TB, st *rigStore, size int) (one, two *cacheRig, f, g *rigFleet) {
	t.Helper()
	one, f = fleetRig(t, st, 1, size)
	two, g = fleetRig(t, st, 1, size)
	two.writes = one.writes
	return one, two, f, g
}

// What one process has asked, another serves, whichever way it is asked for; and to the byte.
func TestAnotherProcessServesWhatOneHasAsked(t *testing.T) {
	one, two, _, g := twoRigs(t, newRigStore(), 1)
	a, b := one.client("a"), two.client("b")
	for _, w := range []*cacheRig{one, two} {
		c := []*rigSocket{a, b}[slices.Index([]*cacheRig{one, two}, w)]
		w.prepares(c, "s", "select from a")
	}
	for _, messages := range [][]string{
		{"select from a"}, {"select from v"}, batch("select from a"), {describeStatement("s"), "Sync:"}, {"Bind: s", "Execute:", "Sync:"},
	} {
		said, heard := one.exchange(a, messages)
		again, heardAgain := two.exchange(b, messages)
		if len(heard) == 0 || len(heardAgain) > 0 || !bytes.Equal(said, again) {
			t.Errorf("%q: %s of %q, and %s of %q", messages, what(said), heard, what(again), heardAgain)
		}
		two.hits(b, messages...)
	}
	if s := two.e.CacheStatus()[0]; s.Fetched != 5 || s.Hits != 10 || len(g.asked) > 0 {
		t.Errorf("%d replies were fetched, %d hits", s.Fetched, s.Hits)
	}
	two.note("what is written ends them, where it is written and where that is heard")
	two.does(b, "insert into a")
	two.misses(b, "select from a")
	two.hits(b, "select from a")
}

// Where there is none, or one that may not be served, a server is asked, and other processes not again.
func TestWhatOtherProcessesHaveNot(t *testing.T) {
	st := newRigStore()
	w, f := fleetRig(t, st, 1, 1)
	a := w.client("a")
	f.holds = true
	if heard := w.waits(a, "select from a"); len(heard) > 0 || len(f.asked) != 1 {
		t.Fatalf("servers are asked %q, others %d times", heard, len(f.asked))
	}
	f.holds = false
	w.heard = nil
	f.answer()
	w.settle()
	if len(w.heard) != 1 || len(f.asked) != 0 || !ready(a.received) {
		t.Errorf("servers are asked %q, others %d times", w.heard, len(f.asked))
	}
	w.hits(a, "select from a")
	if got := w.e.CacheStatus()[0]; got.Fetched != 0 || got.Misses != 1 {
		t.Errorf("%d fetched, %d misses", got.Fetched, got.Misses)
	}
}

// offered has another process offer the reply to a text, and this one wait for it.
func offered(t *testing.T, text string) (w *cacheRig, a *rigSocket, f *rigFleet, s *querycache.Shared) {
	t.Helper()
	st := newRigStore()
	one, two, _, g := twoRigs(t, st, 2)
	one.misses(one.client("a"), text)
	for _, kept := range st.kept {
		s = kept
	}
	a = two.client("b")
	g.holds = true
	if heard := two.waits(a, text); len(heard) > 0 || len(g.asked) != 1 || s == nil {
		t.Fatalf("servers are asked %q, others %d times, who have %v", heard, len(g.asked), s)
	}
	return two, a, g, s
}

// goesItself demands that a client is answered by a server, now.
func (w *cacheRig) goesItself(c *rigSocket, why string) {
	w.Helper()
	w.heard = nil
	w.settle()
	if len(w.heard) != 1 || !strings.HasSuffix(what(c.received), "T, D, SELECT 1, ready I") {
		w.Errorf("%s: servers are asked %q; %s is told %s", why, w.heard, c.name, what(c.received))
	}
	w.isTrue(c.received)
}

// What is found and is no reply to that question is not served: a server is asked.
func TestWhatIsFoundIsChecked(t *testing.T) {
	columns, row := cacheColumns, dataRow("a")
	tag, end := frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I")
	reply := slices.Concat(columns, row, tag, end)
	for name, change := range map[string]func(s *querycache.Shared){
		"nothing":         func(s *querycache.Shared) { s.Reply = nil },
		"a part":          func(s *querycache.Shared) { s.Reply = reply[:len(reply)-1] },
		"more":            func(s *querycache.Shared) { s.Reply = slices.Concat(reply, end) },
		"a byte more":     func(s *querycache.Shared) { s.Reply = append(slices.Clone(reply), 0) },
		"a ParseComplete": func(s *querycache.Shared) { s.Reply = slices.Concat(frame(pgwire.ParseComplete), reply) },
		"an error": func(s *querycache.Shared) {
			s.Reply = slices.Concat(frame(pgwire.ErrorResponse, "C22012\x00\x00"), end)
		},
		"another kind":      func(s *querycache.Shared) { s.Reply = slices.Concat(frame(pgwire.BindComplete), row, tag, end) },
		"rows that are not": func(s *querycache.Shared) { s.Reply = slices.Concat(columns, tag, end) },
		"in a transaction": func(s *querycache.Shared) {
			s.Reply = slices.Concat(columns, row, tag, frame(pgwire.ReadyForQuery, "T"))
		},
		"no message": func(s *querycache.Shared) { s.Reply = []byte("T\x00\x00\x00\x00") },
		"too much": func(s *querycache.Shared) {
			s.Reply = slices.Concat(columns, dataRow(strings.Repeat("a", 64<<10)), tag, end)
		},
		"other tables":        func(s *querycache.Shared) { s.Tables = []string{"b"} },
		"a table more":        func(s *querycache.Shared) { s.Tables = []string{"a", "b"} },
		"no tables":           func(s *querycache.Shared) { s.Tables = nil },
		"its time is up":      func(s *querycache.Shared) { s.Left = 0 },
		"its time is long up": func(s *querycache.Shared) { s.Left = -time.Second },
	} {
		w, a, f, s := offered(t, "select from a")
		if !bytes.Equal(s.Reply, reply) {
			t.Fatalf("offered is %s", what(s.Reply))
		}
		found := *s
		change(&found)
		f.asked[0].found(&found)
		w.goesItself(a, name)
		if n := w.e.CacheStatus()[0].Fetched; n != 0 {
			t.Errorf("%s: %d are fetched", name, n)
		}
	}
}

// The evidence is of before the others were asked: what is written meanwhile, here or elsewhere, ends what they answer.
func TestWhatIsWrittenWhileOthersAreAsked(t *testing.T) {
	for name, happens := range map[string]func(w *cacheRig, f *rigFleet){
		"it is written here":       func(w *cacheRig, f *rigFleet) { w.misses(w.client("c"), "insert into a") },
		"it is heard":              func(w *cacheRig, f *rigFleet) { w.writes["a"]++; f.others(querycache.OpChange, "a") },
		"it is being written":      func(w *cacheRig, f *rigFleet) { f.others(querycache.OpBegin, "a") },
		"the stream tells":         func(w *cacheRig, f *rigFleet) { w.e.Changing("db", nil); w.e.Changed("db", nil) },
		"out of touch":             func(w *cacheRig, f *rigFleet) { w.e.Shares("app", "db", nil) },
		"out of touch and back":    func(w *cacheRig, f *rigFleet) { w.e.Shares("app", "db", nil); w.e.Shares("app", "db", f) },
		"the catalog is another":   func(w *cacheRig, f *rigFleet) { w.e.catalogsOf("db")[0].doubt(true) },
		"the rules are others":     func(w *cacheRig, f *rigFleet) { p := sharedCachePool(1); p.Cache.TTL++; w.apply(p) },
		"sharing ends":             func(w *cacheRig, f *rigFleet) { w.apply(cachePool(1)) },
		"there is no cache":        func(w *cacheRig, f *rigFleet) { w.apply(onePool(1)) },
		"an operator drops it all": func(w *cacheRig, f *rigFleet) { w.e.PurgeCache("", "") },
	} {
		t.Run(name, func(t *testing.T) {
			w, a, f, s := offered(t, "select from a")
			happens(w, f)
			if ready(a.received[len(a.received)-6:]) && strings.Contains(what(a.received), "SELECT") {
				t.Fatal("it did not wait")
			}
			f.asked[0].found(s)
			w.goesItself(a, name)
		})
	}
}

// What is found is served no longer than it may be, nor longer than the configuration says.
func TestTheTimeOfWhatIsFound(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Hour: time.Minute} {
		w, a, f, s := offered(t, "select from a")
		found := *s
		found.Left = left
		f.asked[0].found(&found)
		w.settle()
		w.isTrue(a.received)
		w.pass(want - want/10 - 1)
		w.hits(a, "select from a")
		w.pass(want/10 + 1)
		f.holds, f.store.kept = false, newRigStore().kept
		w.misses(a, "select from a")
	}
}

// Nobody waits longer than maxFetch; an answer that comes later is not looked at, and not taken for that of another question.
func TestOthersWhoAreLate(t *testing.T) {
	w, a, f, s := offered(t, "select from a")
	w.heard = nil
	w.pass(maxFetch - 1)
	if len(w.heard) > 0 {
		t.Fatalf("servers are asked %q", w.heard)
	}
	w.pass(1)
	if len(w.heard) != 1 || len(f.asked) != 1 {
		t.Errorf("servers are asked %q, others %d times", w.heard, len(f.asked))
	}
	w.hits(a, "select from a")
	late := f.asked[0]
	w.waits(a, "select from b")
	late.found(s)
	w.heard = nil
	w.settle()
	if len(w.heard) > 0 || w.e.CacheStatus()[0].Fetched != 0 {
		t.Errorf("it is taken for the answer to what was asked next: %q", w.heard)
	}
	f.asked[1].found(nil)
	w.settle()
	w.hits(a, "select from b")
}

// Who asks the same meanwhile waits for it as well, on whichever shard, and all are served.
func TestOthersWaitForWhoAsksOtherProcesses(t *testing.T) {
	for _, finds := range []bool{true, false} {
		st := newRigStore()
		one, _ := fleetRig(t, st, 1, 1)
		two, g := fleetRig(t, st, 2, 3)
		one.misses(one.client("a"), "select from a")
		g.holds = finds
		if g.holds = true; !finds {
			st.kept = nil
		}
		clients := []*rigSocket{two.client("b"), two.client("c"), two.client("d")}
		for _, c := range clients {
			if heard := two.waits(c, "select from a"); len(heard) > 0 {
				t.Fatalf("servers are asked %q", heard)
			}
		}
		if len(g.asked) != 1 {
			t.Errorf("others are asked %d times", len(g.asked))
		}
		st.kept, g.holds = map[querycache.SharedKey]*querycache.Shared{g.asked[0].key: firstOf(st)}, false
		two.heard = nil
		g.answer()
		two.settle()
		for _, c := range clients {
			if !strings.HasSuffix(what(c.received), "T, D, SELECT 1, ready I") {
				t.Errorf("%s is told %s", c.name, what(c.received))
			}
		}
		if asked := len(two.heard); finds && asked != 0 || !finds && asked != 1 {
			t.Errorf("found %v: servers were asked %q", finds, two.heard)
		}
	}
}

// firstOf is a reply of a store; nil: it has none.
func firstOf(st *rigStore) *querycache.Shared {
	for _, s := range st.kept {
		return s
	}
	return nil
}

// Whatever becomes of a client that waits, nothing is left of its wait, and who waits with it goes on.
func TestWhoWaitsForOtherProcessesMayEndThat(t *testing.T) {
	for name, c := range map[string]struct {
		ends func(w *cacheRig, a *rigSocket)
		told string
	}{
		"it cancels": {func(w *cacheRig, a *rigSocket) { w.e.Cancel(a.pid(), []byte{0, 0, 0, 7}) }, "ERROR 57014, ready I"},
		"it leaves":  {func(w *cacheRig, a *rigSocket) { w.leaves(a) }, ""},
		"it is ended": {func(w *cacheRig, a *rigSocket) {
			w.e.shards[0].post(mail{kind: mailTerminate, pid: a.pid(), pool: w.e.shards[0].pools[0].shared})
		}, "FATAL 57P01"},
		"the drain begins": {func(w *cacheRig, a *rigSocket) { w.e.Drain() },
			"T, D, SELECT 1, ready I, FATAL 57P01"},
		"its pool is removed": {func(w *cacheRig, a *rigSocket) { w.apply() }, "T, D, SELECT 1, ready I, FATAL 57P01"},
		"its half has ended":  {func(w *cacheRig, a *rigSocket) { w.endsHalf(a); w.pass(maxFetch) }, "T, D, SELECT 1, ready I"},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, f, s := offered(t, "select from a")
			b := w.client("b")
			if b != nil {
				w.waits(b, "select from a")
			}
			c.ends(w, a)
			w.settle()
			if got := what(a.received); !strings.HasSuffix(got, c.told) {
				t.Errorf("a is told %s", got)
			}
			f.holds = false
			asked := f.asked
			f.asked = nil
			for _, q := range asked {
				q.found(s)
			}
			w.pass(maxFetch)
			if got := what(b.received); !strings.Contains(got, "T, D, SELECT 1, ready I") {
				t.Errorf("b is told %s", got)
			}
			for _, shard := range w.e.shards {
				if len(shard.fetching) > 0 || len(shard.leading) > 0 || len(shard.aboard) > 0 {
					t.Errorf("left are %d, %d, %d", len(shard.fetching), len(shard.leading), len(shard.aboard))
				}
			}
		})
	}
}

// The loop of who waits crashes: the answer is for nobody, and not for who has its place now.
func TestTheLoopOfWhoWaitsForOtherProcessesCrashes(t *testing.T) {
	w, a, f, s := offered(t, "select from a")
	w.crashes = true
	a.loop.shard.mail.Post(mail{kind: mailServer})
	w.settle()
	b := w.client("c")
	w.says(b, "select from b") // the lineage is known again
	f.reads()
	w.pass(closeUnheard + time.Second)
	asked := f.asked
	f.asked = nil
	for _, q := range asked {
		q.found(s)
	}
	w.pass(maxFetch)
	if got := what(b.received); !strings.HasSuffix(got, "T, D, SELECT 1, ready I") {
		t.Errorf("it is told %s", got)
	}
	w.isTrue(b.received)
}

// No more wait than may: past it servers are asked.
func TestHowManyWaitForOtherProcesses(t *testing.T) {
	w, f := fleetRig(t, newRigStore(), 1, 1)
	w.quiet, f.holds = true, true
	text := func(i int) string { return fmt.Sprintf("Query: select from a where n = %d", i) }
	w.knows(text(0))
	asked := len(f.asked)
	for i := range maxFetches - asked {
		w.says(w.newClient(fmt.Sprint(i), "app"), text(i))
		if i%256 == 0 {
			w.settle()
		}
	}
	if len(f.asked) < maxFetches || len(w.heard) > 1 {
		t.Fatalf("%d wait, servers were asked %d times", len(f.asked), len(w.heard))
	}
	w.misses(w.client("one more"), text(maxFetches+1))
	f.holds = false
	f.answer()
	w.settle()
	if n := len(w.e.shards[0].fetching); n != 0 {
		t.Errorf("%d wait still", n)
	}
}

// Another user, settings that change results, another catalog, another Postgres or another of its defaults make another key; what changes none
// does not. Nor does the process.
func TestWhoseRepliesAreShared(t *testing.T) {
	keyOf := func(client Client, change func(w *cacheRig)) (key querycache.SharedKey) {
		st := newRigStore()
		p := sharedCachePool(1)
		if change != nil {
			p.Health = routing.Settings{Passes: 1, Fails: 2, Interval: 2 * time.Second}
		}
		w := newCacheRig(t, 1, p)
		w.report(routing.Report{Address: "pg:5432", System: 5, Timeline: 1, Position: 1})
		if change != nil {
			change(w)
		}
		a := w.clientAs("a", client)
		w.says(a, "select from a")
		w.e.Shares("app", client.Database, st.fleet(w))
		if client.Database == "" {
			w.e.Shares("app", "db", st.fleet(w))
		}
		w.misses(a, "select from a")
		if len(st.kept) != 1 {
			t.Fatalf("%d replies", len(st.kept))
		}
		for key = range st.kept {
		}
		return key
	}
	one := keyOf(Client{}, nil)
	if keyOf(Client{}, nil) != one {
		t.Error("another process makes another key")
	}
	if keyOf(Client{Startup: []Setting{{"application_name", "x"}, {"statement_timeout", "5"}, {"pgmux.route", "primary"}}}, nil) != one {
		t.Error("what changes no result makes another key")
	}
	seen := map[querycache.SharedKey]string{one: "the first"}
	primary := func(system uint64, timeline uint32) func(w *cacheRig) {
		return func(w *cacheRig) {
			w.report(routing.Report{Address: "pg:5432", System: system, Timeline: timeline, Position: 1})
		}
	}
	for name, key := range map[string]querycache.SharedKey{
		"another user":     keyOf(Client{User: "other"}, nil),
		"another database": keyOf(Client{Database: "other"}, nil),
		"a path":           keyOf(Client{Startup: []Setting{{"search_path", "other"}}}, nil),
		"another path":     keyOf(Client{Startup: []Setting{{"search_path", "another"}}}, nil),
		"another catalog": keyOf(Client{}, func(w *cacheRig) {
			w.lineage = slices.Clone(w.lineage)
			w.lineage[0] = []string{"relation", "0", "a\nb\nc\nv", "1,1,1,2", "2"}
		}),
		"another version":  keyOf(Client{}, func(w *cacheRig) { w.params = []Setting{{"server_version", "18"}} }),
		"another default":  keyOf(Client{}, func(w *cacheRig) { w.params = append(slices.Clone(w.params), Setting{"TimeZone", "UTC"}) }),
		"a cluster":        keyOf(Client{}, primary(7, 1)),
		"another cluster":  keyOf(Client{}, primary(8, 1)),
		"another timeline": keyOf(Client{}, primary(8, 2)),
	} {
		if was, ok := seen[key]; ok {
			t.Errorf("%s has the key of %s", name, was)
		}
		seen[key] = name
	}
}

// Before it is known of which cluster the primary is nothing is shared, as that may be another's; what is cached here is.
func TestNothingIsSharedBeforeTheClusterIsKnown(t *testing.T) {
	st := newRigStore()
	p := sharedCachePool(1)
	p.Health = routing.Settings{Passes: 1, Fails: 2, Interval: 2 * time.Second}
	w := newCacheRig(t, 1, p)
	f := st.joins(w)
	a := w.client("a")
	w.keeps(a, "select from a")
	if f.kept != 0 {
		t.Errorf("%d replies are offered", f.kept)
	}
	w.report(routing.Report{Address: "pg:5432", System: 7, Timeline: 1, Position: 1})
	w.keeps(a, "select from b")
	if f.kept != 1 {
		t.Errorf("%d replies are offered", f.kept)
	}
}

// A client that was told what its statement returns is not given what is known to return something else, though it is found.
func TestOtherColumnsAreNotFetched(t *testing.T) {
	w, _ := fleetRig(t, newRigStore(), 1, 1)
	a := w.client("a")
	w.says(a, "Parse: s select from a", describeStatement("s"), "Sync:")
	f := w.e.fleets[feedKey{"app", "db"}].joined.Load().Fleet.(*rigFleet)
	f.holds = true
	w.waits(a, "Bind: s", "Execute:", "Sync:")
	found := &querycache.Shared{Tables: []string{"a"}, Left: time.Second, Shape: 4711,
		Reply: slices.Concat(frame(pgwire.BindComplete), dataRow("a"), frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I"))}
	w.heard = nil
	f.asked[0].found(found)
	w.settle()
	if len(w.heard) != 1 {
		t.Errorf("servers are asked %q", w.heard)
	}
	w.hits(a, "Bind: s", "Execute:", "Sync:")
	w.note("what it says of itself does not count where its columns tell")
	messages := []string{"Bind: s", describePortal, "Execute:", "Sync:"}
	w.waits(a, messages...)
	lying := *found
	lying.Shape = uint64(prepared.ShapeOf(cacheColumns[pgwire.HeaderLen:]))
	lying.Reply = slices.Concat(found.Reply[:pgwire.HeaderLen], bytes.Replace(cacheColumns, []byte("n\x00"), []byte("m\x00"), 1),
		found.Reply[pgwire.HeaderLen:])
	w.heard = nil
	f.asked[1].found(&lying)
	w.settle()
	if len(w.heard) == 0 {
		t.Errorf("servers are asked %q", w.heard)
	}
}

// Beside a change stream what is cached goes on when the fleet is lost; but what that is asked, or was to be offered, is of the one it was.
func TestAFleetThatIsLostBesideAChangeStream(t *testing.T) {
	st := newRigStore()
	p := sharedCachePool(1)
	p.Cache.WAL = true
	w := newCacheRig(t, 1, p)
	a := w.client("a")
	w.misses(a, "select from a")
	w.e.Follows("app", "db", []string{"a"})
	f := st.joins(w)
	w.note("while a server is asked")
	w.mute("select")
	w.waits(a, "select from a")
	w.e.Shares("app", "db", nil)
	w.e.Shares("app", "db", f)
	w.unmute()
	w.hits(a, "select from a")
	if f.kept != 0 {
		t.Errorf("%d replies are offered", f.kept)
	}
	w.note("while it is asked itself")
	f.holds = true
	w.waits(a, "select from v")
	w.e.Shares("app", "db", nil)
	w.e.Shares("app", "db", f)
	w.heard = nil
	f.asked[0].found(&querycache.Shared{Tables: []string{"a"}, Left: time.Second,
		Reply: slices.Concat(cacheColumns, dataRow("a"), frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I"))})
	w.settle()
	if len(w.heard) != 1 {
		t.Errorf("servers are asked %q", w.heard)
	}
}

// In a pool that shares a hit allocates nothing, nor does what cannot be kept, whoever watches.
func TestNoAllocationPerHitOfAPoolThatShares(t *testing.T) {
	w, _ := fleetRig(t, newRigStore(), 1, 1)
	w.quiet = true
	a := w.client("a")
	w.says(a, "select from a")
	w.hits(a, "select from a")
	w.says(a, "select now()")
	data, other := said([]string{"select from a"}), said([]string{"select now()"})
	answer := slices.Concat(cacheColumns, dataRow("1"), frame(pgwire.CommandComplete, "SELECT 1\x00"), frame(pgwire.ReadyForQuery, "I"))
	mustNotAllocate(t, func() { w.step(a, data) })
	mustNotAllocate(t, func() { w.isAsked(a, other, answer) })
}
