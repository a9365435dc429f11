package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// bindPortal is a Bind of a statement to a portal, and executePortal an Execute of that.
func bindPortal(portal, statement string) string {
	return "Raw: " + string(frame(pgwire.Bind, portal, "\x00", statement, "\x00\x00\x00\x00\x00\x00\x00"))
}

func executePortal(portal string) string {
	return "Raw: " + string(frame(pgwire.Execute, portal, "\x00\x00\x00\x00\x00"))
}

func TestSimpleQueriesAreToldByTheirForm(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.says(a, "select 1", "SELECT  'two' -- a comment", "row", "begin", "copy", "CopyData: x", "CopyDone:", "commit")
	r.formsAre("select $n [select] 2 calls, 2 rows", "row [select] 1 calls, 1 rows", "begin [transaction] 1 calls", "copy [copy] 1 calls, 1 rows",
		"commit [transaction] 1 calls")
}

func TestQueriesThatFailAreCountedAndToldSo(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.answers = func(s *rigServer, typ byte, body string) bool {
		if typ != pgwire.Execute || s.bound != "select wrong" {
			return false
		}
		s.answer(pgwire.AppendError(nil, "ERROR", "22012", "division by zero", "", ""))
		return true
	}
	a := r.client("a")
	r.note("a Query, and an Execute; what is skipped behind that has not run")
	r.says(a, "nonsense 1", "nonsense 2")
	r.says(a, "Parse: unnamed select wrong", "Bind:", "Execute:", "Sync:")
	r.formsAre("nonsense $n [other] 2 calls, 2 errors", "select wrong [other] 1 calls, 1 errors")
}

func TestStatementsAreToldByTheirForm(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.note("named, of two clients, with a pipeline of three; unnamed with a literal")
	r.says(a, "Parse: s select x where id = $1", "Sync:")
	r.says(a, "Bind: s", "Execute:", "Sync:")
	r.says(b, "Parse: t select x where id = $1", "Bind: t", "Execute:", "Bind: t", "Execute:", "Sync:", "Bind: t", "Execute:", "Sync:")
	r.says(b, "Parse: unnamed select x where id = 4", "Bind:", "Execute:", "Sync:")
	r.formsAre("select x where id = $n [select] 5 calls, 5 rows")
}

func TestPortalsAreOfTheStatementsTheyAreBoundTo(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.says(a, "Parse: s select s", "Parse: t select t", "Sync:", "begin")
	r.says(a, bindPortal("one", "s"), bindPortal("two", "t"), bindPortal("", "t"), "Sync:")
	r.note("in any order, one of them in pieces; one of a portal that SQL has made")
	r.says(a, executePortal("two"), executePortal("one"), executePortal("one"), executePortal(""), executePortal("cursor"), "Sync:")
	r.note("bound to another statement")
	r.says(a, bindPortal("one", "t"), executePortal("one"), "Sync:", "commit")
	r.formsAre("select s [select] 2 calls, 2 rows", "select t [select] 3 calls, 3 rows", "begin [transaction] 1 calls", "commit [transaction] 1 calls",
		"(other) [other] 1 calls, 1 rows")
}

func TestWhatNobodyCanReadIsAmongTheOthers(t *testing.T) {
	p := onePool(1)
	p.MaxPreparedStatements = 0
	r := newRig(t, 1, p)
	a := r.client("a")
	r.note("what is passed through, a FunctionCall, and nothing at all")
	r.says(a, "Parse: s select s", "Bind: s", "Execute:", "Sync:")
	r.says(a, "Query: ")
	forms := r.queries("app")
	if other := forms[OtherQueries]; len(forms) != 1 || other.Calls != 2 || other.Fingerprint != 0 {
		t.Errorf("%+v", forms)
	}
}

// What cannot be read for certain goes by what can be.
func TestWhatCanBeReadInPartGoesByThat(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.says(a, `select 'a' from t where x = 'don\'t' and secret`, `select 'b' from t where x = '\'' or more secrets`)
	long := "select '" + strings.Repeat("x", 20) + "', " + strings.Repeat("a ", session.MaxRanText)
	r.says(a, long+"1", strings.Replace(long, "x", "yy", 1)+"2")
	forms := r.queries("app")
	if f := forms["select $n from t where x = …"]; f.Calls != 2 || f.Fingerprint == 0 {
		t.Errorf("what has an odd string: %+v", forms)
	}
	for form, q := range forms {
		if strings.HasPrefix(form, "select $n, a a") && (q.Calls != 2 || len(form) > maxFormText || !strings.HasSuffix(form, missing)) {
			t.Errorf("what is long: %d calls, %d bytes: %s", q.Calls, len(form), form)
		}
	}
	if len(forms) != 2 {
		t.Errorf("%d forms", len(forms))
	}
}

// Of many simple Queries on their way at once, the texts are kept up to a bound.
func TestTextsOfAPipelineAreKeptUpToABound(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	text := "select " + strings.Repeat("x", session.MaxRanText-len("select "))
	r.says(a, text[:len(text)-1], text[:len(text)-1], text[:len(text)-1])
	r.says(a, "select 1")
	var calls []uint64
	for form, q := range r.queries("app") {
		if form != OtherQueries {
			calls = append(calls, q.Calls)
		} else if q.Calls != 0 {
			t.Errorf("%d texts were not kept, though there was room", q.Calls)
		}
	}
	if slices.Sort(calls); !slices.Equal(calls, []uint64{1, 3}) {
		t.Errorf("calls of forms: %d", calls)
	}
	r.note("four, each as long as may be kept: the third begins at the bound")
	r.says(a, text, text, text, text)
	if other := r.queries("app")[OtherQueries]; other.Calls != 2 {
		t.Errorf("%d texts were not kept; there is room for two of four", other.Calls)
	}
}

func TestTimeIsOfTheServerAndOfOneQueryEach(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	done := func() {
		r.servers[0].hanging = false
		r.servers[0].answer(frame(pgwire.CommandComplete, "DONE\x00"), r.servers[0].ready())
		r.settle()
	}
	r.note("two in a pipeline, and one of another client that waits")
	r.says(a, "hang", "hang")
	r.says(b, "select b")
	r.pass(time.Second)
	done()
	r.pass(3 * time.Second)
	done()
	forms := r.queries("app")
	if h := forms["hang"]; h.Calls != 2 || h.Total != 4*time.Second || h.Max != 3*time.Second {
		t.Errorf("%+v", h)
	}
	if w := forms["select b"]; w.Calls != 1 || w.Total != 0 {
		t.Errorf("the wait for a server counts: %+v", w)
	}
	r.note("a transaction that rests takes no time")
	r.says(a, "begin")
	r.pass(time.Minute)
	r.says(a, "commit")
	if c := r.queries("app")["commit"]; c.Total != 0 {
		t.Errorf("%+v", c)
	}
}

func TestHitsAreCallsThatTakeNoTime(t *testing.T) {
	w := newCacheRig(t, 1, cachePool(2))
	a, b := w.client("a"), w.client("b")
	w.misses(a, "select from a")
	w.hits(b, "select from a")
	w.hits(a, "select from a")
	w.misses(a, batch("select from b")...)
	w.hits(b, batch("select from b")...)
	forms := w.queries("app")
	for form, want := range map[string]uint64{"select from a": 2, "select from b": 1} {
		if q := forms[form]; q.CacheHits != want || q.Calls < want+1 || q.Kind != "select" {
			t.Errorf("%s: %+v", form, q)
		}
	}
}

// The loops' figures are one, and outlive the pools of databases and users; not the declaration.
func TestQueriesOfAllLoopsAreOne(t *testing.T) {
	p := onePool(2)
	p.ServerIdleTimeout = time.Minute
	r := newRig(t, 2, p)
	clients := []*rigSocket{r.client("a"), r.client("b"), r.client("c"), r.client("d")}
	loops := map[*rigLoop]bool{}
	for _, c := range clients {
		r.says(c, "select 1", "select x")
		loops[c.loop] = true
	}
	want := []string{"select $n [select] 4 calls, 4 rows", "select x [select] 4 calls, 4 rows"}
	if r.formsAre(want...); len(loops) != 2 {
		t.Fatalf("the clients are on %d loops", len(loops))
	}
	for _, c := range clients {
		r.leaves(c)
	}
	r.pass(24 * time.Hour)
	if n := len(r.loops[0].shard.byKey) + len(r.loops[1].shard.byKey); n != 0 {
		t.Fatalf("%d pools are not forgotten", n)
	}
	r.formsAre(want...)
	r.note("a reload that keeps the pool, one that does not, and one that has it again")
	r.apply(onePool(3))
	r.formsAre(want...)
	other := onePool(1)
	other.Name = "other"
	r.apply(other)
	r.formsAre()
	r.apply(onePool(1), other)
	r.says(r.client("e"), "select 2")
	r.formsAre("select $n [select] 1 calls, 1 rows")
}

// A pool that is declared again while its clients are still there begins anew, and counts them.
func TestAPoolThatIsDeclaredAgainBeginsAnew(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.says(a, "select 1", "begin")
	other := onePool(1)
	other.Name = "other"
	r.apply(other)
	r.says(a, "select amid")
	r.apply(onePool(1), other)
	r.says(a, "select 2", "commit")
	r.formsAre("select $n [select] 1 calls, 1 rows", "commit [transaction] 1 calls")
}

// A client that leaves takes nothing of what it asked with it.
func TestTheQueryOfAClientThatHasLeft(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.says(a, "Parse: unnamed select it", "Bind:", "Sync:", "hang")
	r.leaves(a)
	r.servers[0].hanging = false
	r.servers[0].fail("57014", "canceled")
	r.settle()
	r.formsAre("hang [other] 1 calls, 1 errors")
}

func TestNoAllocationPerQueryThatIsRead(t *testing.T) {
	b := newBench(t, 10, 3)
	i := 0
	mustNotAllocate(t, func() {
		i++
		b.now += int64(time.Millisecond)
		b.ask(t, b.clients[i%10], simpleQuery, simpleAnswer)
	})
	s := b.shard
	if unread := s.busiest["app"].unread.calls; unread != 0 || s.reading.bytes <= 0 {
		t.Fatalf("%d queries were not read", unread)
	}
}

// What no two queries have in common costs no more than its allowance, and no memory for each once all places are taken.
func TestNoAllocationPerFormThatHasNoPlace(t *testing.T) {
	b := newBench(t, 10, 3)
	i := 0
	ask := func() {
		i++
		b.now += int64(time.Millisecond)
		query := simpleQuery
		copy(query[len(query)-5:], fmt.Sprintf("a%03x", i%4096))
		b.ask(t, b.clients[i%10], query, simpleAnswer)
	}
	keep := string(simpleQuery)
	defer func() { copy(simpleQuery, keep) }()
	for range 2 * maxForms {
		ask()
	}
	if n := testing.AllocsPerRun(2000, ask); n > 2 { // fmt.Sprintf's
		t.Fatalf("%v allocations", n)
	}
	if n := len(b.shard.busiest["app"].forms); n != maxForms {
		t.Fatalf("%d forms", n)
	}
}

// BenchmarkReadQuery is BenchmarkSimpleQuery where every text is read, because there is time.
func BenchmarkReadQuery(b *testing.B) {
	w := newBench(b, 64, 20)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.now += int64(time.Millisecond)
		w.ask(b, w.clients[i%64], simpleQuery, simpleAnswer)
	}
}

// BenchmarkCounting is what it costs to count a query: of a statement that is known, of a text that is read, and of one that is not because the
// allowance is used up.
func BenchmarkCounting(b *testing.B) {
	w := newBench(b, 2, 1)
	w.ask(b, w.clients[0], prepare, prepareAnswer)
	w.ask(b, w.clients[0], execute, executeAnswer)
	w.ask(b, w.clients[0], simpleQuery, simpleAnswer)
	s := w.shard
	var known session.Ran
	c := s.client(w.clients[0].Slot())
	id, _ := s.env.Names.Get(c.Slot, []byte("s"))
	known = session.Ran{Stmt: id, Text: s.env.Statements.Text(id), Kind: session.KindSelect, Rows: 1}
	simple := session.Ran{Text: simpleQuery[pgwire.HeaderLen : len(simpleQuery)-1], Kind: session.KindSelect, Rows: 1}
	var conn uint64
	for srv := range s.pools[c.pool].servers {
		conn = srv.Conn
	}
	machine := &s.serverAt(conn).Server
	for _, m := range []struct {
		name  string
		r     session.Ran
		bytes int64
	}{{"statement", known, maxAllowance}, {"read", simple, maxAllowance}, {"unread", simple, -1 << 40}} {
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			other := session.Ran{Text: []byte("commit"), Kind: session.KindTransaction}
			for b.Loop() {
				s.reading = allowedReading{bytes: m.bytes, at: s.now}
				s.ran(machine, &m.r)
				if m.name == "read" {
					s.env.ReadFingerprint(other.Text, other.Stmt) // so that it is not the last that was read
				}
			}
		})
	}
}
