package console

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// poolNamed is a pool whose `databases` are these; those that end in * are prefixes.
func poolNamed(name string, databases ...string) Pool {
	p := Pool{PoolConfig: &engine.PoolConfig{Name: name}}
	p.Accepts = func(database string) bool {
		return slices.ContainsFunc(databases, func(d string) bool {
			prefix, isPrefix := strings.CutSuffix(d, "*")
			return d == database || isPrefix && strings.HasPrefix(database, prefix)
		})
	}
	for _, d := range databases {
		if !strings.HasSuffix(d, "*") {
			p.Databases = append(p.Databases, d)
		}
	}
	return p
}

// What a name means is told by the configuration, and never by what is used: PAUSE, which closes every server, must not change what RESUME means.
func TestWhatANameMeans(t *testing.T) {
	any := []Pool{poolNamed("app", "*"), poolNamed("orders", "ledger", "t_*")}
	named := []Pool{poolNamed("app", "shop"), poolNamed("orders", "app", "orders/app")}
	for _, c := range []struct {
		pools []Pool
		name  string
		want  engine.Target
		known bool
	}{
		{any, "app", engine.Target{Database: "app"}, true}, // as with PgBouncer, which knows databases only
		{any, "app/", engine.Target{Pool: "app"}, true},
		{any, "orders", engine.Target{Database: "orders"}, true},
		{any, "orders/", engine.Target{Pool: "orders"}, true},
		{any, "orders/ledger", engine.Target{Pool: "orders", Database: "ledger"}, true},
		{any, "orders/t_1", engine.Target{Pool: "orders", Database: "t_1"}, true},
		{any, "orders/other", engine.Target{}, false},
		{any, "app/orders/ledger", engine.Target{Pool: "app", Database: "orders/ledger"}, true},
		{any, "nobody/shop", engine.Target{Database: "nobody/shop"}, true},
		{named, "app", engine.Target{Database: "app"}, true},
		{named, "shop", engine.Target{Database: "shop"}, true},
		{named, "orders", engine.Target{Pool: "orders"}, true},
		{named, "orders/app", engine.Target{Database: "orders/app"}, true},
		{named, "app/app", engine.Target{}, false},
		{named, "nobody/", engine.Target{}, false},
		{named, "other", engine.Target{}, false},
	} {
		for traffic, used := range map[string][]engine.PoolStats{
			"nothing is used": nil,
			"all is used": {
				{Pool: "app", Database: "shop"}, {Pool: "orders", Database: "t_1"}, {Pool: "app", Database: "orders/ledger"}, {Pool: "orders", Database: "ledger"},
			},
		} {
			w := newFakeWorld()
			w.config, w.pools = c.pools, used
			s := newSession(nil, Client{}, w, new(Shared))
			got, err := s.target(&statement{word: "pause", arg: c.name})
			if known := err == nil; known != c.known || known && got != c.want {
				t.Errorf("%s of %v, where %s: %+v, %v; want %+v", c.name, c.pools[0].Databases, traffic, got, err, c.want)
			}
		}
	}
}

// Who goes on with a database that the configuration does not have any more can be sent away still.
func TestNamesThatTheConfigurationHasNoMore(t *testing.T) {
	w := newFakeWorld()
	w.config = []Pool{poolNamed("app", "shop")}
	w.pools = []engine.PoolStats{{Pool: "app", Database: "old"}, {Pool: "gone", Database: "shop"}}
	s := newSession(nil, Client{}, w, new(Shared))
	for name, want := range map[string]engine.Target{
		"old": {Database: "old"}, "app/old": {Pool: "app", Database: "old"}, "gone/shop": {Pool: "gone", Database: "shop"}, "shop": {Database: "shop"},
	} {
		if got, err := s.target(&statement{word: "kill", arg: name}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// rowsOf is what a SHOW answers, by the first column.
func rowsOf(t *testing.T, w World, what string) map[string][]any {
	t.Helper()
	s := newSession(nil, Client{}, w, new(Shared))
	a, err := s.run(t.Context(), &statement{word: "show", arg: what})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]any{}
	for _, row := range a.table.rows {
		name := row[0].(string)
		if out[name] != nil {
			t.Errorf("SHOW %s has two rows %s", what, name)
		}
		out[name] = row
	}
	return out
}

// What stands is shown, be it of a database that nobody uses, and as it is: a database may be paused and disabled.
func TestDatabasesShowWhatStands(t *testing.T) {
	w := newFakeWorld()
	w.pools = nil
	w.config = []Pool{poolNamed("app", "*"), poolNamed("orders", "ledger", "archive")}
	w.standing = []engine.Standing{
		{Target: engine.Target{Pool: "app"}},
		{Target: engine.Target{Pool: "app", Database: "tenant"}, Paused: true},
		{Target: engine.Target{Pool: "orders"}, Disabled: true},
		{Target: engine.Target{Pool: "orders", Database: "ledger"}, Paused: true, Disabled: true},
		{Target: engine.Target{Pool: "orders", Database: "tenant"}, Paused: true}, // as an order for a database is one for all pools
	}
	rows := rowsOf(t, w, "databases")
	for name, want := range map[string][2]int{"tenant": {1, 0}, "ledger": {1, 1}, "archive": {0, 1}} {
		row := rows[name]
		if row == nil {
			t.Errorf("%s is not shown", name)
		} else if got := [2]int{row[15].(int), row[16].(int)}; got != want {
			t.Errorf("%s: paused and disabled are %v, want %v", name, got, want)
		}
	}
	if n := len(rows); n != 4 { // and the console
		t.Errorf("%d rows: %v", n, rows)
	}
}

// A pool may have a database pgbouncer from before there was a console.
func TestADatabaseThatIsCalledAsTheConsole(t *testing.T) {
	w := newFakeWorld()
	w.pools = append(w.pools, engine.PoolStats{Pool: "app", Database: Database, User: "alice"})
	for _, what := range []string{"databases", "stats", "stats_totals"} {
		if rows := rowsOf(t, w, what); rows["app/pgbouncer"] == nil || rows[Database] == nil {
			t.Errorf("SHOW %s has %v", what, rows)
		}
	}
}
