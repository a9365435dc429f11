//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// pooler is a running bin/caddy, or, where the suites are held against Postgres itself, a stand-in for it.
type pooler struct {
	t         *testing.T
	Addr      string // where clients connect
	Admin     string // of Caddy's admin API
	upstreams []string
	driver    string
	launcher  []string
	dir       string
	config    []string   // how Caddy is told where its configuration is
	files     []*os.File // that the program inherits, from 3 on
	cmd       *exec.Cmd
	done      chan struct{}
	out       *logBuffer
}

// settings is lines of the Caddyfile beyond what every test has.
type settings struct {
	// Caddy goes into Caddy's own global options; one a line.
	Caddy string
	// Global goes into the postgres block, Pool into the pool's; one setting a line.
	Global, Pool string
	// Auth is the auth block's content; everybody is let in by default.
	Auth string
	// Upstreams defaults to the server alone; an empty list is none.
	Upstreams []string
	// Before is the layer4 handlers that connections go through before they reach the pool, one a line.
	Before string
	// Listen has the pool listen itself, there or (empty) not; then there is no layer4. See ownListener.
	Listen string
	// Certificate is given to Caddy's TLS app, for whatever handler asks it for one.
	Certificate *identity
	// Launcher is a program and its first arguments that sets something up and then becomes the program named by the
	// rest of its arguments.
	Launcher []string
}

// startPooler starts bin/caddy in front of a server and stops it at the test's end.
func startPooler(t *testing.T, driver string, server *pgtest.Server, s settings) *pooler {
	t.Helper()
	p := newPooler(t, driver, server, s)
	if driver == "direct" {
		p.Addr = server.Addr()
		return p
	}
	p.run()
	t.Cleanup(p.finish)
	p.awaitListening()
	return p
}

// newPooler is a pooler that does not run yet.
func newPooler(t *testing.T, driver string, server *pgtest.Server, s settings) *pooler {
	t.Helper()
	p := &pooler{t: t, driver: driver, upstreams: []string{server.Addr()}, dir: t.TempDir(), out: &logBuffer{}}
	if s.Upstreams != nil {
		p.upstreams = s.Upstreams
	}
	if driver != "direct" {
		p.Addr, p.Admin, p.launcher = freeAddr(t), freeAddr(t), s.Launcher
		p.write(s)
	}
	return p
}

// caddyfile is the configuration; what the suites rely on is written down, the rest is defaults.
func (p *pooler) caddyfile(s settings) string {
	auth := s.Auth
	if auth == "" {
		auth = "method trust"
	}
	var upstreams strings.Builder
	for _, u := range p.upstreams {
		fmt.Fprintf(&upstreams, "\t\t\tupstream %s\n", u)
	}
	pool, layer4 := s.Pool, fmt.Sprintf(`	layer4 {
		%s {
			route {
%s				postgres_pool app
			}
		}
	}
`, p.Addr, indent(4, s.Before))
	if s.Listen != "" {
		pool, layer4 = "listen "+strings.ReplaceAll(s.Listen, ownListener, p.Addr)+"\n"+pool, ""
	}
	return fmt.Sprintf(`{
	admin %s
	persist_config off
%s	postgres {
		io_driver %s
%s
		pool app {
%s%s
			auth {
%s
			}
		}
	}
%s}
`, p.Admin, indent(1, s.Caddy), p.driver, indent(2, s.Global), upstreams.String(), indent(3, pool), indent(4, auth), layer4)
}

// ownListener stands for the pooler's address in settings.Listen.
const ownListener = "<address>"

func indent(tabs int, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(strings.Repeat("\t", tabs) + line + "\n")
		}
	}
	return b.String()
}

// write writes the configuration, and remembers by which of Caddy's flags it is read.
func (p *pooler) write(s settings) {
	p.t.Helper()
	path := filepath.Join(p.dir, "Caddyfile")
	if err := os.WriteFile(path, []byte(p.caddyfile(s)), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.config = []string{"--config", path, "--adapter", "caddyfile"}
	if s.Certificate != nil {
		p.config = []string{"--config", p.withCertificate(*s.Certificate)}
	}
}

// command prepares one of Caddy's commands, with a home of its own.
func (p *pooler) command(args ...string) *exec.Cmd {
	cmd := exec.Command(caddyBinary(), args...)
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "XDG_CONFIG_HOME="+p.dir, "XDG_DATA_HOME="+p.dir, "PGMUX_TEST_PASSWORD=secret")
	return cmd
}

// run starts the program, which the system ends if this process is killed: by the thread that started it, so that
// thread waits until it has ended.
func (p *pooler) run() {
	p.cmd = p.command(append([]string{"run"}, p.config...)...)
	if words := append(p.launcher, p.cmd.Args...); len(p.launcher) > 0 {
		p.cmd.Path, p.cmd.Args = words[0], words
	}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.ExtraFiles = p.files
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	p.done = make(chan struct{})
	go func() {
		defer close(p.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		p.t.Fatalf("starting caddy: %v", err)
	}
}

// awaitListening waits until clients can connect.
func (p *pooler) awaitListening() {
	p.t.Helper()
	eventually(p.t, "caddy listens", func() error {
		select {
		case <-p.done:
			p.t.Fatalf("caddy ended at its start:\n%s", p.out.String())
		default:
		}
		if !strings.Contains(p.out.String(), "serving initial configuration") {
			return errors.New("no configuration is served yet")
		}
		conn, err := net.Dial("tcp", p.Addr)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// finish stops the program and looks at what it leaves.
func (p *pooler) finish() {
	if p.stop() && p.t.Failed() {
		log := p.out.String()
		if len(log) > 12<<10 {
			log = "…" + log[len(log)-12<<10:]
		}
		p.t.Logf("caddy (%s) logged:\n%s", p.driver, log)
	}
	for _, word := range []string{"panic: ", "bug: ", "fatal error: ", "WARNING: DATA RACE"} {
		if log := p.out.String(); strings.Contains(log, word) {
			p.t.Errorf("caddy's log says %q:\n%s", word, excerpt(log, word))
		}
	}
}

// stop ends the program in good order, or else by force, and reports true.
func (p *pooler) stop() bool {
	if p.cmd == nil {
		return false
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // for its stacks
		time.Sleep(time.Second)
		_ = p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("caddy did not stop within %v of SIGTERM", patience)
	}
	return true
}

// reload applies other settings by `caddy reload`.
func (p *pooler) reload(s settings) error {
	p.t.Helper()
	if p.driver == "direct" {
		return nil
	}
	p.write(s)
	out, err := p.command(append([]string{"reload", "--address", p.Admin, "--force"}, p.config...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("caddy reload: %w: %s", err, out)
	}
	return nil
}

// get asks the admin API.
func (p *pooler) get(path string) (string, error) {
	response, err := again(func() (*http.Response, error) { return adminClient.Get("http://" + p.Admin + path) })
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

// adminClient connects anew for each request: Caddy may close any other connection as it is asked, and what is not known to change nothing is
// not asked again by itself.
var adminClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// again asks the admin API a second time, and more often, where Caddy resets the connection: with each configuration, a refused one
// too, it begins its admin endpoint anew.
func again(ask func() (*http.Response, error)) (response *http.Response, err error) {
	for range 20 {
		response, err = ask()
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return response, err
}

// getJSON asks the admin API and decodes the answer.
func (p *pooler) getJSON(path string, into any) error {
	body, err := p.get(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		return fmt.Errorf("decoding %s: %w: %s", path, err, body)
	}
	return nil
}

// rss is the resident memory of the program in bytes.
func (p *pooler) rss() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib << 10
		}
	}
	p.t.Fatal("no VmRSS in /proc")
	return 0
}

// descriptors counts the open descriptors of the program.
func (p *pooler) descriptors() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(entries)
}

// dsn is the connection string of a user through the pooler.
func (p *pooler) dsn(user string) string { return pgtest.DSN(p.Addr, user, "secret", "app") }

// freeAddr picks a loopback address nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := pgtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// eventually polls until f is content.
func eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v, yet not: %s: %v", patience, what, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// within is a context for what should come at once.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// logBuffer collects what a program prints, while others look.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// excerpt is the surroundings of a word.
func excerpt(text, word string) string {
	i := strings.Index(text, word)
	return text[max(0, i-500):min(len(text), i+3000)]
}
