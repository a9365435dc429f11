// Package redistest gives tests a real Redis, or Valkey: a throw-away server on a loopback port it picks, which dies with the test, and also
// with the test process, however that ends. It can hang (Pause), die (Kill) and come back (StartAgain).
package redistest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// ErrNoServer says that this machine has no Redis, and how it gets one.
var ErrNoServer = errors.New("no redis-server or valkey-server found: apt-get install redis-server")

// Program is where the server's program is.
func Program() (string, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoServer
}

// Server is one that a test has started.
type Server struct {
	// Address is host:port.
	Address string

	t       testing.TB
	program string
	args    []string
	log     string // what it says
	running *exec.Cmd
	done    chan struct{} // closed when it has ended
}

// startTimeout bounds a start: generous, because tests share the machine.
const startTimeout = 60 * time.Second

// Start starts a server with these arguments besides, as on its command line. Without any nothing is kept on disk. A machine without Redis skips the test.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	program, err := Program()
	if err != nil {
		t.Skip(err)
	}
	port, err := pgtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &Server{
		Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), t: t, program: program, log: filepath.Join(dir, "log"),
		args: append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", ""}, args...),
	}
	t.Cleanup(s.Kill)
	s.StartAgain()
	return s
}

// StartAgain starts a server that was killed, on the same port, and waits until it answers.
func (s *Server) StartAgain() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(s.program, s.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, done := make(chan error), make(chan struct{})
	go func() { // it dies with the thread that has begun it, which has to stay
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(done)
		}
	}()
	if err := <-started; err != nil {
		s.t.Fatal(err)
	}
	s.running, s.done = cmd, done
	if err := s.await(); err != nil {
		said, _ := os.ReadFile(s.log)
		s.t.Fatalf("starting %s: %v\n%s", s.program, err, said)
	}
}

// await waits until the server answers.
func (s *Server) await() (err error) {
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		select {
		case <-s.done:
			return errors.New("it has ended")
		default:
		}
		if err = s.ping(); err == nil {
			return nil
		}
	}
	return err
}

// ping takes any answer for one: a server may want a password.
func (s *Server) ping() error {
	conn, err := net.DialTimeout("tcp", s.Address, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	switch {
	case err != nil:
		return err
	case bytes.HasPrefix(answer[:n], []byte("-LOADING")):
		return fmt.Errorf("it answers %q", answer[:n])
	}
	return nil
}

// Kill ends the server at once, if it runs.
func (s *Server) Kill() {
	if s.running != nil {
		s.running.Process.Kill()
		<-s.done
		s.running = nil
	}
}

// Pause has the server hang: it accepts connections, and answers nothing.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.running.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}
