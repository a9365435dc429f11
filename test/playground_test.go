//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// checkout stands for one of this repository: what `make run` and `make demo-load` need of it, with a cache and a
// temporary directory of its own, so that what they leave behind is seen.
type checkout struct {
	t    *testing.T
	dir  string
	temp string
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	if direct() {
		t.Skip("no playground")
	}
	if _, err := os.Stat("../bin/pgmux-dev"); err != nil {
		t.Fatalf("no program to test (run `make bin/pgmux-dev`): %v", err)
	}
	// Not t.TempDir, which is closed to the account that Postgres runs as.
	dir, err := os.MkdirTemp("", "pgmux-e2e-")
	demandNil(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &checkout{t: t, dir: dir, temp: filepath.Join(dir, "tmp")}
	for _, d := range []string{dir, c.temp, filepath.Join(dir, ".cache")} {
		demandNil(t, os.MkdirAll(d, 0o755))
		demandNil(t, os.Chmod(d, 0o755))
	}
	root, err := filepath.Abs("..")
	demandNil(t, err)
	for _, name := range []string{"Makefile", "mk", "bin", "examples", "internal", ".cache/pgtest", ".cache/postgres-18"} {
		demandNil(t, os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)))
	}
	return c
}

func demandNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The targets as they are, but nothing is built.
var (
	makeRun  = []string{"make", "--no-print-directory", "-o", "build", "-o", "bin/pgmux-dev", "run"}
	makeLoad = []string{"make", "--no-print-directory", "-o", "bin/pgmux-dev", "demo-load"}
	run      = []string{"bin/pgmux-dev", "run"}
)

// terminalSession is a program on a terminal of its own, whose keyboard is ours.
type terminalSession struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	out    *logBuffer
	done   chan struct{}
}

// onTerminal starts a program at 80 columns. At the test's end it must have ended.
func (c *checkout) onTerminal(line ...string) *terminalSession {
	c.t.Helper()
	master, slave := openTerminal(c.t)
	defer slave.Close()
	s := &terminalSession{t: c.t, master: master, out: &logBuffer{}, done: make(chan struct{})}
	s.cmd = c.command(line...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	demandNil(c.t, s.cmd.Start())
	go func() {
		defer close(s.done)
		// Until nobody has the terminal any more, which the system reports as EIO.
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			s.out.Write(buf[:n])
			if err != nil {
				break
			}
		}
		_ = s.cmd.Wait()
	}()
	c.t.Cleanup(s.finish)
	return s
}

func (c *checkout) command(line ...string) *exec.Cmd {
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+c.temp, "MAKEFLAGS=", "ARGS=", "TERM=xterm") // ARGS may be this suite's
	return cmd
}

// openTerminal makes a pseudo-terminal of 80 columns and 24 lines.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	demandNil(t, err)
	fd := int(master.Fd())
	demandNil(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	demandNil(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	demandNil(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	demandNil(t, err)
	return master, slave
}

// finish ends what the test has not ended.
func (s *terminalSession) finish() {
	select {
	case <-s.done:
	default:
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
		s.t.Errorf("%v had to be killed", s.cmd.Args)
	}
	if s.t.Failed() {
		s.t.Logf("%v printed:\n%s", s.cmd.Args, s.printed())
	}
	s.master.Close()
}

// printed is what stands on the terminal so far.
func (s *terminalSession) printed() string { return strings.ReplaceAll(s.out.String(), "\r\n", "\n") }

func (s *terminalSession) await(word string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%v prints %q", s.cmd.Args, word), func() error {
		if strings.Contains(s.printed(), word) {
			return nil
		}
		select {
		case <-s.done:
			s.t.Fatalf("%v has ended without printing %q:\n%s", s.cmd.Args, word, s.printed())
		default:
		}
		return fmt.Errorf("it has printed:\n%s", s.printed())
	})
}

// up waits until everything runs, first for the servers, then for Caddy.
func (s *terminalSession) up() {
	s.t.Helper()
	s.await("starting Caddy")
	s.await("Ctrl-C stops everything")
}

// ctrlC presses the keys: the terminal interrupts whatever is in the foreground, make and the program alike.
func (s *terminalSession) ctrlC() {
	s.t.Helper()
	_, err := s.master.Write([]byte{3})
	demandNil(s.t, err)
}

// ends waits for the end, and reports how it was.
func (s *terminalSession) ends() *os.ProcessState {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%v ends", s.cmd.Args), func() error {
		select {
		case <-s.done:
			return nil
		default:
			return fmt.Errorf("it has printed:\n%s", s.printed())
		}
	})
	return s.cmd.ProcessState
}

// endsWell waits for the end, which was asked for and so is no failure.
func (s *terminalSession) endsWell() {
	s.t.Helper()
	if state := s.ends(); !state.Success() {
		s.t.Errorf("%v: %v, want success:\n%s", s.cmd.Args, state, s.printed())
	}
}

// match returns the first group of a pattern in what was printed.
func (s *terminalSession) match(pattern string) string {
	s.t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(s.printed())
	if found == nil {
		s.t.Fatalf("no %q in:\n%s", pattern, s.printed())
	}
	return found[1]
}

// psql returns the printed command that has a remark beside it.
func (s *terminalSession) psql(remark string) string {
	s.t.Helper()
	return s.match(`(?m)^  (psql \S+) +` + remark)
}

// connect opens a connection with what stands behind a printed psql, for as long as a test lasts.
func (s *terminalSession) connect(t *testing.T, remark string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(within(t), strings.TrimPrefix(s.psql(remark), "psql "))
	demandNil(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// ports lists every address that was printed.
func (s *terminalSession) ports() (addresses []string) {
	for _, found := range regexp.MustCompile(`(?:@|http://)((?:127\.0\.0\.1|localhost):\d+)`).FindAllStringSubmatch(s.printed(), -1) {
		addresses = append(addresses, found[1])
	}
	return addresses
}

// demandNothingLeft checks that a playground has left no process, no file and no listener.
func (c *checkout) demandNothingLeft(addresses ...string) {
	c.t.Helper()
	c.demandNoProcess()
	if left, err := os.ReadDir(c.temp); err != nil || len(left) > 0 {
		c.t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(c.dir, ".cache/playground.json")); !os.IsNotExist(err) {
		c.t.Errorf("the playground's note is left: %v", err)
	}
	for _, addr := range addresses {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			c.t.Errorf("a port is not free: %v", err)
			continue
		}
		l.Close()
	}
}

// demandNoProcess waits until no process is left; the children of a Postgres that was killed outlive it for a moment.
func (c *checkout) demandNoProcess() {
	c.t.Helper()
	eventually(c.t, "no process is left", func() error {
		if left := c.processes(); len(left) > 0 {
			return fmt.Errorf("%q", left)
		}
		return nil
	})
}

// processes lists those that belong to this checkout: by their arguments, environment or working directory.
func (c *checkout) processes() (found []string) {
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range entries {
		arguments, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(proc, "environ"))
		directory, _ := os.Readlink(filepath.Join(proc, "cwd"))
		if strings.Contains(string(arguments)+string(environment)+directory, c.dir) {
			found = append(found, filepath.Base(proc)+" "+strings.ReplaceAll(string(arguments), "\x00", " "))
		}
	}
	return found
}

func TestPlayground(t *testing.T) {
	c := newCheckout(t)
	s := c.onTerminal(makeRun...)
	s.up()

	t.Run("the printed psql line", func(t *testing.T) {
		line := s.psql("through the pool")
		cmd := c.command("sh", "-c", line)
		cmd.Stdin = strings.NewReader("SELECT 'hello', inet_server_port();\n")
		out, err := cmd.CombinedOutput()
		primary := s.match(`:(\d+)/app +the primary`)
		if err != nil || !strings.Contains(string(out), "hello") || !strings.Contains(string(out), primary) {
			t.Errorf("%s: %v, want a greeting from port %s:\n%s", line, err, primary, out)
		}
	})
	t.Run("the printed page and console", func(t *testing.T) {
		resp, err := http.Get(s.match(`(?m)^  (http://\S+) +a page, live`))
		demandNil(t, err)
		defer resp.Body.Close()
		page, err := io.ReadAll(resp.Body)
		demandNil(t, err)
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(page), "<!doctype html>") {
			t.Errorf("the page: %s\n%.200s", resp.Status, page)
		}
		line := s.psql("PgBouncer's console")
		cmd := c.command("sh", "-c", line+" -c 'SHOW DATABASES'")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "app") {
			t.Errorf("%s: %v:\n%s", line, err, out)
		}
	})
	t.Run("the replica streams", func(t *testing.T) {
		pool, replica := s.connect(t, "through the pool"), s.connect(t, "its streaming replica")
		_, err := pool.Exec(within(t), "CREATE TABLE streamed AS SELECT 42 AS n")
		demandNil(t, err)
		eventually(t, "the replica has what was written", func() error {
			var n int
			var recovering bool
			err := replica.QueryRow(within(t), "SELECT n, pg_is_in_recovery() FROM streamed").Scan(&n, &recovering)
			if err == nil && (n != 42 || !recovering) {
				err = fmt.Errorf("n is %d, in recovery: %t", n, recovering)
			}
			return err
		})
		super, err := pgx.Connect(within(t), c.note(t).PrimarySocket)
		demandNil(t, err)
		defer super.Close(context.Background())
		var state string
		if err := super.QueryRow(within(t), "SELECT state FROM pg_stat_replication").Scan(&state); err != nil || state != "streaming" {
			t.Errorf("the primary says of its replica: %q, %v", state, err)
		}
	})
	t.Run("remarks fit on 80 columns", func(t *testing.T) {
		for line := range strings.Lines(s.printed()) {
			if line = strings.TrimSuffix(line, "\n"); len(line) > 80 && !strings.Contains(line, c.temp) {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
	})
	t.Run("the load, redirected", func(t *testing.T) {
		cmd, out := c.command("bin/pgmux-dev", "load"), &logBuffer{}
		cmd.Stdout, cmd.Stderr = out, out
		demandNil(t, cmd.Start())
		defer cmd.Process.Kill()
		eventually(t, "all clients are connected", func() error {
			if !strings.Contains(out.String(), "clients 300 ") {
				return fmt.Errorf("it has printed:\n%s", out)
			}
			return nil
		})
		demandNil(t, cmd.Process.Signal(syscall.SIGINT))
		demandNil(t, cmd.Wait())
		demandFewServers(t, out.String())
		if strings.Contains(out.String(), "\033") || !strings.Contains(out.String(), ", 0 errors)") {
			t.Errorf("escape codes, or errors, in:\n%q", out)
		}
	})
	t.Run("the load, on a terminal", func(t *testing.T) {
		load := c.with(t).onTerminal(append(makeLoad, "ARGS=-duration 1m")...)
		load.await("clients   300")
		load.ctrlC()
		load.ends()
		load.match("(Postgres saw at most .* connections)")
		if !strings.Contains(load.printed(), "\033") {
			t.Error("a terminal, yet no picture drawn over another")
		}
		for line := range strings.Lines(load.printed()) {
			if text := escapes.ReplaceAllString(strings.TrimSuffix(line, "\n"), ""); len([]rune(text)) > 80 {
				t.Errorf("more than 80 columns: %q", text)
			}
		}
	})
	t.Run("a second one", func(t *testing.T) {
		out, err := c.command(run...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "runs already") ||
			!strings.Contains(string(out), fmt.Sprint("kill ", c.note(t).Process)) {
			t.Errorf("a second playground: %v, %s, want to be told of the first", err, out)
		}
	})

	s.ctrlC()
	s.ends() // make reports the interrupt, not how its program ended
	s.await("nothing is left behind")
	c.demandNothingLeft(s.ports()...)
	if out, err := c.command(makeLoad...).CombinedOutput(); err == nil || !strings.Contains(string(out), "say `make run`") {
		t.Errorf("the load without a playground: %v, %s", err, out)
	}
}

var escapes = regexp.MustCompile(`\x1b\[\d*[A-Z]`)

// demandFewServers reads the lines that a load writes where there is no terminal.
func demandFewServers(t *testing.T, out string) {
	t.Helper()
	lines := regexp.MustCompile(`(?m)^ *\d+s +clients \d+ .* servers (\d+) of 20 +Postgres sees (\d+) `).FindAllStringSubmatch(out, -1)
	most := 0
	for _, l := range lines {
		servers, _ := strconv.Atoi(l[1])
		seen, _ := strconv.Atoi(l[2])
		if most = max(most, seen); servers > 20 || seen > 20 {
			t.Errorf("more than 20 servers: %s", l[0])
		}
	}
	if most == 0 {
		t.Errorf("no server was ever seen in:\n%s", out)
	}
}

// playgroundNote is what `make run` tells `make demo-load`.
type playgroundNote struct {
	Process       int
	PrimarySocket string
}

func (c *checkout) note(t *testing.T) (n playgroundNote) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, ".cache/playground.json"))
	demandNil(t, err)
	demandNil(t, json.Unmarshal(text, &n))
	return n
}

// with is the checkout in a subtest.
func (c *checkout) with(t *testing.T) *checkout {
	sub := *c
	sub.t = t
	return &sub
}

func TestPlaygroundEndsByTERM(t *testing.T) {
	c := newCheckout(t)
	s := c.onTerminal(run...)
	s.up()
	demandNil(t, s.cmd.Process.Signal(syscall.SIGTERM))
	s.endsWell()
	c.demandNothingLeft(s.ports()...)
}

func TestPlaygroundEndsDuringSetUp(t *testing.T) {
	for _, moment := range []string{"a primary and", "starting Caddy"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			c := newCheckout(t)
			s := c.onTerminal(run...)
			s.await(moment)
			s.ctrlC()
			s.endsWell()
			s.match("(nothing is left behind)")
			c.demandNothingLeft()
		})
	}
	// The terminal's signal may end a program that was only just forked before it is seen to be our own.
	t.Run("a child first", func(t *testing.T) {
		t.Parallel()
		c := newCheckout(t)
		caddy := filepath.Join(c.dir, "caddy")
		demandNil(t, os.WriteFile(caddy, []byte("#!/bin/sh\n(sleep 0.1; kill -INT $PPID) &\nkill -INT $$\n"), 0o755))
		s := c.onTerminal(append(run, "-caddy", caddy)...)
		s.endsWell()
		s.match("(nothing is left behind)")
		c.demandNothingLeft()
	})
	// pg_basebackup has a child that outlives it and could keep everything waiting. The moment is short; where it is
	// missed, the end comes a little later.
	t.Run("copying", func(t *testing.T) {
		t.Parallel()
		c := newCheckout(t)
		s := c.onTerminal(run...)
		eventually(t, "the replica is being copied", func() error {
			all := strings.Join(c.processes(), "\n")
			if strings.Count(all, "bin/pg_basebackup") < 2 && !strings.Contains(s.printed(), "starting Caddy") {
				return fmt.Errorf("there are %s", all)
			}
			return nil
		})
		s.ctrlC()
		s.endsWell()
		c.demandNothingLeft()
	})
}

func TestPlaygroundDoesNotWaitForeverForClients(t *testing.T) {
	c := newCheckout(t)
	s := c.onTerminal(run...)
	s.up()
	conn := s.connect(t, "through the pool")
	_, err := conn.Exec(within(t), "BEGIN")
	demandNil(t, err)
	s.ctrlC()
	s.await("Ctrl-C again")
	s.ctrlC()
	s.endsWell()
	c.demandNothingLeft(s.ports()...)
}

func TestPlaygroundAfterOneThatWasKilled(t *testing.T) {
	c := newCheckout(t)
	killed := c.onTerminal(run...)
	killed.up()
	demandNil(t, killed.cmd.Process.Kill())
	killed.ends()
	c.demandNoProcess()

	s := c.onTerminal(run...)
	s.up()
	if now, before := s.psql("through the pool"), killed.psql("through the pool"); now != before {
		t.Logf("the killed one was at %s, the next is at %s", before, now)
	}
	s.connect(t, "through the pool")
	s.ctrlC()
	s.endsWell()
	c.demandNothingLeft(append(s.ports(), killed.ports()...)...)
}

func TestPlaygroundsSideBySide(t *testing.T) {
	// A stranger where the pool usually is; if there is one anyway, that is as good.
	if l, err := net.Listen("tcp", "127.0.0.1:6432"); err == nil {
		defer l.Close()
	}
	first, second := newCheckout(t), newCheckout(t)
	a, b := first.onTerminal(run...), second.onTerminal(run...)
	seen := make(map[string]bool)
	for _, s := range []*terminalSession{a, b} {
		s.up()
		s.match("(127.0.0.1:6432 is taken)")
		addr := s.match(`the pool is at (127\.0\.0\.1:\d+) instead`)
		if seen[addr] {
			t.Errorf("both listen at %s", addr)
		}
		seen[addr] = true
		var port string
		err := s.connect(t, "through the pool").QueryRow(within(t), "SELECT inet_server_port()::text").Scan(&port)
		if want := s.match(`:(\d+)/app +the primary`); err != nil || port != want {
			t.Errorf("through the pool: Postgres on port %s, %v, want %s", port, err, want)
		}
	}
	for _, s := range []*terminalSession{a, b} {
		s.ctrlC()
		s.endsWell()
	}
	first.demandNothingLeft(a.ports()...)
	second.demandNothingLeft(b.ports()...)
}
