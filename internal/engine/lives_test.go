package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// lifeLine is a notice about a client in short.
func lifeLine(n Notice) string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %s", n.Message, n.User, n.Address, n.Life.Reason, n.Cause)), " ")
}

// Whatever becomes of clients is counted by its reason, and written to the log where that is asked for.
func TestLivesOfClients(t *testing.T) {
	p := onePool(1)
	p.QueryWaitTimeout, p.ClientIdleTimeout = 30*time.Second, time.Hour
	p.Log = LogConnections | LogDisconnections | LogErrors | LogPins
	r := newRig(t, 1, p)
	r.quiet = true
	come := func(n int) *rigSocket {
		return r.clientAs("", Client{Address: fmt.Sprintf("10.0.0.%d:1", n), Login: "alice"})
	}
	a := come(1)
	r.says(a, "create temp table t ()")
	b := come(2)
	r.says(b, "select 1")
	r.pass(time.Minute)
	r.says(b, "Terminate:")
	c := come(3)
	r.endsHalf(c)
	r.leaves(come(4))
	idle := come(5)
	r.says(a, "Terminate:")
	r.pass(2 * time.Hour)
	if !idle.gone {
		t.Fatal("who is idle is still there")
	}
	var got []string
	for _, n := range r.notices {
		if n.Life != nil {
			got = append(got, lifeLine(n))
		}
	}
	want := []string{
		"a client has logged in alice 10.0.0.1:1",
		"a client keeps its server alice 10.0.0.1:1 temporary_table",
		"a client has logged in alice 10.0.0.2:1",
		"a query was refused alice 10.0.0.2:1 08006 no server became free within 30s (query_wait_timeout)",
		"a client has left alice 10.0.0.2:1 terminated",
		"a client has logged in alice 10.0.0.3:1",
		"a client has left alice 10.0.0.3:1 closed",
		"a client has logged in alice 10.0.0.4:1",
		"a client has left alice 10.0.0.4:1 lost",
		"a client has logged in alice 10.0.0.5:1",
		"a client has left alice 10.0.0.1:1 terminated",
		"a client has left alice 10.0.0.5:1 57P05 terminating connection due to idle-session timeout",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log says\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var counts Counts
	for _, p := range r.snapshot().Pools {
		counts.Add(&p.Counts)
	}
	for _, forgotten := range r.snapshot().Forgotten {
		counts.Add(forgotten)
	}
	if got := fmt.Sprint(counts.Left); got != "map[57P05:1 closed:1 lost:1 terminated:2]" {
		t.Errorf("left: %s", got)
	}
	if got := fmt.Sprint(counts.Refused); got != "map[08006:1 57P05:1]" {
		t.Errorf("refused: %s", got)
	}
}

// Where nothing is asked for nothing is written; errors alone are of what goes wrong.
func TestLivesThatAreNotLogged(t *testing.T) {
	for logged, want := range map[Logged]string{
		0:         "",
		LogErrors: "a client was closed u client:1 08006 server closed the connection unexpectedly",
	} {
		p := onePool(1)
		p.Log = logged
		r := newRig(t, 1, p)
		r.quiet = true
		a := r.client("a")
		r.client("b")
		r.says(a, "begin")
		r.servers[0].socket.broken = true
		r.settle()
		var got []string
		for _, n := range r.notices {
			if n.Life != nil {
				got = append(got, lifeLine(n))
			}
		}
		if text := strings.Join(got, "\n"); text != want {
			t.Errorf("with %b: %q, not %q", logged, text, want)
		}
	}
}

// At the bound of lines in a second, and past it: what is left out is told by the next.
func TestLinesAreBounded(t *testing.T) {
	var l lines
	for i := range maxLines {
		if left, ok := l.take(7e9+int64(i), maxLines); !ok || left != 0 {
			t.Fatalf("line %d: %v, %d left out", i, ok, left)
		}
	}
	for range 3 {
		if _, ok := l.take(8e9-1, maxLines); ok {
			t.Fatal("a line past the bound is written")
		}
	}
	if left, ok := l.take(8e9, maxLines); !ok || left != 3 {
		t.Fatalf("in the next second: %v, %d left out", ok, left)
	}
	if left, ok := l.take(8e9, maxLines); !ok || left != 0 {
		t.Fatalf("then: %v, %d left out", ok, left)
	}
}

// Reasons that are counted are bounded: the others count together.
func TestCountedReasonsAreBounded(t *testing.T) {
	var c Counts
	for i := range maxStates + 2 {
		c.left(fmt.Sprint(i))
	}
	c.left("0")
	if len(c.Left) != maxStates+1 || c.Left["other"] != 2 || c.Left["0"] != 2 {
		t.Fatalf("%d reasons; other %d", len(c.Left), c.Left["other"])
	}
}
