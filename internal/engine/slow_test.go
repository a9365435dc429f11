package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// slowPool is onePool where a query is slow that takes so long.
func slowPool(size int, d time.Duration) PoolConfig {
	p := onePool(size)
	p.SlowQuery = d
	return p
}

// wakes lets a server answer what it hangs in.
func (r *rig) wakes(s *rigServer) {
	s.hanging = false
	s.answer(frame(pgwire.CommandComplete, "SELECT 3\x00"), s.ready())
	r.settle()
}

func TestASlowQueryIsTold(t *testing.T) {
	r := newRig(t, 1, slowPool(1, time.Second))
	a := r.clientAs("a", Client{Login: "alice", Address: "192.0.2.7:5000", Startup: []Setting{{"application_name", "report"}}})
	b := r.client("b")
	r.note("b waits for three seconds, and works for two; a works for three")
	r.says(a, "hang")
	r.says(b, "hang")
	r.pass(3 * time.Second)
	r.wakes(r.servers[0])
	r.pass(2 * time.Second)
	r.wakes(r.servers[0])
	if len(r.notices) != 2 {
		t.Fatalf("%d notices: %+v", len(r.notices), r.notices)
	}
	first, second := r.notices[0], r.notices[1]
	want := Notice{Level: Warn, Message: "a query was slow", Pool: "app", Database: "db", User: "alice", Upstream: "pg:5432", Address: "192.0.2.7:5000",
		Application: "report", Statement: "hang", Elapsed: 3 * time.Second}
	slow := *first.Slow
	if first.Slow = nil; fmt.Sprintf("%+v", first) != fmt.Sprintf("%+v", want) || slow != (SlowQuery{Rows: 3}) {
		t.Errorf("a's:\n%+v, %+v, and not\n%+v", first, slow, want)
	}
	if second.User != "u" || second.Elapsed != 2*time.Second || *second.Slow != (SlowQuery{Waited: 3 * time.Second, Rows: 3}) {
		t.Errorf("b's: %+v, %+v", second, second.Slow)
	}
}

// Who has waited for a server tells so of the first query of a transaction, and not of the others.
func TestOnlyTheFirstQueryHasWaited(t *testing.T) {
	r := newRig(t, 1, slowPool(1, time.Second))
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.says(b, "begin", "hang")
	r.pass(5 * time.Second)
	r.says(a, "commit")
	r.pass(time.Second)
	r.wakes(r.servers[0])
	if len(r.notices) != 1 || r.notices[0].Slow.Waited != 0 || r.notices[0].Elapsed != time.Second {
		t.Fatalf("%+v", r.notices)
	}
}

func TestTheBoundOfSlowQueriesIsThatOfTheConfiguration(t *testing.T) {
	r := newRig(t, 1, slowPool(1, time.Second))
	a := r.client("a")
	takes := func(d time.Duration) int {
		before := len(r.notices)
		r.says(a, "hang")
		r.pass(d)
		r.wakes(r.servers[0])
		return len(r.notices) - before
	}
	for _, c := range []struct {
		slow, took time.Duration
		lines      int
	}{{time.Second, time.Second - 1, 0}, {time.Second, time.Second, 1}, {0, time.Hour, 0}, {2 * time.Second, time.Second, 0}} {
		r.apply(slowPool(1, c.slow))
		if n := takes(c.took); n != c.lines {
			t.Errorf("slow_query %v, and a query of %v: %d lines", c.slow, c.took, n)
		}
	}
	r.note("one that is on its way when the configuration changes")
	r.says(a, "hang")
	r.pass(time.Second)
	before := len(r.notices)
	r.apply(slowPool(1, time.Second))
	if r.wakes(r.servers[0]); len(r.notices) != before+1 {
		t.Error("it is not told")
	}
}

func TestASlowQueryThatFailsIsToldSo(t *testing.T) {
	r := newRig(t, 1, slowPool(1, time.Second))
	a := r.client("a")
	r.says(a, "hang")
	r.pass(time.Minute)
	r.leaves(a) // so it is cancelled
	if len(r.notices) != 1 || r.notices[0].Cause != "it ended with an error" || r.notices[0].Address != "" || r.notices[0].User != "u" {
		t.Fatalf("%+v", r.notices)
	}
}

func TestSlowLinesHaveABound(t *testing.T) {
	var l lines
	now := int64(time.Hour)
	written := 0
	for range maxSlowLines + 4 {
		if left, ok := l.take(now, maxSlowLines); ok {
			if written++; left != 0 {
				t.Errorf("line %d says that %d are missing", written, left)
			}
		}
	}
	if written != maxSlowLines {
		t.Errorf("%d lines in a second", written)
	}
	if _, ok := l.take(now+int64(time.Second)-1, maxSlowLines); ok {
		t.Error("one more, before the second is over")
	}
	if left, ok := l.take(now+int64(time.Second), maxSlowLines); !ok || left != 5 {
		t.Errorf("the next line says that %d are missing", left)
	}
	if left, ok := l.take(now+int64(time.Second), maxSlowLines); !ok || left != 0 {
		t.Errorf("and the one behind it that %d are", left)
	}
}

// secretly is ways to write a literal; S is a string, D digits.
var secretly = strings.Split(`'S'|E'S'|e'\'S'|$$S$$|$q$S$q$|N'S'|U&'S'|'a''S'|'a'
'S'|/* S */ 1|'\S'|D0|-D.5e3|.D|'don\'t S'|B'D'|X'D'|/* /* S */ */ 1|'S|$$S|$S$D|E'\'S|E'S\|'S''|/* S`, "|")

// Whatever literals are asked for, however they are written and wherever the text ends: none is told to anybody.
func TestNoLiteralIsTold(t *testing.T) {
	random := source(t)
	r := newRig(t, 1, slowPool(1, 1))
	r.quiet = true
	r.answers = func(*rigServer, byte, string) bool { // as time passes, all is slow
		r.now += int64(time.Second)
		return false
	}
	a := r.client("a")
	const word, digits = "5ecre7", "53535353"
	for range 2000 {
		literal := strings.NewReplacer("S", word, "D", digits).Replace(secretly[random.IntN(len(secretly))])
		text := "select " + strings.Repeat("x, ", random.IntN(3)) + literal + " from t where y in (" + literal + ", " + literal + ")"
		if random.IntN(4) == 0 {
			text = text[:7+random.IntN(len(text)-7)]
		}
		if random.IntN(2) == 0 {
			r.says(a, "Query: "+text)
		} else {
			r.says(a, "Parse: unnamed "+text, "Bind:", "Execute:", "Sync:")
		}
	}
	tells := func(s string) bool { return strings.Contains(s, word[1:]) || strings.Contains(s, digits[:6]) }
	forms := r.queries("app")
	for form := range forms {
		if tells(form) {
			t.Errorf("a form tells %s", form)
		}
	}
	for _, n := range r.notices {
		if tells(n.Statement) || n.Slow == nil {
			t.Errorf("the log tells %+v", n)
		}
	}
	if len(r.notices) < 1000 || len(forms) < 10 {
		t.Errorf("%d lines and %d forms are too few to tell", len(r.notices), len(forms))
	}
}
