// Package rival starts what is to be compared: PgBouncer, the bare relay, and the pooler of this project. Each is
// a process of its own, pinned to one CPU, configured alike: transaction pooling, one event loop, and everybody
// trusted in clear unless the setting's Door says otherwise.
package rival

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/proc"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// Setting is what all contenders are told alike.
type Setting struct {
	// Backend is the address of the server: host:port, or the path of a Unix socket named .s.PGSQL.<port>.
	Backend string
	// Servers is the pool size.
	Servers int
	// CPU is where the pooler runs; proc.Anywhere: on all.
	CPU int
	// Loops is how many event loops it has, if it can have more than one; 0 is one.
	Loops int
	// Driver is io_uring, epoll or auto, for those that have a choice.
	Driver string
	// Door is how clients get in.
	Door Door
}

// Contender is a pooler to be measured.
type Contender interface {
	// Name is how the tables call it.
	Name() string
	// Command writes the configuration into dir and returns the command that runs the pooler in the foreground,
	// listening on 127.0.0.1 at port.
	Command(s Setting, dir string, port int) (*exec.Cmd, error)
	// Prepares tells that it keeps prepared statements for its clients: no server ever hears of one that was not
	// parsed there.
	Prepares() bool
	// Follows tells that a setting follows its client from server to server.
	Follows(setting string) bool
}

// Process is a running pooler.
type Process struct {
	PID int
	// Address is where it listens for Postgres clients.
	Address string

	cmd    *exec.Cmd
	dir    string
	log    bytes.Buffer
	exited chan struct{}
}

const (
	// startPatience bounds the time to the first login.
	startPatience = 30 * time.Second
	// stopPatience is how long a pooler may take to end by itself.
	stopPatience = 3 * time.Second
)

// Start runs a contender until Stop, and returns when a client can log in.
func Start(c Contender, s Setting) (*Process, error) {
	p, err := start(c, s)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Name(), err)
	}
	if err := p.awaitLogin(s.Door); err != nil {
		p.Stop()
		return nil, fmt.Errorf("starting %s: %w; it said:\n%s", c.Name(), err, p.log.String())
	}
	return p, nil
}

func start(c Contender, s Setting) (*Process, error) {
	dir, err := os.MkdirTemp("", "pgmux-bench-")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	cmd, err := c.Command(s, dir, port)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := &Process{
		Address: fmt.Sprintf("127.0.0.1:%d", port), cmd: cmd, dir: dir, exited: make(chan struct{}),
	}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.WaitDelay = time.Second
	if err := proc.StartOn(s.CPU, cmd); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p.PID = cmd.Process.Pid
	go func() { cmd.Wait(); close(p.exited) }()
	return p, nil
}

// awaitLogin tries until a client gets in.
func (p *Process) awaitLogin(d Door) error {
	var err error
	for end := time.Now().Add(startPatience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.exited:
			return errors.New("it has ended")
		default:
		}
		if err = p.login(d); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no login in %v: %w", startPatience, err)
}

func (p *Process) login(d Door) error {
	c, err := d.Enter(p.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	return wire.RoundTrip(c, wire.AppendQuery(nil, "SELECT 1"))
}

// Said is what the pooler has printed; complete after Stop.
func (p *Process) Said() string { return p.log.String() }

// Stop ends the pooler and removes its files.
func (p *Process) Stop() error {
	p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.exited:
	case <-time.After(stopPatience):
		p.cmd.Process.Kill()
		<-p.exited
	}
	return os.RemoveAll(p.dir)
}

// FreePort finds a port of 127.0.0.1 that nobody listens on.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// hostAndPort splits the server's address as libpq names its parts: of a Unix socket, the host is the directory.
func (s Setting) hostAndPort() (host, port string, err error) {
	if s.Backend[0] == '/' {
		dir, file := filepath.Split(s.Backend)
		port, ok := strings.CutPrefix(file, ".s.PGSQL.")
		if !ok {
			return "", "", fmt.Errorf("server %s: a socket of Postgres is named .s.PGSQL.<port>", s.Backend)
		}
		return filepath.Clean(dir), port, nil
	}
	return net.SplitHostPort(s.Backend)
}

// writeFile writes a configuration that every user can read.
func writeFile(dir, name, text string) (path string, err error) {
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("writing the configuration: %w", err)
	}
	return path, os.Chmod(dir, 0o755)
}
