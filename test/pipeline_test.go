//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// PostgreSQL's own test of pipelines, libpq_pipeline, passes through the pooler with every libpq at hand, says the same,
// and sees the same messages in the same order as on Postgres itself.
func TestLibpqPipeline(t *testing.T) {
	server := pipelineServer(t)
	for _, library := range libpqs(t) {
		l := findPipeline(t, library.env)
		want := l.all(t, server, server.Addr())
		for _, driver := range someDrivers(t, 0) {
			for _, mode := range []string{"transaction", "session"} {
				t.Run(fmt.Sprintf("%s/%s/%s", library.name, driver, mode), func(t *testing.T) {
					p := startPooler(t, driver, server, settings{Pool: "pool_size 2\npool_mode " + mode})
					// The second time on a server that has the statements of the first.
					for range 2 {
						compareRuns(t, want, l.all(t, server, p.Addr))
					}
				})
			}
		}
	}
}

// Two of its tests send until nobody takes more, and only then begin to read: what they say, and in which order messages go,
// is chance, but not that they end.
func TestLibpqPipelineThatSendsBeforeItReads(t *testing.T) {
	l := findPipeline(t, nil)
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			server := pipelineServer(t)
			p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
			for _, name := range sendsFirst {
				if said, err := l.run(t, "-r", "10000", name, pipelineConninfo(t, p.Addr)); err != nil {
					t.Errorf("libpq_pipeline %s: %v: %s", name, err, said[max(0, len(said)-500):])
				}
			}
		})
	}
}

var sendsFirst = []string{"pipelined_insert", "uniqviol"}

// pipelineServer is a Postgres as libpq_pipeline wants it: its user may set lc_messages. The program knows the settings of
// the oldest Postgres at hand, from whose source it comes.
func pipelineServer(t *testing.T) *pgtest.Server {
	t.Helper()
	return pgtest.Start(t, pgtest.Options{
		Roles:     []pgtest.Role{{Name: "app", Password: "secret", Superuser: true}},
		Databases: []string{"app"},
	})
}

func pipelineConninfo(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return "host=127.0.0.1 sslmode=disable dbname=app user=app password=secret port=" + port
}

// libpqPipeline is the program, with some libpq.
type libpqPipeline struct {
	program string
	env     []string
}

// findPipeline finds the program. CI has what brings it; other machines may not.
func findPipeline(t *testing.T, env []string) libpqPipeline {
	t.Helper()
	program, err := pgtest.LibpqPipeline()
	if err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return libpqPipeline{program, env}
}

// pipelineRun is what one of its tests has said, and which messages it has sent and received.
type pipelineRun struct {
	name         string
	said, traced []string
}

// all runs each test whose course is certain, in a database without tables.
func (l libpqPipeline) all(t *testing.T, server *pgtest.Server, addr string) (runs []pipelineRun) {
	t.Helper()
	if err := server.Exec(within(t), "app", "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	names, err := l.run(t, "tests")
	if err != nil || len(strings.Fields(names)) < 10 {
		t.Fatalf("libpq_pipeline has the tests %q, %v", names, err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	for _, name := range strings.Fields(names) {
		if slices.Contains(sendsFirst, name) {
			continue
		}
		said, err := l.run(t, "-r", "700", "-t", trace, name, pipelineConninfo(t, addr))
		if err != nil {
			t.Fatalf("libpq_pipeline %s on %s: %v: %s", name, addr, err, said)
		}
		traced, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, pipelineRun{name, strings.Split(said, "\n"), strings.Split(string(traced), "\n")})
	}
	return runs
}

// run runs the program and returns all that it says.
func (l libpqPipeline) run(t *testing.T, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), programDeadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.program, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, l.env...), "LC_ALL=C", "HOME="+t.TempDir())
	cmd.WaitDelay = patience
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// compareRuns shows the first difference of each test.
func compareRuns(t *testing.T, want, got []pipelineRun) {
	t.Helper()
	for i, w := range want {
		if diff := difference(w.said, got[i].said); diff != "" {
			t.Errorf("libpq_pipeline %s (-: on Postgres, +: through us):\n%s", w.name, diff)
		}
		if diff := difference(w.traced, got[i].traced); diff != "" {
			t.Errorf("libpq_pipeline %s, its trace (-: on Postgres, +: through us):\n%s", w.name, diff)
		}
	}
}
