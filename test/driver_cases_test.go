//go:build e2e

package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

var update = flag.Bool("update", false, "with E2E_TARGET=direct: rewrite what drivers' cases want with what Postgres says")

// suite is the cases of a driver: what applications do with it that is known to break behind poolers.
type suite struct {
	driver pgtest.Driver
	// database is its own, so that the suites can run side by side.
	database string
	// cases is the directory of the program and of want.txt.
	cases string
	// prepare makes of it what the driver's runner is given.
	prepare func(t *testing.T, r pgtest.Runner, cases string) []string
}

var suites = []suite{
	{pgtest.Psycopg, "psycopg", "drivers/psycopg/cases", asItIs},
	{pgtest.Asyncpg, "asyncpg", "drivers/asyncpg/cases", asItIs},
	{pgtest.NodePostgres, "node", "drivers/node-postgres/cases", asItIs},
	{pgtest.JDBC, "jdbc", "drivers/jdbc/cases", compiled},
}

// asItIs is a program that its interpreter finds in the directory.
func asItIs(_ *testing.T, _ pgtest.Runner, cases string) []string { return []string{cases} }

// inTime is lost where a program takes longer between drawing and asking than the server rests with it, as with so many others on a slow
// machine; TestNumbersOfManyClients is about that.
const inTime = "numbers that are asked for in a later transaction are there however long that takes"

// program is a suite that can be run, or why it cannot.
type program struct {
	suite
	runner pgtest.Runner
	words  []string
	err    error
}

func programs(t *testing.T) (all []program) {
	for _, s := range suites {
		p := program{suite: s}
		if p.runner, p.err = s.driver.Find(); p.err == nil {
			p.words = s.prepare(t, p.runner, s.cases)
		}
		all = append(all, p)
	}
	return all
}

// The drivers as they are by default, and all that their users do with a session: what they print is the same with
// Postgres itself (E2E_TARGET=direct), in session mode, and in transaction mode among others who use the same servers and
// leave them set up otherwise.
func TestDriverCases(t *testing.T) {
	ios, all, programs := drivers(), versions(), programs(t)
	for i := range max(len(ios), len(all)) {
		io, version := ios[i%len(ios)], all[i%len(all)]
		t.Run(fmt.Sprintf("%s/%d/transaction", io, version), func(t *testing.T) { runAll(t, programs, io, version, "transaction") })
	}
	if !direct() {
		io, version := ios[0], all[len(all)-1]
		t.Run(fmt.Sprintf("%s/%d/session", io, version), func(t *testing.T) { runAll(t, programs, io, version, "session") })
	}
}

// runAll runs all of them side by side.
func runAll(t *testing.T, programs []program, io string, version int, mode string) {
	server := pgtest.Start(t, caseOptions(version))
	if err := server.Exec(within(t), "postgres", "GRANT colleague TO app"); err != nil {
		t.Fatal(err)
	}
	pooler := startPooler(t, io, server, settings{Pool: fmt.Sprintf("pool_mode %s\npool_size %d", mode, mixedServers)})
	t.Run("all", func(t *testing.T) {
		for _, p := range programs {
			t.Run(p.driver.Name, func(t *testing.T) {
				t.Parallel()
				if p.err != nil {
					t.Skip(p.err)
				}
				if mode == "transaction" && !direct() {
					mix(t, pooler.Addr, p.database)
				}
				p.run(t, pooler.Addr, mode)
			})
		}
	})
}

func caseOptions(version int) pgtest.Options {
	o := pgtest.Options{
		Version:  version,
		Roles:    []pgtest.Role{{Name: "app", Password: "secret"}, {Name: "colleague"}},
		Settings: map[string]string{"max_prepared_transactions": "10"},
	}
	for _, s := range suites {
		o.Databases = append(o.Databases, s.database)
	}
	return o
}

// run runs the program once and compares case by case what it prints with what it must.
func (p program) run(t *testing.T, addr, mode string) {
	lines := runProgram(t, p.runner, p.words, addr, "PGDATABASE="+p.database, "PYTHONDONTWRITEBYTECODE=1")
	file := filepath.Join(p.cases, "want.txt")
	if *update && direct() {
		if strings.Contains(strings.Join(lines, "\n"), "\nunexpected:") {
			t.Fatalf("%s is not rewritten with a case that broke off:\n%s", file, strings.Join(lines, "\n"))
		}
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, got := byCase(lines)
	names, want := byCase(strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if notInThisVersion(got[name]) {
				t.Skip("not in this version of ", p.driver.Name)
			}
			if name == "cursors/sequences" && mode == "transaction" {
				awaits(t, inTime)
			}
			if diff := difference(want[name], got[name]); diff != "" {
				t.Errorf("the driver sees a pooler (-: Postgres, +: through us):\n%s", diff)
			}
		})
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s does not say what must follow of the case %q", file, name)
	}
}

// byCase divides what a program prints: "# name" begins a case.
func byCase(lines []string) (names []string, cases map[string][]string) {
	cases = make(map[string][]string)
	name := "before the first case"
	for _, line := range lines {
		if next, begins := strings.CutPrefix(line, "# "); begins {
			name = next
			names = append(names, name)
			cases[name] = []string{}
			continue
		}
		cases[name] = append(cases[name], line)
	}
	return names, cases
}

// notInThisVersion reports that an older version of a driver cannot do what the case is about.
func notInThisVersion(lines []string) bool {
	return len(lines) == 1 && lines[0] == "not in this version"
}
