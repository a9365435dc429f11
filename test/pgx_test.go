//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

var execModes = []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
	pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol}

// Two connections in turn on one server: each driver mode believes the session is its own.
func TestPgxInEveryExecMode(t *testing.T) {
	for _, mode := range execModes {
		t.Run(strings.ReplaceAll(mode.String(), " ", "-"), func(t *testing.T) {
			eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
				p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
				config, err := pgx.ParseConfig(p.dsn("app"))
				if err != nil {
					t.Fatal(err)
				}
				config.DefaultQueryExecMode = mode
				ctx := within(t)
				var conns []*pgx.Conn
				for range 2 {
					conn, err := pgx.ConnectConfig(ctx, config)
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close(ctx)
					conns = append(conns, conn)
				}
				for round := range 10 {
					for who, conn := range conns {
						if err := useOfPgx(ctx, conn, round, who); err != nil {
							t.Fatalf("round %d, connection %d: %v", round, who, err)
						}
					}
				}
			})
		})
	}
}

// useOfPgx is what applications do with a connection.
func useOfPgx(ctx context.Context, conn *pgx.Conn, round, who int) error {
	var n int
	var s string
	if err := conn.QueryRow(ctx, "SELECT $1::int + 1, $2::text", round, fmt.Sprint(who)).Scan(&n, &s); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	if n != round+1 || s != fmt.Sprint(who) {
		return fmt.Errorf("got %d, %q", n, s)
	}
	rows, err := conn.Query(ctx, "SELECT i, repeat('x', i) FROM generate_series(1, $1::int) i", 50)
	if err != nil {
		return err
	}
	if all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		N int
		S string
	}]); err != nil || len(all) != 50 || all[49].S != strings.Repeat("x", 50) {
		return fmt.Errorf("rows: %d, %w", len(all), err)
	}
	_, err = conn.Exec(ctx, "SELECT 1/$1::int", 0)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "22012" {
		return fmt.Errorf("division by zero: %w", err)
	}
	var batch pgx.Batch
	for i := range 20 {
		batch.Queue("SELECT $1::int * $2::int", i, round)
	}
	results := conn.SendBatch(ctx, &batch)
	for i := range 20 {
		if err := results.QueryRow().Scan(&n); err != nil || n != i*round {
			return errors.Join(fmt.Errorf("batch item %d: %d, %w", i, n, err), results.Close())
		}
	}
	if err := results.Close(); err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "CREATE TABLE pgx_copy (n int, s text)"); err != nil {
			return err
		}
		copied, err := tx.CopyFrom(ctx, pgx.Identifier{"pgx_copy"}, []string{"n", "s"},
			pgx.CopyFromRows([][]any{{1, "a"}, {2, "b"}}))
		if err == nil && copied != 2 {
			err = fmt.Errorf("%d rows copied", copied)
		}
		if err == nil {
			_, err = tx.Exec(ctx, "DROP TABLE pgx_copy")
		}
		return err
	})
}

func TestPsql(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		script := `
			SELECT 'one' AS a, 2 AS b;
			\set ON_ERROR_STOP 0
			SELECT nosuch;
			BEGIN;
			CREATE TEMP TABLE psql_t (n int) ON COMMIT DROP;
			INSERT INTO psql_t SELECT generate_series(1, 10);
			\copy psql_t TO PROGRAM 'cat'
			COMMIT;
			SELECT $1::int + $2::int AS bound \bind 40 2 \g
			\d pg_class
			\echo done
		`
		if psqlVersion() < 16 {
			script = strings.Replace(script, `SELECT $1::int + $2::int AS bound \bind 40 2 \g`, "", 1)
		}
		run := func(dsn string) string {
			cmd := exec.Command("psql", "-X", "-q", dsn)
			cmd.Stdin = strings.NewReader(script)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("psql: %v: %s", err, out)
			}
			return string(out)
		}
		want, got := run(server.DSN("app", "secret", "app")), run(p.dsn("app"))
		if got != want {
			t.Errorf("psql sees a pooler; Postgres:\n%s\nthrough us:\n%s", want, got)
		}
	})
}

// psqlVersion is the major version of psql: \bind came with 16.
func psqlVersion() int {
	out, err := exec.Command("psql", "--version").Output()
	if err != nil {
		return 0
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "psql (PostgreSQL) %d", &major); err != nil {
		return 0
	}
	return major
}
