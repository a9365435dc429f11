//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// scraped is what prometheus-community/pgbouncer_exporter makes of one table: columns that name the time series, which must not be two with the
// same, and columns that are numbers. What PgBouncer has not had for long (reserve_pool, requests) is left out: the exporter skips it.
type scraped struct{ labels, numbers []string }

var scrapes = map[string]scraped{
	"databases": {
		[]string{"name", "host", "port", "database", "force_user", "pool_mode"},
		[]string{"pool_size", "max_connections", "current_connections", "paused", "disabled"},
	},
	"stats_totals": {
		[]string{"database"},
		[]string{
			"query_count", "query_time", "bytes_received", "bytes_sent", "wait_time", "xact_count", "xact_time", "client_parse_count", "server_parse_count",
			"bind_count",
		},
	},
	"stats": { // its versions up to 0.10
		[]string{"database"},
		[]string{"total_query_count", "total_query_time", "total_received", "total_sent", "total_wait_time", "total_xact_count", "total_xact_time"},
	},
	"pools": {
		[]string{"database", "user"},
		[]string{
			"cl_active", "cl_active_cancel_req", "cl_waiting", "cl_waiting_cancel_req", "sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle",
			"sv_used", "sv_tested", "sv_login", "maxwait",
		},
	},
}

// twoPools has a database that two pools have: their rows must not be taken for one.
func twoPools(t *testing.T) *pooler {
	server := postgres(t, versions()[0])
	p := startPooler(t, drivers()[0], server, settings{
		Global: consoleOf + "\npool more {\ndatabases app\nupstream " + server.Addr() + "\nauth {\nmethod trust\n}\n}",
		Pool:   "databases app",
	})
	connect(t, p.Addr).query("SELECT 1")
	return p
}

// What the exporter asks, as it asks it, is answered as it needs it.
func TestTheConsoleAnswersTheExporter(t *testing.T) {
	if direct() {
		t.Skip("no console without the pooler")
	}
	metrics := twoPools(t).console(t, "metrics")
	metrics.show("SHOW STATS") // its ping
	for table, s := range scrapes {
		seen := map[string]bool{}
		rows := metrics.show("SHOW " + table + ";")
		for _, r := range rows {
			var series []string
			for _, label := range s.labels {
				value, there := r[label]
				if series = append(series, value); !there {
					t.Errorf("SHOW %s has no %s", table, label)
				}
			}
			if key := strings.Join(series, "|"); seen[key] {
				t.Errorf("SHOW %s has %s twice", table, key)
			} else {
				seen[key] = true
			}
			for _, number := range s.numbers {
				if _, err := strconv.ParseFloat(r[number], 64); err != nil {
					t.Errorf("SHOW %s: %s of %v: %v", table, number, series, err)
				}
			}
		}
		if len(rows) < 2 {
			t.Errorf("SHOW %s has %d rows", table, len(rows))
		}
	}
	for _, list := range []string{
		"databases", "users", "pools", "free_clients", "used_clients", "login_clients", "free_servers", "used_servers", "dns_names", "dns_zones", "dns_queries",
	} {
		if _, err := strconv.ParseFloat(byName(metrics.show("SHOW LISTS;"), "list", list)["items"], 64); err != nil {
			t.Errorf("SHOW LISTS: %s: %v", list, err)
		}
	}
	for _, key := range []string{"max_client_conn", "max_user_connections"} {
		if _, err := strconv.ParseFloat(byName(metrics.show("SHOW CONFIG;"), "key", key)["value"], 64); err != nil {
			t.Errorf("SHOW CONFIG: %s: %v", key, err)
		}
	}
	if version := metrics.show("SHOW VERSION;")[0]["version"]; !strings.HasPrefix(version, "PgBouncer 1.25.") {
		t.Errorf("SHOW VERSION has %s", version)
	}
}

// The exporter itself, where it is on the PATH.
func TestPgbouncerExporterScrapesTheConsole(t *testing.T) {
	program, err := exec.LookPath("pgbouncer_exporter")
	if err != nil {
		t.Skip("prometheus-community's pgbouncer_exporter is not on the PATH (Debian's prometheus-pgbouncer-exporter is another, for PgBouncer before 1.8)")
	}
	if direct() {
		t.Skip("no console without the pooler")
	}
	p, addr := twoPools(t), freeAddr(t)
	exporter := exec.Command(program, "--web.listen-address="+addr,
		"--pgBouncer.connectionString=postgres://metrics:secret@"+p.Addr+"/pgbouncer?sslmode=disable")
	exporter.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := exporter.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { exporter.Process.Kill(); exporter.Wait() }()
	eventually(t, "everything is scraped", func() error {
		response, err := http.Get("http://" + addr + "/metrics")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		for _, want := range []string{
			"pgbouncer_up 1", `pgbouncer_pools_client_active_connections{database="app/app",user="app"} 1`, "pgbouncer_config_max_client_connections ",
			"pgbouncer_used_clients ",
		} {
			if !strings.Contains(string(body), want) {
				return fmt.Errorf("%s: no %s in\n%s", response.Status, want, body)
			}
		}
		return nil
	})
}

// A real PgBouncer, of whatever version, has the columns that we have as well, in the same order and with the same types.
func TestColumnsAreThoseOfARealPgBouncer(t *testing.T) {
	theirs := startPgBouncer(t)
	p, _ := withConsole(t, settings{})
	ours := p.console(t, "ops")
	for name := range goldenColumns(t) {
		there, here := typesOf(t, theirs, "SHOW "+name), typesOf(t, ours.PgConn, "SHOW "+name)
		if there == nil {
			t.Logf("that PgBouncer has no SHOW %s", name)
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(here), func(c string) bool { return !slices.Contains(there, c) })
		both := slices.DeleteFunc(slices.Clone(there), func(c string) bool { return !slices.Contains(here, c) })
		if !slices.Equal(kept, both) {
			t.Errorf("SHOW %s: of the columns that both have, we have\n%v\nand PgBouncer\n%v", name, kept, both)
		}
		if gone := slices.DeleteFunc(there, func(c string) bool { return slices.Contains(here, c) || slices.Contains(sinceThen, name+" "+c) }); len(gone) > 0 {
			t.Errorf("SHOW %s: PgBouncer has %v, and we have not", name, gone)
		}
	}
}

// sinceThen is what older PgBouncers have, and 1.25 has not, or not so; and the numbers of SHOW MEM, which are of 8 bytes here.
var sinceThen = []string{"databases reserve_pool:23", "mem used:23", "mem free:23", "mem memtotal:23"}

// typesOf is the columns of an answer with the OIDs of their types; nil if it is refused.
func typesOf(t *testing.T, conn *pgconn.PgConn, command string) (columns []string) {
	t.Helper()
	results := conn.Exec(within(t), command)
	defer results.Close()
	for results.NextResult() {
		for _, f := range results.ResultReader().FieldDescriptions() {
			columns = append(columns, fmt.Sprint(f.Name, ":", f.DataTypeOID))
		}
	}
	return columns
}

// startPgBouncer starts the one on the PATH, and logs in to its console.
func startPgBouncer(t *testing.T) *pgconn.PgConn {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		t.Skip("no pgbouncer on the PATH (apt-get install pgbouncer)")
	}
	dir, addr := t.TempDir(), freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	config := filepath.Join(dir, "pgbouncer.ini")
	text := "[databases]\napp = host=127.0.0.1\n[pgbouncer]\nlisten_addr = 127.0.0.1\nunix_socket_dir =\nauth_type = any\nadmin_users = ops\n" +
		"listen_port = " + port + "\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-q", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 { // it refuses to be root
		makeReadable(t, dir)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var conn *pgconn.PgConn
	eventually(t, "pgbouncer listens", func() error {
		conn, err = pgconn.Connect(within(t), pgtest.DSN(addr, "ops", "x", "pgbouncer"))
		return err
	})
	t.Cleanup(func() { conn.Close(within(t)) })
	return conn
}

// makeReadable lets another user into a test's directory.
func makeReadable(t *testing.T, dir string) {
	t.Helper()
	for ; strings.Contains(dir, t.Name()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
