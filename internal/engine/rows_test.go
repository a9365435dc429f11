package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// clientRows asks for rows of clients.
func (r *rig) clientRows(f Filter) []ClientRow {
	r.Helper()
	out := r.e.ClientRows(f)
	r.settle()
	return <-out
}

func (r *rig) serverRows(f Filter) []ServerRow {
	r.Helper()
	out := r.e.ServerRows(f)
	r.settle()
	return <-out
}

// Rows tell what each client and server is doing, and who has whom.
func TestRows(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.quiet = true
	busy := r.clientAs("busy", Client{Startup: []Setting{{"application_name", "batch"}}, Address: "10.0.0.7:4711", Login: "alice"})
	waits := r.clientAs("waits", Client{Address: "10.0.0.8:4712"})
	r.clientAs("rests", Client{Address: "[::1]:4713"})
	r.pass(10 * time.Second)
	r.says(busy, "begin")
	r.says(waits, "select 1")
	r.pass(3 * time.Second)

	rows := r.clientRows(Filter{})
	if len(rows) != 3 {
		t.Fatalf("%d clients: %+v", len(rows), rows)
	}
	b, w, i := rows[0], rows[1], rows[2]
	if b.State != "active" || w.State != "waiting" || i.State != "idle" {
		t.Fatalf("busy is %s, who waits %s, who rests %s", b.State, w.State, i.State)
	}
	if b.Application != "batch" || b.Login != "alice" || b.User != "u" || b.Address != "10.0.0.7:4711" || b.Age != 13*time.Second || b.Since != 3*time.Second {
		t.Fatalf("%+v", b)
	}
	if w.Since != 3*time.Second || w.Why != "waits for a server: 1 of 1 servers (pool_size) are in use" {
		t.Fatalf("%+v", w)
	}
	servers := r.serverRows(Filter{})
	if len(servers) != 1 {
		t.Fatalf("%d servers", len(servers))
	}
	s := servers[0]
	if s.State != "active" || s.Client != b.ID || s.ClientPID != b.PID || b.Server != s.ID || b.ServerPID != s.PID || s.Application != "batch" ||
		b.Upstream != "pg:5432" || s.Address != b.Upstream {
		t.Fatalf("server %+v\nof %+v", s, b)
	}
}

// Each filter alone leaves those that fit, and nobody else.
func TestRowsAreFiltered(t *testing.T) {
	r := newRig(t, 2, onePool(5), named("other"))
	r.quiet = true
	a := r.clientAs("a", Client{Startup: []Setting{{"application_name", "x"}}, Address: "10.0.0.1:1", Login: "alice"})
	r.clientAs("b", Client{Database: "db2", Address: "10.0.0.2:1"})
	r.clientAs("c", Client{Pool: "other", User: "v", Address: "10.0.0.2:2"})
	r.says(a, "begin")
	for _, test := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "10.0.0.1:1 10.0.0.2:1 10.0.0.2:2"},
		{Filter{Pool: "app"}, "10.0.0.1:1 10.0.0.2:1"},
		{Filter{Pool: "none"}, ""},
		{Filter{Database: "db2"}, "10.0.0.2:1"},
		{Filter{User: "v"}, "10.0.0.2:2"},
		{Filter{User: "alice"}, "10.0.0.1:1"},
		{Filter{Application: "x"}, "10.0.0.1:1"},
		{Filter{Address: "10.0.0.2"}, "10.0.0.2:1 10.0.0.2:2"},
		{Filter{Address: "10.0.0.2:2"}, "10.0.0.2:2"},
		{Filter{State: "active"}, "10.0.0.1:1"},
		{Filter{State: "idle", Pool: "app"}, "10.0.0.2:1"},
		{Filter{Upstream: "pg:5432"}, "10.0.0.1:1"},
		{Filter{Upstream: "elsewhere:5432"}, ""},
	} {
		var found []string
		for _, row := range r.clientRows(test.filter) {
			found = append(found, row.Address)
		}
		slices.Sort(found)
		if got := strings.Join(found, " "); got != test.want {
			t.Errorf("%+v: %q, not %q", test.filter, got, test.want)
		}
	}
	if n := len(r.serverRows(Filter{State: "active"})); n != 1 {
		t.Errorf("%d active servers", n)
	}
	if n := len(r.serverRows(Filter{Pool: "none"})); n != 0 {
		t.Errorf("%d servers of no pool", n)
	}
}

func named(name string) PoolConfig {
	p := onePool(5)
	p.Name = name
	return p
}

// Pages follow each other without a gap and without anybody twice, over all shards and more slots than are looked at in a turn; IDs
// stay the same, and one that has gone is nobody else's.
func TestRowsInPages(t *testing.T) {
	const clients, page = 5000, 700
	p := onePool(5)
	r := newRig(t, 2, p)
	r.quiet = true
	sockets := make([]*rigSocket, clients)
	for i := range sockets {
		sockets[i] = r.newClientAs("", Client{Pool: "app", Database: "db", User: "u", Address: fmt.Sprintf("10.0.0.1:%d", i)})
	}
	r.settle()
	seen := map[uint64]string{}
	for after := uint64(0); ; {
		rows := r.clientRows(Filter{After: after, Limit: page})
		for _, row := range rows {
			if _, twice := seen[row.ID]; twice || row.ID <= after || row.ID >= 1<<60 {
				t.Fatalf("ID %d after %d, seen: %v", row.ID, after, twice)
			}
			seen[row.ID], after = row.Address, row.ID
		}
		if len(rows) < page {
			break
		}
	}
	if len(seen) != clients {
		t.Fatalf("%d clients on all pages, not %d", len(seen), clients)
	}
	if all := r.clientRows(Filter{}); len(all) != clients {
		t.Fatalf("%d clients at once", len(all))
	}
	r.leaves(sockets[7])
	r.clientAs("new", Client{Address: "10.0.0.2:1"})
	for _, row := range r.clientRows(Filter{}) {
		was, known := seen[row.ID]
		if known && was != row.Address || !known && row.Address != "10.0.0.2:1" {
			t.Fatalf("%d was %q and is %q", row.ID, was, row.Address)
		}
	}
}

// The limit is a limit, also at the last client.
func TestRowsAtTheLimit(t *testing.T) {
	r := newRig(t, 1, onePool(5))
	r.quiet = true
	for range 3 {
		r.client("")
	}
	for limit, want := range map[int]int{0: 3, 1: 1, 3: 3, 4: 3} {
		if n := len(r.clientRows(Filter{Limit: limit})); n != want {
			t.Errorf("with limit %d there are %d", limit, n)
		}
	}
	last := r.clientRows(Filter{})[2].ID
	if n := len(r.clientRows(Filter{After: last})); n != 0 {
		t.Errorf("%d behind the last", n)
	}
	if n := len(r.clientRows(Filter{After: 1<<60 - 1})); n != 0 {
		t.Errorf("%d behind the last ID there can be", n)
	}
}

// An operator closes one client, and nobody else; its transaction is rolled back. An ID of nobody closes nobody.
func TestCloseClient(t *testing.T) {
	r := newRig(t, 2, onePool(5))
	r.quiet = true
	a := r.clientAs("a", Client{Address: "10.0.0.1:1"})
	b := r.clientAs("b", Client{Address: "10.0.0.2:1"})
	r.says(a, "begin")
	r.says(b, "begin")
	id := r.clientRows(Filter{Address: "10.0.0.1"})[0].ID
	closes := func(id uint64) bool {
		out := r.e.CloseClient(id)
		r.settle()
		return <-out
	}
	if closes(id+1) || closes(1<<59) || closes(0) {
		t.Fatal("somebody was closed that is not there")
	}
	if !closes(id) {
		t.Fatal("the client was not found")
	}
	r.pass(time.Minute)
	if !a.gone || b.gone {
		t.Fatalf("gone: a %v, b %v", a.gone, b.gone)
	}
	if closes(id) {
		t.Fatal("it was closed twice")
	}
	if n := len(r.serverRows(Filter{State: "active"})); n != 1 {
		t.Fatalf("%d servers are active", n)
	}
}

// Who asks an engine that has ended gets an answer.
func TestRowsOfAnEngineThatHasEnded(t *testing.T) {
	r := newRig(t, 2, onePool(5))
	r.quiet = true
	r.e.Drain()
	r.pass(time.Minute)
	if n := len(<-r.e.ClientRows(Filter{})) + len(<-r.e.ServerRows(Filter{})); n != 0 {
		t.Fatalf("%d rows", n)
	}
	if <-r.e.CloseClient(1) {
		t.Fatal("a client was closed")
	}
}

// A server keeps its ID when it moves to another shard.
func TestTheIDOfAServerThatMoves(t *testing.T) {
	r := newRig(t, 2, onePool(1))
	r.quiet = true
	a, b := r.client("a"), r.client("b")
	r.says(a, "select 1")
	before := r.serverRows(Filter{})
	r.says(b, "begin")
	after := r.serverRows(Filter{})
	if len(before) != 1 || len(after) != 1 || before[0].ID != after[0].ID || after[0].Client == 0 {
		t.Fatalf("before %+v\nafter %+v", before, after)
	}
}
