//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
)

// forbidUring as first argument makes the test binary forbid itself io_uring and become the program that the other
// arguments name.
const forbidUring = "forbid-io_uring"

func init() {
	if len(os.Args) < 3 || os.Args[1] != forbidUring {
		return
	}
	runtime.LockOSThread() // the filter is this thread's, and so the program's that it becomes
	err := looptest.ForbidUring(false)
	if err == nil {
		err = syscall.Exec(os.Args[2], os.Args[2:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, forbidUring+":", err)
	os.Exit(1)
}

// withoutUring is the launcher of a program that may not use io_uring.
func withoutUring(t *testing.T) []string {
	t.Helper()
	if direct() {
		t.Skip("Postgres itself is no program of ours")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(self, forbidUring, "/bin/true").CombinedOutput(); err != nil {
		t.Skipf("no seccomp: %v: %s", err, out)
	}
	return []string{self, forbidUring}
}

func TestAutoFallsBackToEpoll(t *testing.T) {
	p := startPooler(t, "auto", postgres(t, versions()[0]), settings{Launcher: withoutUring(t)})
	c := connect(t, p.Addr)
	mustContain(t, c.query("SELECT 'served'"), "served")
	lines := p.logged("io_driver")
	if len(lines) != 1 {
		t.Fatalf("%d lines name the driver, want one: %v", len(lines), lines)
	}
	line := lines[0]
	if line["io_driver"] != "epoll" || line["level"] != "info" {
		t.Errorf("the log says %v at level %v, want epoll at info", line["io_driver"], line["level"])
	}
	for key, word := range map[string]string{"why_not_io_uring": "operation not permitted", "cure": "io_uring_setup"} {
		if text, _ := line[key].(string); !strings.Contains(text, word) {
			t.Errorf("%s is %q, want it to say %q", key, text, word)
		}
	}
}

func TestDriverThatIsForbiddenRefusesToStart(t *testing.T) {
	p := newPooler(t, "io_uring", postgres(t, versions()[0]), settings{Launcher: withoutUring(t)})
	p.run()
	t.Cleanup(p.finish)
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("caddy runs without its driver:\n%s", p.out.String())
	}
	if p.cmd.ProcessState.Success() {
		t.Error("caddy reports success")
	}
	for _, word := range []string{"operation not permitted", "allow io_uring_setup", "write `io_driver auto`"} {
		if log := p.out.String(); !strings.Contains(log, word) {
			t.Errorf("caddy does not say %q:\n%s", word, log)
		}
	}
}

// logged is the lines of the program's log that have a field.
func (p *pooler) logged(field string) (lines []map[string]any) {
	for text := range strings.Lines(p.out.String()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line[field] != nil {
			lines = append(lines, line)
		}
	}
	return lines
}
