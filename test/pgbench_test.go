//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// What pgbench's scripts can do beyond its own: results kept in variables, several results of one message, pipelines. Each
// transaction looks whether what it got is its own (dividing by zero if not), and leaves one row.
var pgbenchScripts = []struct {
	name      string
	protocols []string
	script    string
}{
	{"gset", []string{"simple", "extended", "prepared"}, `
\set n random(1, 1000000000)
SELECT :n AS n, :n + 1 AS next \gset got_
\if :got_n <> :n or :got_next <> :n + 1
SELECT 1 / 0;
\endif
BEGIN;
INSERT INTO marks VALUES (:client_id, :n);
SELECT count(*) AS mine FROM marks WHERE client = :client_id AND n = :n \gset
\if :mine = 0
SELECT 1 / 0;
\endif
COMMIT;
`},
	{"aset", []string{"simple"}, `
\set n random(1, 1000000000)
INSERT INTO marks VALUES (:client_id, :n) \; SELECT :n AS a \; SELECT :n + 1 AS b \; SELECT WHERE false \aset got_
\if :got_a <> :n or :got_b <> :n + 1
SELECT 1 / 0;
\endif
`},
	{"pipeline", []string{"extended", "prepared"}, `
\set n random(1, 1000000000)
\startpipeline
BEGIN;
INSERT INTO marks VALUES (:client_id, :n);
SELECT 1 / (count(*) > 0)::int FROM marks WHERE client = :client_id AND n = :n;
COMMIT;
SELECT :n;
\endpipeline
SELECT :n AS after \gset
\if :after <> :n
SELECT 1 / 0;
\endif
`},
	{"a pipeline in a transaction", []string{"extended", "prepared"}, `
\set n random(1, 1000000000)
BEGIN;
\startpipeline
SELECT 1;
INSERT INTO marks VALUES (:client_id, :n);
\endpipeline
\startpipeline
SELECT 1 / (count(*) > 0)::int FROM marks WHERE client = :client_id AND n = :n;
\endpipeline
COMMIT;
`},
}

func TestPgbenchScripts(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if err := server.Exec(within(t), "app", "DROP TABLE IF EXISTS marks", "CREATE TABLE marks (client int, n int)",
			"ALTER TABLE marks OWNER TO app", "CREATE INDEX ON marks (client, n)"); err != nil {
			t.Fatal(err)
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4"})
		for _, s := range pgbenchScripts {
			for _, protocol := range s.protocols {
				for _, each := range []string{"", "--connect"} {
					t.Run(strings.TrimSpace(s.name+" "+protocol+" "+each), func(t *testing.T) {
						runScript(t, server, p, s.script, protocol, each)
					})
				}
			}
		}
	})
}

// runScript runs a script with more clients than servers, on one connection each or one for each transaction.
func runScript(t *testing.T, server *pgtest.Server, p *pooler, script, protocol, each string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := server.Exec(within(t), "app", "TRUNCATE marks"); err != nil {
		t.Fatal(err)
	}
	const clients, transactions = 12, 20
	args := []string{"--no-vacuum", "--jobs=2", fmt.Sprint("--client=", clients), fmt.Sprint("--transactions=", transactions),
		"--protocol=" + protocol, "--file=" + file}
	if each != "" {
		args = append(args, each)
	}
	demandClean(t, pgbench(t, server, p.dsn("app"), args...))
	conn, err := server.Super(within(t), "app")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(within(t))
	var marks int
	if err := conn.QueryRow(within(t), "SELECT count(*) FROM marks").Scan(&marks); err != nil || marks != clients*transactions {
		t.Errorf("%d transactions left %d rows, %v", clients*transactions, marks, err)
	}
}
