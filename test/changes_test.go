//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// liveChange is one change of a running configuration: PATCH, PUT, POST or DELETE of a path below the pool's, or, without one, a reload.
type liveChange struct{ method, path, body string }

// changes are changes of everything that can change live, back and forth.
func changesOf(server *pgtest.Server, turn int) []liveChange {
	pick := func(values ...string) string { return values[turn%len(values)] }
	other := fmt.Sprintf("localhost:%d", server.Port) // the same server by another name
	return []liveChange{
		{"POST", "/pool_size", pick("5", "30", "12", `"auto"`)},
		{"POST", "/pool_mode", pick(`"session"`, `"transaction"`)},
		{"POST", "/pool_mode", `"transaction"`},
		{"POST", "/query_wait_timeout", pick(`"40s"`, `"50s"`)},
		{"POST", "/server_lifetime", pick(`"1s"`, `"30m"`)},
		{"POST", "/server_idle_timeout", pick(`"1s"`, `"10m"`)},
		{"POST", "/reserve_pool_size", pick("3", "0")},
		{"POST", "/idle_server_order", pick(`"fifo"`, `"lifo"`)},
		{"POST", "/max_prepared_statements", pick("2", "1000")},
		{"POST", "/query_cache", pick(`{"ttl":"5s"}`, `{"ttl":"0"}`)},
		{"POST", "/lb_policy", pick(`{"policy":"random"}`, `{"policy":"least_conn"}`)},
		{"POST", "/auth/user", pick(`{"app":"secret","new":"secret"}`, `{"app":"other"}`)},
		{"PATCH", "/upstream", pick(fmt.Sprintf(`[{"address":%q}]`, other), fmt.Sprintf(`[{"address":%q},{"address":%q,"role":"replica"}]`, server.Addr(), other))},
		{"PATCH", "/upstream", fmt.Sprintf(`[{"address":%q}]`, server.Addr())},
		{"POST", "/server_reset", pick(`"always"`, `"dirty"`)},
		{"PATCH", "/track_parameters", pick(`["none"]`, `["*"]`)},
		{"POST", "/idle_transaction_timeout", pick(`"5m"`, `"0"`)},
		{"POST", "/max_server_connections", pick("15", "100")},
		{},
		{},
	}
}

// Two hundred changes of everything that can be changed, by the admin API and by reloads, under clients of all protocols, and such that connect
// for each transaction: no query fails, nobody is disconnected, and nobody is refused.
func TestTwoHundredChangesUnderLoad(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to change")
		}
		pgbenchTables(t, server)
		s := settings{Listen: ownListener, Pool: "pool_size 20\ntrack_parameters *", Auth: "method trust\nuser app secret"}
		p := startPooler(t, driver, server, s)
		held := connect(t, p.Addr)
		held.query("BEGIN; CREATE TEMP TABLE kept (n int) ON COMMIT DROP")
		loads := []func() error{
			p.load(server, "--client=20", "--builtin=tpcb-like", "--protocol=prepared"),
			p.load(server, "--client=20", "--builtin=select-only", "--protocol=simple"),
			p.load(server, "--client=5", "--builtin=simple-update", "--protocol=extended"),
			p.load(server, "--client=4", "--builtin=select-only", "--connect"),
		}
		p.awaitAtLeast(46)
		made := 0
		for turn := 0; made < 200; turn++ {
			for _, c := range changesOf(server, turn) {
				if err := p.change(c, s); err != nil {
					t.Fatalf("change %d, %+v: %v", made, c, err)
				}
				made++
			}
		}
		for _, done := range loads {
			if err := done(); err != nil {
				t.Error(err)
			}
		}
		mustContain(t, held.query("SELECT 'kept', count(*) FROM kept"), "kept")
		held.query("COMMIT")
		t.Logf("%d changes", made)
	})
}

// awaitAtLeast waits until so many clients are there.
func (p *pooler) awaitAtLeast(want int) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%d clients", want), func() error {
		stats, err := p.stats()
		if err == nil && stats.Clients.Total < want {
			err = fmt.Errorf("%d are there", stats.Clients.Total)
		}
		return err
	})
}

// change makes a change.
func (p *pooler) change(c liveChange, s settings) error {
	if c.method == "" {
		return p.reload(s)
	}
	return p.ask(c.method, "/config/apps/postgres/pools/app"+c.path, c.body)
}

// load runs pgbench until its end is asked for, which tells whether anything went wrong.
func (p *pooler) load(server *pgtest.Server, args ...string) (end func() error) {
	p.t.Helper()
	cmd := pgbenchCommand(server, p.dsn("app"), append(args, "--no-vacuum", "--time=7200")...)
	out := &logBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p.t.Cleanup(func() { cmd.Process.Kill() })
	return func() error {
		select {
		case err := <-ended:
			return fmt.Errorf("pgbench %s ended by itself: %v\n%s", strings.Join(args, " "), err, out)
		default:
		}
		cmd.Process.Kill()
		<-ended
		if text := out.String(); strings.Contains(text, "error") || strings.Contains(text, "abort") {
			return fmt.Errorf("pgbench %s: %s", strings.Join(args, " "), text)
		}
		return nil
	}
}

// A refused change changes nothing: what runs goes on as it was, and what is shown is what runs.
func TestRefusedChangesChangeNothing(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to change")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 3"})
		c := connect(t, p.Addr)
		c.query("BEGIN")
		p.fill(2)
		before := p.descriptors()
		for range 20 {
			for _, wrong := range []liveChange{
				{"POST", "/pool_size", `-1`}, {"POST", "/pool_mode", `"sometimes"`}, {"PATCH", "/upstream", `[]`},
				{"PATCH", "/upstream", `[{"address":"nowhere"}]`}, {"POST", "/auth/users_file", `"/does/not/exist"`},
				{"POST", "/lb_policy", `{"policy":"none"}`}, {"POST", "/server_tls", `{"mode":"verify-full","ca":"/does/not/exist"}`},
			} {
				if err := p.change(wrong, settings{}); err == nil {
					t.Fatalf("%+v was taken", wrong)
				}
			}
		}
		var pool map[string]any
		if err := p.getJSON("/config/apps/postgres/pools/app", &pool); err != nil || pool["pool_size"] != 3.0 {
			shown, _ := json.Marshal(pool)
			t.Errorf("%s %v", shown, err)
		}
		mustContain(t, c.query("COMMIT"), "COMMIT")
		mustContain(t, connect(t, p.Addr).query("SELECT 'as before'"), "as before")
		eventually(t, "no descriptor is leaked by refused changes", func() error {
			if now := p.descriptors(); now > before+3 {
				return fmt.Errorf("%d open, %d before", now, before)
			}
			return nil
		})
	})
}

// pool_mode changes for the next transaction, also of clients that have a server in pool_mode session: what they have in its session stays
// theirs, and nobody else sees it.
func TestPoolModeChangesLive(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to change")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_mode session\npool_size 2"})
		to := func(mode string) {
			t.Helper()
			if err := p.change(liveChange{"POST", "/pool_mode", `"` + mode + `"`}, settings{}); err != nil {
				t.Fatal(err)
			}
		}
		a, b := connect(t, p.Addr), connect(t, p.Addr)
		a.query("SET work_mem TO '7MB'")
		a.query("DO $$ BEGIN PERFORM set_config('my.own', 'hidden', false); EXECUTE 'SET statement_timeout TO 4321'; END $$")
		a.query("SELECT nextval('pg_temp.s') FROM (SELECT 1) AS x WHERE false")
		b.query("CREATE TEMP TABLE own (n int)")
		b.query("BEGIN")
		c := connect(t, p.Addr)
		c.say(simple("SHOW work_mem"))
		p.awaitWaiting(1)
		to("transaction")
		if got := strings.Join(c.hear(1), " "); !strings.Contains(got, "4MB") {
			t.Errorf("c sees %s", got)
		}
		for _, setting := range []string{"my.own", "statement_timeout"} {
			if got := c.value("SELECT coalesce(current_setting('" + setting + "', true), '')"); got == "hidden" || got == "4321ms" {
				t.Errorf("c sees %s %s", setting, got)
			}
		}
		if got := a.value("SHOW work_mem") + a.value("SHOW statement_timeout"); got != "7MB4321ms" {
			t.Errorf("a has %s", got)
		}
		b.query("COMMIT")
		if got := b.value("SELECT count(*)::text FROM own"); got != "0" {
			t.Errorf("b has lost its table: %s", got)
		}
		to("session")
		pid := c.value("SELECT pg_backend_pid()::text")
		time.Sleep(100 * time.Millisecond)
		if now := c.value("SELECT pg_backend_pid()::text"); now != pid {
			t.Errorf("in pool_mode session c has server %s, and then %s", pid, now)
		}
	})
}
