//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Each command is authorised by itself: users of stats_users may SHOW, and nothing else; who is in neither list is not let in, be his password
// right for a pool; and no password lets anybody in without.
func TestTrap37ConsoleCommandsAreAuthorised(t *testing.T) {
	p, _ := withConsole(t, settings{Auth: "method scram-sha-256\nuser app secret\nuser ops another"})
	for _, c := range []struct{ user, password, want string }{
		{"ops", "secret", ""}, {"metrics", "secret", ""},
		{"ops", "another", "28P01"}, {"ops", "", "28P01"}, {"app", "secret", "28P01"}, {"pgbouncer", "", "28P01"}, {"nobody", "secret", "28P01"},
	} {
		if _, err := tryCommander(t, p, c.user, c.password, ""); refusal(err) != c.want {
			t.Errorf("%s with password %q: %v, want %q", c.user, c.password, err, c.want)
		}
	}
	metrics := p.console(t, "metrics")
	for _, command := range []string{
		"PAUSE", "PAUSE app", "RESUME", "RECONNECT", "KILL app", "KILL", "KILL_CLIENT 1", "WAIT_CLOSE", "RELOAD", "DISABLE app", "ENABLE app",
		"SUSPEND", "SHUTDOWN", "SHUTDOWN WAIT_FOR_CLIENTS", "SHOW FDS", "SELECT fds", "SET pool_mode = session", "sHuTdOwN;", `"PAUSE" "app"`,
	} {
		if _, err := metrics.ask(command); refusal(err) != "42501" || !strings.Contains(err.Error(), "admin access needed") {
			t.Errorf("metrics says %s: %v", command, err)
		}
		if refused := metrics.ExecParams(within(t), command, nil, nil, nil, nil).Read().Err; refusal(refused) != "42501" {
			t.Errorf("metrics says %s, prepared: %v", command, refused)
		}
	}
	if state := byName(metrics.show("SHOW STATE"), "key", "active"); state["value"] != "yes" {
		t.Errorf("after all that, the state is %v", state)
	}
	conn := connectAs(t, p, "app", "secret", "app")
	if _, err := conn.Exec(within(t), "SELECT 1").ReadAll(); err != nil {
		t.Errorf("after all that, the pool answers: %v", err)
	}
}

// connectAs logs in to a pool, with a password.
func connectAs(t *testing.T, p *pooler, user, password, database string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(within(t), pgtest.DSN(p.Addr, user, password, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(within(t)) })
	return conn
}

// Without a console, and where a pool has the name, it is a database like others: Postgres's, which has none.
func TestTheNamePgbouncerIsAnOrdinaryOneWithoutAConsole(t *testing.T) {
	if direct() {
		t.Skip("no pooler")
	}
	for name, s := range map[string]settings{
		"no console":      {},
		"a pool has it":   {Global: consoleOf, Pool: "databases app pgbouncer"},
		"a prefix of it":  {Pool: "databases app pgb*"},
		"the console's *": {Global: consoleOf, Pool: "databases app*"},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPooler(t, drivers()[0], postgres(t, versions()[0]), s)
			_, err := tryCommander(t, p, "ops", "secret", "")
			if isConsole := name == "the console's *"; isConsole != (err == nil) {
				t.Errorf("logging in: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "28P01") {
				t.Errorf("the console's users are asked for: %v", err)
			}
		})
	}
}

// psql shows everything, with PgBouncer's columns in PgBouncer's order.
func TestPsqlShowsEverythingWithPgBouncersColumns(t *testing.T) {
	p, _ := withConsole(t, settings{})
	c := connect(t, p.Addr)
	c.query("SELECT 1")
	for _, l := range libpqs(t) {
		for name, columns := range goldenColumns(t) {
			out, text, err := l.console(t, p, "metrics", "--csv", "-c", "SHOW "+strings.ToUpper(name)+";")
			if err != nil {
				t.Errorf("%s: SHOW %s: %v: %s", l.name, name, err, text)
				continue
			}
			header, _, _ := strings.Cut(out, "\n")
			if got := strings.Split(header, ","); !slices.Equal(got, bare(columns)) {
				t.Errorf("%s: SHOW %s has %v, want %v", l.name, name, got, bare(columns))
			}
		}
		if _, text, err := l.console(t, p, "ops", "-c", "SHOW HELP"); err != nil || !strings.Contains(text, "SHOW SOCKETS|ACTIVE_SOCKETS") {
			t.Errorf("%s: SHOW HELP: %v: %s", l.name, err, text)
		}
	}
}

// How often clients prepare statements, and how seldom servers do, is counted as by PgBouncer: those with a name.
func TestPreparedStatementsAreCounted(t *testing.T) {
	p, _ := withConsole(t, settings{Global: "event_loops 1", Pool: "pool_size 1"})
	for range 3 {
		c := connect(t, p.Addr)
		c.ask(parse("", "SELECT 'unnamed'"), bind("", ""), execute(""))
		c.ask(parse("s", "SELECT 'named'"))
		for range 4 {
			mustContain(t, c.runStatement("s"), "named")
		}
		c.leave()
	}
	metrics := p.console(t, "metrics")
	eventually(t, "they are counted", func() error {
		stats := byName(metrics.show("SHOW STATS"), "database", "app")
		got := fmt.Sprint(stats["total_client_parse_count"], " ", stats["total_server_parse_count"], " ", stats["total_bind_count"])
		if got != "3 1 12" {
			return fmt.Errorf("SHOW STATS has %s", got)
		}
		return nil
	})
}

// console runs psql in the console, and returns what it prints and what else it says.
func (l libpq) console(t *testing.T, p *pooler, user string, args ...string) (out, said string, err error) {
	t.Helper()
	cmd := l.command(t, p.Addr, "user="+user+" dbname=pgbouncer sslmode=disable", slices.DeleteFunc(args, func(a string) bool { return a == "" })...)
	cmd.Args = slices.DeleteFunc(cmd.Args, func(a string) bool { return a == "-At" })
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// Drivers get in and understand what they are told, also those that prepare everything and read binary values.
func TestDriversOfOtherLanguagesInTheConsole(t *testing.T) {
	p, _ := withConsole(t, settings{})
	const want = "simple: PgBouncer 1.25.0 (pgmux)\nprepared: PgBouncer 1.25.0 (pgmux)\ncolumns: 23\nbinary: ('peers', 0)\nerror: 42601"
	for _, l := range []language{
		{pgtest.Psycopg, "with_psycopg.py"}, {pgtest.Asyncpg, "with_asyncpg.py"}, {pgtest.NodePostgres, "node.js"}, {pgtest.JDBC, "Console.java"},
	} {
		t.Run(l.driver.Name, func(t *testing.T) {
			runner, err := l.driver.Find()
			if err != nil {
				t.Skip(err)
			}
			program := filepath.Join("drivers", "console", l.program)
			got := runProgram(t, runner, []string{program}, p.Addr, "PGDATABASE=pgbouncer", "PGUSER=metrics")
			if strings.Join(got, "\n") != want {
				t.Errorf("it prints\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

// What has happened is in the figures.
func TestTheConsoleCounts(t *testing.T) {
	p, _ := withConsole(t, settings{Pool: "databases app other\npool_size 7"})
	metrics := p.console(t, "metrics")
	c, d := connect(t, p.Addr), connect(t, p.Addr)
	c.query("BEGIN")
	for range 9 {
		d.query("SELECT 1")
	}
	eventually(t, "the figures are right", func() error {
		pool := byName(metrics.show("SHOW POOLS"), "database", "app")
		if pool["user"] != "app" || pool["cl_active"] != "2" || pool["sv_active"] != "1" || pool["pool_mode"] != "transaction" || pool["maxwait"] != "0" {
			return fmt.Errorf("SHOW POOLS has %v", pool)
		}
		stats := byName(metrics.show("SHOW STATS"), "database", "app")
		if n, _ := strconv.Atoi(stats["total_query_count"]); n < 10 || stats["total_received"] == "0" || stats["total_query_time"] == "0" {
			return fmt.Errorf("SHOW STATS has %v", stats)
		}
		return nil
	})
	for database, clients := range map[string]string{"app": "2", "other": "0"} {
		r := byName(metrics.show("SHOW DATABASES"), "name", database)
		if r["host"] != "127.0.0.1" || r["pool_size"] != "7" || r["current_client_connections"] != clients || r["paused"] != "0" {
			t.Errorf("SHOW DATABASES has %v", r)
		}
	}
	if r := byName(metrics.show("SHOW CONFIG"), "key", "default_pool_size"); r["value"] != "7" || r["default"] != "20" || r["changeable"] != "yes" {
		t.Errorf("SHOW CONFIG has %v", r)
	}
	if r := byName(metrics.show("SHOW LISTS"), "list", "used_clients"); r["items"] != "3" {
		t.Errorf("SHOW LISTS has %v", r)
	}
	c.query("ROLLBACK")
}

// The console asks for what the pool of its listener does.
func TestTheConsoleIsEncryptedAsThePoolIs(t *testing.T) {
	authority := newAuthority(t)
	id := authority.server()
	p, _ := withConsole(t, settings{Pool: "tls require", Certificate: &id})
	if _, err := tryCommander(t, p, "ops", "secret", "sslmode=disable"); refusal(err) != "28000" {
		t.Errorf("in clear: %v", err)
	}
	ops, err := tryCommander(t, p, "ops", "secret", "sslmode=verify-full sslrootcert="+authority.CA)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if rows := ops.show("SHOW CONFIG"); len(rows) < 30 {
			t.Errorf("%d rows", len(rows))
		}
		ops.show("PAUSE") // looks at the connection while it waits
		ops.show("RESUME")
	}
}

// pgx prepares everything and reads binary values; its ping is an empty query.
func TestPgxInTheConsole(t *testing.T) {
	p, _ := withConsole(t, settings{})
	connect(t, p.Addr).query("SELECT 1")
	conn, err := pgx.Connect(within(t), pgtest.DSN(p.Addr, "metrics", "secret", "pgbouncer"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(within(t))
	if err := conn.Ping(within(t)); err != nil {
		t.Error(err)
	}
	for range 2 { // prepared, and prepared before
		rows, err := conn.Query(within(t), "SHOW STATS")
		if err != nil {
			t.Fatal(err)
		}
		stats, err := pgx.CollectRows(rows, pgx.RowToMap)
		if err != nil || len(stats) != 2 || stats[0]["database"] != "app" || len(stats[0]) != 23 {
			t.Errorf("SHOW STATS has %v, %v", stats, err)
		}
	}
	var list string
	var items int32
	if err := conn.QueryRow(within(t), "SHOW LISTS").Scan(&list, &items); err != nil || list != "databases" || items != 2 {
		t.Errorf("SHOW LISTS begins with %s %d, %v", list, items, err)
	}
}

// Secrets come from a users file, and nobody else in it is let in; it is read again when it changes.
func TestTheConsoleHasItsUsersFromAFile(t *testing.T) {
	if direct() {
		t.Skip("no pooler")
	}
	file := filepath.Join(t.TempDir(), "userlist.txt")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("\"ops\" \"old\"\n\"app\" \"secret\"\n")
	p := startPooler(t, drivers()[0], postgres(t, versions()[0]), settings{Global: "console {\nadmin_users ops\nstats_users later\nusers_file " + file + "\n}"})
	for user, want := range map[string]string{"ops": "", "app": "28P01"} {
		password := map[string]string{"ops": "old", "app": "secret"}[user]
		if _, err := tryCommander(t, p, user, password, ""); refusal(err) != want {
			t.Errorf("%s: %v", user, err)
		}
	}
	if !strings.Contains(p.out.String(), "a user of the console cannot log in") {
		t.Error("nobody has been told that later is not in the file")
	}
	write("\"ops\" \"newer\"\n\"later\" \"secret\"\n")
	eventually(t, "the file is read again", func() error {
		_, err := tryCommander(t, p, "later", "secret", "")
		return err
	})
	if _, err := tryCommander(t, p, "ops", "old", ""); refusal(err) != "28P01" {
		t.Errorf("with the old password: %v", err)
	}
}
