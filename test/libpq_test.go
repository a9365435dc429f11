//go:build e2e

package e2e

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// libpq is a version of the library, with the psql at hand on top of it.
type libpq struct {
	name    string
	major   int
	program string
	env     []string
}

// libpqs lists those of this machine, the oldest first: that of the psql at hand, and those that come with server
// programs and without a psql.
func libpqs(t *testing.T) (all []libpq) {
	t.Helper()
	program := ""
	for _, in := range pgtest.Installs() {
		if path := filepath.Join(in.Bin, "psql"); exec.Command(path, "--version").Run() == nil {
			program = path
			all = append(all, libpq{name: "libpq-" + in.Version, major: in.Major, program: program})
			continue
		}
		library := filepath.Join(filepath.Dir(in.Bin), "lib")
		if _, err := os.Stat(filepath.Join(library, "libpq.so.5")); err == nil && program != "" {
			all = append(all, libpq{name: "libpq-" + in.Version, major: in.Major, program: program,
				env: []string{"LD_LIBRARY_PATH=" + library}})
		}
	}
	for i := range all {
		all[i].name, _, _ = strings.Cut(all[i].name, " ")
	}
	if len(all) == 0 {
		t.Skip("there is no psql")
	}
	return all
}

// newest is the one that knows most.
func newest(t *testing.T) libpq {
	all := libpqs(t)
	return all[len(all)-1]
}

// command is psql that connects as role app to this machine's addr, with further words of a connection string.
func (l libpq) command(t *testing.T, addr, conninfo string, args ...string) *exec.Cmd {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-X", "-At", "-d", "host=localhost hostaddr=127.0.0.1 user=app dbname=app port=" + port + " " + conninfo},
		args...)
	cmd := exec.Command(l.program, args...)
	cmd.Env = append(append(os.Environ(), l.env...), "HOME="+t.TempDir(), "PGPASSWORD=secret", "PGCONNECT_TIMEOUT=60", "LC_ALL=C")
	return cmd
}

// What becomes of a connection.
const (
	inClear = "clear"
	overTLS = "tls"
	refused = "refused"
)

// visit connects and asks something: what became of it, and what psql said.
func (l libpq) visit(t *testing.T, addr, conninfo string) (outcome, said string) {
	t.Helper()
	out, err := l.command(t, addr, conninfo, "-c", `\conninfo`, "-c", "SELECT 'served'").CombinedOutput()
	said = strings.TrimSpace(string(out))
	switch {
	case err != nil:
		return refused, said
	case !strings.Contains(said, "served"):
		t.Fatalf("psql is content without an answer: %s", said)
	case strings.Contains(said, "SSL connection (") || strings.Contains(said, "SSL Connection|true"):
		return overTLS, said
	}
	return inClear, said
}

// stderrOf is what a program said that failed.
func stderrOf(err error) string {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return string(failed.Stderr)
	}
	return ""
}
