package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	aTrace  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	another = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00"
)

// tracedRig is a rig with one pool, whose transactions are traced.
func tracedRig(t *testing.T, size int) *rig {
	t.Helper()
	p := onePool(size)
	p.Tracing = true
	r := newRig(t, 1, p)
	r.quiet = true
	return r
}

// traced is a text that tells its trace, in the way of sqlcommenter.
func traced(text, parent string) string {
	return "Query: " + text + " /*a='b',traceparent='" + parent + "'*/"
}

// A transaction is told when it is over: of what trace, how long it took, what it waited, and how it ended.
func TestSpansOfTransactions(t *testing.T) {
	r := tracedRig(t, 1)
	a := r.clientAs("a", Client{Login: "alice", Address: "10.0.0.1:1", Startup: []Setting{{"application_name", "shop"}}})
	b := r.client("b")
	r.says(a, traced("begin", aTrace))
	r.says(b, traced("select 2", another))
	r.pass(2 * time.Second)
	r.says(a, "select 1")
	if len(r.spans) != 0 {
		t.Fatalf("before the end: %+v", r.spans)
	}
	r.says(a, "commit")
	if len(r.spans) != 2 {
		t.Fatalf("%d spans: %+v", len(r.spans), r.spans)
	}
	first, second := r.spans[0], r.spans[1]
	if first.Parent != aTrace || first.Login != "alice" || first.Application != "shop" || first.Queries != 3 || first.Took != 2*time.Second || first.Failed ||
		first.Upstream != "pg:5432" || first.Kind != "transaction" || first.Waited != 0 {
		t.Errorf("a's is %+v", first)
	}
	if second.Parent != another || second.Queries != 1 || second.Waited != 2*time.Second || second.Took != 2*time.Second || second.Form != "select $n" {
		t.Errorf("b's is %+v", second)
	}
}

// One whose server is lost, or whose client vanishes, is told to have failed; what tells no trace, or none that there can be, is not told at all.
func TestSpansThatFail(t *testing.T) {
	r := tracedRig(t, 2)
	a, b := r.client("a"), r.client("b")
	r.says(a, traced("begin", aTrace))
	r.servers[0].socket.broken = true
	r.settle()
	a = r.client("a, again")
	r.says(b, traced("begin", another))
	r.leaves(b)
	r.pass(time.Second)
	if len(r.spans) != 2 || !r.spans[0].Failed || !r.spans[1].Failed || r.spans[1].Parent != another {
		t.Fatalf("%+v", r.spans)
	}
	for _, bad := range []string{"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", aTrace + "0"} {
		r.says(a, traced("select 1", bad))
	}
	r.says(a, "select 1")
	if len(r.spans) != 2 {
		t.Errorf("%+v", r.spans[2:])
	}
}

// A client that keeps its server has a span for each of its transactions that tells.
func TestSpansOnAServerThatIsKept(t *testing.T) {
	p := onePool(1)
	p.Tracing, p.Mode = true, Session
	r := newRig(t, 1, p)
	r.quiet = true
	a := r.client("a")
	for range 3 {
		r.says(a, traced("select 1", aTrace))
		r.says(a, "select 2")
		r.pass(time.Second)
	}
	if len(r.spans) != 3 {
		t.Fatalf("%d spans", len(r.spans))
	}
	for i, s := range r.spans {
		if s.Queries != 1 || s.Took != 0 {
			t.Errorf("span %d is %+v", i, s)
		}
	}
}

// Where it is not asked for, nothing is told.
func TestNoSpansWithoutTracing(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.quiet = true
	r.says(r.client("a"), traced("select 1", aTrace))
	if len(r.spans) != 0 {
		t.Fatal(fmt.Sprint(r.spans))
	}
}

// The form of an answer from the cache is cut where that of a server's is, and says so.
func TestTheFormOfASpanIsBounded(t *testing.T) {
	p := cachePool(1)
	p.Tracing = true
	w := newCacheRig(t, 1, p)
	w.quiet = true
	text := "select from a where " + strings.Repeat("x", maxFormText)
	w.knows(text)
	a := w.client("a")
	w.misses(a, traced(text, aTrace))
	w.hits(a, traced(text, aTrace))
	if len(w.spans) != 2 || w.spans[1].Reason != ReasonCached {
		t.Fatalf("%+v", w.spans)
	}
	if miss, hit := w.spans[0].Form, w.spans[1].Form; miss != hit || len(hit) != maxFormText || !strings.HasSuffix(hit, missing) {
		t.Errorf("a server's is %d bytes, …%q, and the cache's %d, …%q", len(miss), miss[len(miss)-8:], len(hit), hit[len(hit)-8:])
	}
}
