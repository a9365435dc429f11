//go:build e2e

package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// programDeadline ends a driver's program that hangs. It takes a few seconds at most, where there is a processor for it.
const programDeadline = 2 * time.Minute

// runProgram runs a program of test/drivers, as its runner wants it named, on a server or pooler, and returns what it
// prints. Of the environment that drivers know it has what it is given only.
func runProgram(t *testing.T, r pgtest.Runner, program []string, addr string, env ...string) []string {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), programDeadline)
	defer cancel()
	words := append(append([]string{}, r.Command...), program...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, r.Env...), "PGHOST="+host, "PGPORT="+port, "PGUSER=app", "PGPASSWORD=secret", "PGDATABASE=app")
	cmd.Env = append(cmd.Env, env...)
	cmd.WaitDelay = patience
	var problems strings.Builder
	cmd.Stderr = &problems
	began := time.Now()
	out, err := cmd.Output()
	name := strings.Join(program, " ")
	t.Logf("%s ran for %v", name, time.Since(began).Round(time.Millisecond))
	if err != nil {
		t.Errorf("%s: %v (after %v):\n%s%s", name, err, time.Since(began), out, problems.String())
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}
