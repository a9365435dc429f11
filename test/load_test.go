//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// pgbenchTables makes the pgbench tables once on a server; 200 clients that all update one of few branches would
// measure Postgres's row locks.
func pgbenchTables(t *testing.T, server *pgtest.Server) {
	t.Helper()
	if err := server.Exec(within(t), "app", "SELECT 1 FROM pgbench_branches"); err == nil {
		return
	}
	pgbench(t, server, server.DSN("app", "secret", "app"), "--initialize", "--scale=10", "--quiet", "--no-vacuum")
}

// pgbench runs pgbench and returns what it said.
func pgbench(t *testing.T, server *pgtest.Server, dsn string, args ...string) string {
	t.Helper()
	out, err := pgbenchCommand(server, dsn, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("pgbench %v: %v:\n%s", args, err, out)
	}
	return string(out)
}

func pgbenchCommand(server *pgtest.Server, dsn string, args ...string) *exec.Cmd {
	program := "pgbench"
	if path := filepath.Join(server.Install.Bin, program); exec.Command(path, "--version").Run() == nil {
		program = path
	}
	return exec.Command(program, append(args, dsn)...)
}

var failedTransactions = regexp.MustCompile(`number of failed transactions: 0 `)

// demandClean checks pgbench's report: no error, no failed transaction, no aborted client.
func demandClean(t *testing.T, report string) {
	t.Helper()
	if !failedTransactions.MatchString(report) || strings.Contains(report, "error:") || strings.Contains(report, "aborted") {
		t.Errorf("pgbench was not undisturbed:\n%s", report)
	}
}

func TestPgbench200ClientsOn20Servers(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		pgbenchTables(t, server)
		p := startPooler(t, driver, server, settings{Pool: "pool_size 20"})
		for _, script := range []string{"--builtin=select-only", "--builtin=tpcb-like"} {
			for _, mode := range []string{"simple", "extended", "prepared"} {
				t.Run(strings.TrimPrefix(script, "--builtin=")+"/"+mode, func(t *testing.T) {
					watch := server.Watch(t, "app")
					var report string
					for runs := 0; runs == 0 || watch.Samples() < 10 && runs < 5; runs++ { // who watches is as slow as they are
						report = pgbench(t, server, p.dsn("app"), "--client=200", "--jobs=2", "--no-vacuum", "--time=2",
							"--protocol="+mode, script)
						demandClean(t, report)
					}
					most, samples := watch.Most()
					if !direct() && most > 20 {
						t.Errorf("Postgres saw %d connections, want at most 20", most)
					}
					if samples < 10 {
						t.Errorf("only %d samples of the connections", samples)
					}
					t.Logf("at most %d connections in %d samples; %s", most, samples, tps(report))
				})
			}
		}
	})
}

// One thread of pgbench prepares with blocking calls while others of its clients have transactions open. It never waits for itself,
// though tables are made and dropped all the while: before the run, so that what is known of statements is of after it, and in it.
func TestPgbenchPreparesWhileTablesAreMade(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		pgbenchTables(t, server)
		p := startPooler(t, driver, server, settings{Pool: "pool_size 5\nquery_wait_timeout 15s"})
		ddl := connect(t, p.Addr)
		makes := func() { ddl.query("CREATE TABLE passing (c int)"); ddl.query("DROP TABLE passing") }
		makes()
		stop, stopped := make(chan struct{}), make(chan struct{})
		args := []string{"--client=40", "--jobs=1", "--no-vacuum", "--transactions=20", "--protocol=prepared", "--builtin=tpcb-like"}
		demandClean(t, pgbench(t, server, p.dsn("app"), args...))
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					makes()
				}
			}
		}()
		report := pgbench(t, server, p.dsn("app"), args...)
		close(stop)
		<-stopped
		demandClean(t, report)
	})
}

// tps is the line of pgbench's report that says how fast it was.
func tps(report string) string {
	for line := range strings.Lines(report) {
		if strings.HasPrefix(line, "tps = ") {
			return strings.TrimSpace(line)
		}
	}
	return "no tps"
}

func TestPgbenchInEveryPoolMode(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		pgbenchTables(t, server)
		for mode, args := range map[string][]string{
			// In session mode no more clients than servers are served at once; in statement mode no transaction may
			// have several statements.
			"session":   {"--client=8", "--builtin=tpcb-like", "--protocol=prepared"},
			"statement": {"--client=40", "--builtin=select-only", "--protocol=prepared"},
		} {
			t.Run(mode, func(t *testing.T) {
				p := startPooler(t, driver, server, settings{Pool: "pool_size 8\npool_mode " + mode})
				demandClean(t, pgbench(t, server, p.dsn("app"), append(args, "--jobs=2", "--no-vacuum", "--time=1")...))
			})
		}
	})
}

// Each transaction on a connection of its own: logins, departures and a pool that keeps its servers.
func TestPgbenchReconnecting(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		pgbenchTables(t, server)
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4"})
		watch := server.Watch(t, "app")
		demandClean(t, pgbench(t, server, p.dsn("app"), "--client=20", "--jobs=2", "--no-vacuum", "--time=2", "--connect",
			"--builtin=select-only"))
		if most, _ := watch.Most(); !direct() && most > 4 {
			t.Errorf("Postgres saw %d connections, want at most 4", most)
		}
	})
}

func TestTrap49FarMoreClientsThanServers(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("Postgres takes no 1,000 clients")
		}
		pgbenchTables(t, server)
		o := settings{Pool: "pool_size 9"}
		p := startPooler(t, driver, server, o)
		measure := func() (wrong string) {
			rate := make(map[int]float64)
			counts := []int{10, 100, 900} // the last is a hundred clients a server
			for _, clients := range counts {
				before := p.acquired()
				report := pgbench(t, server, p.dsn("app"), fmt.Sprint("--client=", clients), "--jobs=2", "--no-vacuum",
					fmt.Sprint("--transactions=", 18000/clients),
					"--builtin=select-only", "--protocol=prepared")
				demandClean(t, report)
				var perSecond float64
				if _, err := fmt.Sscanf(tps(report), "tps = %f", &perSecond); err != nil {
					t.Fatalf("%v in %q", err, tps(report))
				}
				rate[clients] = perSecond
				mean, p99 := p.acquired().since(before)
				t.Logf("%d clients: %.0f transactions/s, waiting for a server %.4f s on average, p99 below %.4f s", clients, perSecond, mean, p99)
				// First in, first out, all wait about as long: the p99, which is known to a factor of two, is near the average.
				if clients == 900 && p99 > 8*mean {
					wrong = fmt.Sprintf("some wait much longer than others: %.4f s on average, p99 %.4f s", mean, p99)
				}
			}
			// pgbench itself slows with many clients; a collapse is another thing.
			if rate[900] < rate[10]/4 {
				wrong = fmt.Sprintf("throughput collapses: %.0f/s with 10 clients, %.0f/s with 900", rate[10], rate[900])
			}
			return wrong
		}
		wrong := measure() // who is unfair or collapses does so each time; a machine that stands still does not
		for again := 0; wrong != "" && again < 5; again++ {
			t.Log(wrong)
			wrong = measure()
		}
		if wrong != "" {
			t.Error(wrong)
		}
	})
}

// waits is the histogram of how long queries waited for a server.
type waits struct {
	below      map[float64]float64 // by the upper bound in seconds
	sum, count float64
}

// acquired is that of pool app.
func (p *pooler) acquired() waits {
	p.t.Helper()
	text, err := p.get("/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	w := waits{below: make(map[float64]float64)}
	for line := range strings.Lines(text) {
		var bound, n float64
		if _, err := fmt.Sscanf(line, `caddy_postgres_acquire_seconds_bucket{pool="app",le="%g"} %g`, &bound, &n); err == nil {
			w.below[bound] = n
		}
		fmt.Sscanf(line, `caddy_postgres_acquire_seconds_sum{pool="app"} %g`, &w.sum)
		fmt.Sscanf(line, `caddy_postgres_acquire_seconds_count{pool="app"} %g`, &w.count)
	}
	return w
}

// since is the average and the bound of the bucket of the 99th percentile of what came after an earlier one.
func (w waits) since(before waits) (mean, p99 float64) {
	count := w.count - before.count
	p99 = math.Inf(1)
	for bound, n := range w.below {
		if n-before.below[bound] >= 0.99*count {
			p99 = min(p99, bound)
		}
	}
	return (w.sum - before.sum) / count, p99
}

func TestTrap55ReloadUnderLoad(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to reload")
		}
		pgbenchTables(t, server)
		base := settings{Pool: "pool_size 20"}
		p := startPooler(t, driver, server, base)
		held := connect(t, p.Addr)
		held.query("BEGIN; CREATE TEMP TABLE kept (n int) ON COMMIT DROP")
		if err := p.reload(base); err != nil {
			t.Fatal(err)
		}
		p.fill(20 - 1) // held keeps one, for its temporary table
		before := p.descriptors()
		cmd := pgbenchCommand(server, p.dsn("app"), "--client=100", "--jobs=2", "--no-vacuum", "--time=6",
			"--builtin=tpcb-like", "--protocol=prepared")
		var out logBuffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// A reload replaces the listener, and the kernel resets what still waits in its queue: that is Caddy's, and known.
		eventually(t, "every client is connected", func() error {
			s, err := p.stats()
			if err == nil && s.Clients.Total < 101 {
				err = fmt.Errorf("%d are", s.Clients.Total)
			}
			return err
		})
		for i := range 10 {
			changed := base
			changed.Pool = fmt.Sprintf("pool_size %d\nquery_wait_timeout %ds", 19+i%2, 30+i)
			if err := p.reload(changed); err != nil {
				t.Error(err)
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("pgbench: %v", err)
		}
		demandClean(t, out.String())
		mustContain(t, held.query("SELECT 'kept', count(*) FROM kept"), "kept")
		held.query("COMMIT")
		p.fill(20 - 1)
		// Admin connections come and go: ours, that of the last reload, and one being accepted.
		const admins = 3
		eventually(t, "no descriptor is leaked by ten reloads", func() error {
			now := p.descriptors()
			if now > before+admins {
				return fmt.Errorf("%d open, %d before", now, before)
			}
			t.Logf("%d descriptors, %d before", now, before)
			return nil
		})
	})
}

// fill opens so many servers, by as many transactions at once, and lets them rest.
func (p *pooler) fill(servers int) {
	p.t.Helper()
	var clients []*client
	for range servers {
		c := connect(p.t, p.Addr)
		c.query("BEGIN")
		clients = append(clients, c)
	}
	all, err := p.stats()
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range clients {
		c.query("COMMIT")
		c.leave()
	}
	p.awaitClients(all.Clients.Total - servers)
}

func TestReloadAppliesSizesAndRefusesNonsense(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to reload")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		a, b := connect(t, p.Addr), connect(t, p.Addr)
		a.query("BEGIN")
		b.say(simple("SELECT 'second server'"))
		p.awaitWaiting(1)
		if err := p.reload(settings{Pool: "pool_size 2"}); err != nil {
			t.Fatal(err)
		}
		mustContain(t, b.hear(1), "second server")
		err := p.reload(settings{Pool: "pool_size many"})
		if err == nil || !strings.Contains(err.Error(), "Caddyfile:") {
			t.Errorf("a wrong Caddyfile: %v, want its line", err)
		}
		mustContain(t, a.query("SELECT 'still in the transaction'"), "still in", "DataRow")
		mustContain(t, a.query("COMMIT"), "COMMIT")
		if s, err := p.stats(); err != nil || s.Clients.Total != 2 {
			t.Errorf("after a refused reload: %+v, %v", s, err)
		}
		// Smaller again: servers above the size go as they become idle.
		if err := p.reload(settings{Pool: "pool_size 1"}); err != nil {
			t.Fatal(err)
		}
		a.query("SELECT 1")
		b.query("SELECT 1")
		eventually(t, "the pool has shrunk", func() error {
			n, err := server.Connections(within(t), "app")
			if err == nil && n > 1 {
				err = fmt.Errorf("%d connections", n)
			}
			return err
		})
	})
}

// A configuration can be fine in itself, and fail only when it is put in force: then the one before is, as if nothing
// had been asked.
func TestReloadRefusedAtItsStartChangesNothing(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to reload")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2\nquery_wait_timeout 1h"})
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		inTransaction, idle, waiter := connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)
		inTransaction.query("BEGIN; SET LOCAL my.mark = 'kept'")
		before, err := p.get("/config/")
		if err != nil {
			t.Fatal(err)
		}
		// Which app starts first is chance: sometimes the pools are, sometimes the listeners.
		for round := range 8 {
			err := p.ask("POST", "/load", withTakenListener(t, before, taken.Addr().String()))
			if err == nil || !strings.Contains(err.Error(), "address already in use") {
				t.Fatalf("a configuration whose address is taken: %v", err)
			}
			mustContain(t, inTransaction.query("SHOW my.mark"), "kept", "DataRow")
			mustContain(t, idle.query("SELECT 'idle'"), "idle", "DataRow")
			// With a pool_size of 1, or a query_wait_timeout of a millisecond, this would not be served.
			idle.query("BEGIN")
			waiter.say(simple("SELECT 'waited'"))
			p.awaitWaited(20 * time.Millisecond)
			idle.query("COMMIT")
			mustContain(t, waiter.hear(1), "waited", "DataRow")
			newcomer := connect(t, p.Addr)
			mustContain(t, newcomer.query(fmt.Sprintf("SELECT 'newcomer %d'", round)), "newcomer", "DataRow")
			newcomer.leave()
			if now, err := p.get("/config/"); err != nil || now != before {
				t.Fatalf("the configuration is now %v %s, was %s", err, now, before)
			}
			if s, err := p.stats(); err != nil || s.MaxSize != 2 {
				t.Fatalf("after a refused configuration: %+v, %v", s, err)
			}
		}
		mustContain(t, inTransaction.query("COMMIT"), "COMMIT")
		// What was refused is not in the way of what is not.
		if err := p.reload(settings{Pool: "pool_size 3"}); err != nil {
			t.Fatal(err)
		}
		if s, err := p.stats(); err != nil || s.MaxSize != 3 {
			t.Fatalf("after a good configuration: %+v, %v", s, err)
		}
	})
}

// awaitWaited waits until a client has waited so long for a server.
func (p *pooler) awaitWaited(d time.Duration) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("somebody has waited %v", d), func() error {
		var pools []struct {
			MaxWaitSeconds float64 `json:"max_wait_seconds"`
		}
		err := p.getJSON("/postgres/pools", &pools)
		if err == nil && (len(pools) != 1 || pools[0].MaxWaitSeconds < d.Seconds()) {
			err = fmt.Errorf("got %+v", pools)
		}
		return err
	})
}

// withTakenListener is a configuration with other settings for its pool, and one more listener, at an address.
func withTakenListener(t *testing.T, configuration, address string) string {
	t.Helper()
	var c struct {
		Admin json.RawMessage `json:"admin"`
		Apps  struct {
			Layer4 struct {
				Servers map[string]json.RawMessage `json:"servers"`
			} `json:"layer4"`
			Postgres map[string]json.RawMessage `json:"postgres"`
		} `json:"apps"`
	}
	if err := json.Unmarshal([]byte(configuration), &c); err != nil {
		t.Fatal(err)
	}
	var pools map[string]map[string]any
	if err := json.Unmarshal(c.Apps.Postgres["pools"], &pools); err != nil {
		t.Fatal(err)
	}
	pools["app"]["pool_size"] = 1
	pools["app"]["query_wait_timeout"] = "1ms"
	pools["app"]["max_client_connections"] = 1
	pools["another"] = pools["app"]
	changed, err := json.Marshal(pools)
	if err != nil {
		t.Fatal(err)
	}
	c.Apps.Postgres["pools"] = changed
	c.Apps.Layer4.Servers["taken"] = json.RawMessage(`{"listen": ["` + address + `"], "routes": [{"handle": ` +
		`[{"handler": "postgres_pool", "pool": "another"}]}]}`)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReloadChangesTimeouts(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to reload")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 3\nquery_wait_timeout 1h"})
		var holders []*client
		for range 3 {
			c := connect(t, p.Addr)
			c.query("BEGIN")
			holders = append(holders, c)
		}
		early, late, patient := connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)
		early.say(simple("SELECT 'early'"))
		p.awaitWaiting(1)
		if err := p.reload(settings{Pool: "pool_size 3\nquery_wait_timeout 200ms"}); err != nil {
			t.Fatal(err)
		}
		mustContain(t, early.hear(1), "08006", "within 0.2s (query_wait_timeout)")
		mustContain(t, late.query("SELECT 'late'"), "08006", "within 0.2s (query_wait_timeout)")
		if err := p.reload(settings{Pool: "pool_size 3\nquery_wait_timeout 1h"}); err != nil {
			t.Fatal(err)
		}
		patient.say(simple("SELECT 'patient'"))
		p.awaitWaited(400 * time.Millisecond) // twice what it would have been given before
		for _, c := range holders {
			mustContain(t, c.query("COMMIT"), "COMMIT")
		}
		mustContain(t, patient.hear(1), "patient", "DataRow")

		if n, err := server.Connections(within(t), "app"); err != nil || n != 3 {
			t.Fatalf("%d servers rest, %v, want 3", n, err)
		}
		if err := p.reload(settings{Pool: "pool_size 3\nserver_idle_timeout 1s"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "servers that rest are closed", func() error {
			n, err := server.Connections(within(t), "app")
			if err == nil && n > 0 {
				err = fmt.Errorf("%d connections", n)
			}
			return err
		})
		for _, c := range append(holders, early, late, patient) {
			mustContain(t, c.query("SELECT 'still here'"), "still here", "DataRow")
		}
	})
}

func TestStopLeavesNothing(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("nothing to stop")
		}
		p := startPooler(t, driver, server, settings{Global: "drain_timeout 15s", Pool: "pool_size 4"})
		idle, busy := connect(t, p.Addr), connect(t, p.Addr)
		idle.query("SELECT 1")
		busy.say(simple("SELECT pg_sleep(3), 'finished'"))
		running(t, server, "'finished'", true)
		var stopping sync.WaitGroup
		stopping.Go(func() { p.stop() })
		mustContain(t, busy.hear(1), "finished")
		mustContain(t, idle.hearEnd(), "57P01")
		stopping.Wait()
		eventually(t, "Postgres has no connection left", func() error {
			n, err := server.Connections(within(t), "app")
			if err == nil && n > 0 {
				err = fmt.Errorf("%d connections", n)
			}
			return err
		})
	})
}
