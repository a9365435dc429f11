//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/ptytest"
)

// postgres runs `caddy postgres` against the pooler, and returns what it prints and its exit code.
func (p *pooler) postgres(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	cmd := p.command(append([]string{"postgres", "--address", p.Admin}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		p.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// shows runs a command until it ends well and prints all of some words.
func (p *pooler) shows(words []string, args ...string) {
	p.t.Helper()
	eventually(p.t, strings.Join(args, " "), func() error {
		out, errs, code := p.postgres(args...)
		for _, word := range words {
			if code != 0 || errs != "" || !strings.Contains(out, word) {
				return fmt.Errorf("exit code %d, want %q in\n%s%s", code, word, out, errs)
			}
		}
		return nil
	})
}

func TestCommandShowsWhatIsGoingOn(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no commands without the pooler")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4\nquery_cache {\nttl 1m\n}"})
		a, b := connect(t, p.Addr), connect(t, p.Addr)
		a.query("BEGIN")
		b.query("SELECT 1")
		p.shows([]string{"POOL", "app   active        2       1        0", server.Addr(), "up"}, "status")
		p.shows([]string{"DATABASE", "Since the start"}, "status", "app")
		p.shows([]string{`"pools": [`, `"upstreams": [`}, "status", "--json")
		p.shows([]string{server.Addr(), "closed"}, "upstreams", "--pool", "app")
		p.shows([]string{"on", "256 MiB"}, "cache")
		p.shows([]string{"dropped"}, "purge", "--pool", "app")
		p.shows([]string{"pgmux at " + p.Admin, "2 clients: 1 active, 0 waiting"}, "top", "--once", "--interval", "100ms")
		a.query("COMMIT")
	})
}

// The admin endpoint is found in a configuration, as `caddy stop` finds it.
func TestCommandFindsTheAdminEndpoint(t *testing.T) {
	onPooler(t, func(t *testing.T, p *pooler) {
		out, err := p.command(append([]string{"postgres", "status", "--json"}, p.config...)...).Output()
		var found struct{ Pools []struct{ Name string } }
		if err != nil || json.Unmarshal(out, &found) != nil || len(found.Pools) != 1 || found.Pools[0].Name != "app" {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func TestCommandFailsWithItsCure(t *testing.T) {
	onPooler(t, func(t *testing.T, p *pooler) {
		for _, c := range []struct{ args, says string }{
			{"status ap", "did you mean app?"},
			{"stauts", "did you mean status?"},
			{"purge --pool apq", "did you mean app?"},
			{"status --address " + freeAddr(t), "no Caddy answers"},
		} {
			if out, errs, code := p.postgres(strings.Fields(c.args)...); code != 1 || !strings.Contains(errs, c.says) || out != "" {
				t.Errorf("%s: exit code %d, want %q in\n%s%s", c.args, code, c.says, out, errs)
			}
		}
	})
}

// onPooler runs a test that is the same for every driver.
func onPooler(t *testing.T, test func(*testing.T, *pooler)) {
	if direct() {
		t.Skip("no commands without the pooler")
	}
	test(t, startPooler(t, drivers()[0], postgres(t, versions()[0]), settings{Pool: "pool_size 4"}))
}

// watch runs `caddy postgres top` on a terminal of its own.
func (p *pooler) watch(terminal *ptytest.Terminal, args ...string) *exec.Cmd {
	p.t.Helper()
	cmd := p.command(append([]string{"postgres", "top", "--address", p.Admin}, args...)...)
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal.Program, terminal.Program, terminal.Program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return cmd
}

// awaitGivenBack waits until the program has ended, and looks at the terminal.
func awaitGivenBack(t *testing.T, cmd *exec.Cmd, terminal *ptytest.Terminal) {
	t.Helper()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	terminal.Await("\x1b[?1049l", 0)
	if terminal.Raw() {
		t.Error("the terminal was not given back")
	}
}

func TestTopDrawsUntilQ(t *testing.T) {
	onPooler(t, func(t *testing.T, p *pooler) {
		c := connect(t, p.Addr)
		c.query("BEGIN")
		terminal := ptytest.Open(t, 120, 30)
		cmd := p.watch(terminal, "--interval", "100ms")
		at := terminal.Await("1 client: 1 active", 0)
		c.query("COMMIT")
		at = terminal.Await("1 client: 0 active", at)
		terminal.Type("\t")
		terminal.Await("[clients]", at)
		terminal.Type("q")
		awaitGivenBack(t, cmd, terminal)
	})
}

// Nothing but the signals of the system can have it drawn anew, or end it, within an hour.
func TestTopObeysSignals(t *testing.T) {
	onPooler(t, func(t *testing.T, p *pooler) {
		for _, end := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			terminal := ptytest.Open(t, 120, 30)
			cmd := p.watch(terminal, "--interval", "1h")
			at := terminal.Await("MAX", 0)
			terminal.Resize(70, 20)
			terminal.Await("\x1b[H\x1b[K", at)
			if err := cmd.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			awaitGivenBack(t, cmd, terminal)
		}
	})
}
