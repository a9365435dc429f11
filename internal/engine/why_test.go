package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/routing"
)

// whyOf is what is told of the only client.
func (r *rig) whyOf(address string) string {
	r.Helper()
	rows := r.clientRows(Filter{Address: address})
	if len(rows) != 1 {
		r.Fatalf("%d clients at %s", len(rows), address)
	}
	return rows[0].Why
}

// Each way a transaction can go has its reason, in the rows and in the counts.
func TestWhy(t *testing.T) {
	r := splitRig(t, 1, nil)
	r.knows("Query: /* route: primary */ select 1", "Query: /* route: replica */ select 1")
	r.quiet = true
	c := r.clientAs("c", Client{Address: "10.0.0.1:1"})
	asked := func(text, why string, reason Reason) {
		t.Helper()
		before := r.reasons()[reason]
		r.says(c, text)
		if got := r.whyOf("10.0.0.1"); !strings.HasPrefix(got, why) {
			t.Errorf("%s: %q, not %q", text, got, why)
		}
		if n := r.reasons()[reason] - before; n != 1 {
			t.Errorf("%s: %v was counted %d times", text, reason, n)
		}
	}
	if why := r.whyOf("10.0.0.1"); why != "" {
		t.Errorf("before anything was asked: %q", why)
	}
	asked("select 1", "it reads only, and was given the upstream that lb_policy picked; upstream t", ReasonReads)
	asked("insert", "to the primary: it is not known to read only", ReasonWrites)
	asked("select 3", "its server has stayed with it since its last transaction; upstream one:5432", ReasonKept)
	r.pass(10 * time.Second)
	asked("select 2", "it reads only, and no replica had replayed yet what this session has written", ReasonOwnWrites)
	asked("Query: /* route: primary */ select 1", "to the primary: a hint says so", ReasonHintPrimary)
	r.probe("one", false, 200)
	r.probe("two", true, 200)
	asked("Query: /* route: replica */ select 1", "to a replica: a hint says so", ReasonHintReplica)
	r.report(routing.Report{Address: "two:5432", Failed: "gone"})
	r.report(routing.Report{Address: "two:5432", Failed: "gone"})
	r.report(routing.Report{Address: "three:5432", Failed: "gone"})
	r.report(routing.Report{Address: "three:5432", Failed: "gone"})
	asked("select 3", "it reads only, and no replica was up and fresh enough", ReasonNoReplica)
}

// reasons is the counts of the only pool.
func (r *rig) reasons() [Reasons]uint64 {
	r.Helper()
	return r.snapshot().Pools[0].Reasons
}

// Where all goes the same way, that is the reason, with how long it took to get a server, and why that is kept.
func TestWhyWithoutAChoice(t *testing.T) {
	p := onePool(1)
	p.QueryWaitTimeout = time.Minute
	r := newRig(t, 1, p)
	r.quiet = true
	a, b := r.clientAs("a", Client{Address: "10.0.0.1:1"}), r.clientAs("b", Client{Address: "10.0.0.2:1"})
	r.says(a, "begin")
	r.says(b, "select 1")
	r.pass(1500 * time.Millisecond)
	r.says(a, "commit")
	if why := r.whyOf("10.0.0.2"); why != "all transactions of this pool go there; waited 1.5s for a server" {
		t.Errorf("%q", why)
	}
	r.says(a, "create temp table t ()")
	if why := r.whyOf("10.0.0.1"); !strings.HasSuffix(why, "; upstream pg:5432; keeps its server: temporary_table") {
		t.Errorf("%q", why)
	}
}

// Every reason has a label of its own, and a text.
func TestReasonsHaveWords(t *testing.T) {
	labels := map[string]bool{}
	for reason := range Reasons {
		if label := reason.String(); label == "" || labels[label] {
			t.Errorf("reason %d is called %q", reason, label)
		} else {
			labels[label] = true
		}
		if reasonTexts[reason] == "" {
			t.Errorf("%v has no text", reason)
		}
	}
}
