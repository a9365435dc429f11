//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// consoleOf is a console with an admin, ops, and somebody who may look, metrics.
const consoleOf = "console ops secret {\nstats_user metrics secret\n}"

// withConsole starts a pooler with that console, on the first driver and the first Postgres: the console is above both.
func withConsole(t *testing.T, s settings) (*pooler, *pgtest.Server) {
	t.Helper()
	if direct() {
		t.Skip("no console without the pooler")
	}
	server := postgres(t, versions()[0])
	s.Global += "\n" + consoleOf
	return startPooler(t, drivers()[0], server, s), server
}

// commander is a session of the console.
type commander struct {
	*pgconn.PgConn
	t testing.TB
}

// console logs in to the console.
func (p *pooler) console(t testing.TB, user string) commander {
	t.Helper()
	conn, err := tryCommander(t, p, user, "secret", "")
	if err != nil {
		t.Fatalf("logging in to the console as %s: %v", user, err)
	}
	return conn
}

// tryCommander logs in to the console, with more of a connection string.
func tryCommander(t testing.TB, p *pooler, user, password, more string) (commander, error) {
	t.Helper()
	host, port, _ := strings.Cut(p.Addr, ":")
	if more == "" {
		more = "sslmode=disable"
	}
	conn, err := pgconn.Connect(within(t), fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=pgbouncer %s", host, port, user, password, more))
	if err != nil {
		return commander{}, err
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return commander{conn, t}, nil
}

// row is one of an answer, by column.
type row map[string]string

// ask says a command, by the simple protocol, and returns its rows.
func (c commander) ask(command string) (rows []row, err error) {
	results, err := c.Exec(within(c.t), command).ReadAll()
	if err != nil || len(results) == 0 {
		return nil, err
	}
	for _, values := range results[0].Rows {
		r := row{}
		for i, f := range results[0].FieldDescriptions {
			r[f.Name] = string(values[i])
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// show is ask, of what must be answered.
func (c commander) show(command string) []row {
	c.t.Helper()
	rows, err := c.ask(command)
	if err != nil {
		c.t.Fatalf("%s: %v", command, err)
	}
	return rows
}

// refusal is the SQLSTATE that a command, or a login, ends with; empty if it does not.
func refusal(err error) string {
	var refused *pgconn.PgError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.Code
	}
	return err.Error()
}

// goldenColumns is the columns of every table of PgBouncer's console, with their types.
func goldenColumns(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../internal/console/testdata/columns.golden")
	if err != nil {
		t.Fatal(err)
	}
	columns := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if name, list, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(line, "#") {
			columns[name] = strings.Fields(list)
		}
	}
	return columns
}

// bare is columns without their types.
func bare(columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i], _, _ = strings.Cut(c, ":")
	}
	return out
}

// byName finds the row with a value in a column.
func byName(rows []row, column, value string) row {
	for _, r := range rows {
		if r[column] == value {
			return r
		}
	}
	return nil
}
