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

// language is a driver of another language, and the program of test/drivers that uses it.
type language struct {
	driver  pgtest.Driver
	program string
}

var languages = []language{
	{pgtest.Psycopg, "drivers/psycopg/main.py"},
	{pgtest.Asyncpg, "drivers/asyncpg/main.py"},
	{pgtest.NodePostgres, "drivers/node-postgres/main.js"},
	{pgtest.JDBC, "drivers/jdbc/Main.java"},
}

// Programs as applications write them, one for each driver, believe that they talk to Postgres: one after the other on one
// server, whose prepared statements each driver names in its own way. What they print with Postgres itself is in the
// want.txt beside each: E2E_TARGET=direct shows that it is so. A program takes its time to start: each I/O driver and each
// version of Postgres has its turn, but not each with each.
func TestDriversOfOtherLanguages(t *testing.T) {
	ios, all := drivers(), versions()
	for i := range max(len(ios), len(all)) {
		driver, version := ios[i%len(ios)], all[i%len(all)]
		t.Run(fmt.Sprintf("%s/%d", driver, version), func(t *testing.T) {
			server := pgtest.Start(t, scramOptions(version))
			p := startPooler(t, driver, server, settings{Pool: "pool_size 1", Auth: scramAuth})
			for _, l := range languages {
				t.Run(l.driver.Name, func(t *testing.T) { l.speak(t, p.Addr, inClearSection) })
			}
		})
	}
}

// Both the pool and Postgres ask for SCRAM.
const scramAuth = "method scram-sha-256\nuser app {env.PGMUX_TEST_PASSWORD}"

func scramOptions(version int) pgtest.Options {
	return pgtest.Options{
		Version:   version,
		Auth:      "scram-sha-256",
		Roles:     []pgtest.Role{{Name: "app", Password: "secret"}},
		Databases: []string{"app"},
	}
}

// The sections of want.txt.
const (
	inClearSection = iota
	overTLSSection
)

// speak runs the program and compares what it prints with a section of what it must.
func (l language) speak(t *testing.T, addr string, section int, env ...string) {
	runner, err := l.driver.Find()
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(l.program), "want.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.Split(strings.TrimSpace(string(text)), "\n\n")[section], "\n")
	got := runProgram(t, runner, []string{l.program}, addr, env...)
	for i, line := range got {
		// Older versions of a driver cannot do everything, and say so.
		if name, cannot := strings.CutSuffix(line, ": not in this version"); cannot && i < len(want) {
			t.Logf("%s: this version of %s cannot", name, l.driver.Name)
			want[i] = line
		}
	}
	if diff := difference(want, got); diff != "" {
		t.Errorf("%s (-: what Postgres says, +: what was said):\n%s", l.program, diff)
	}
}
