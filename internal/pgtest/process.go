package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is the postmaster while it runs.
type process struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	paused []int         // what Pause has stopped, in that order
}

// StopMode is how a server is told to stop, as pg_ctl names it.
type StopMode syscall.Signal

const (
	// Smart waits for the clients to leave.
	Smart = StopMode(syscall.SIGTERM)
	// Fast ends the clients' sessions with 57P01 and stops.
	Fast = StopMode(syscall.SIGINT)
	// Immediate crashes; the next start recovers.
	Immediate = StopMode(syscall.SIGQUIT)
)

// StartAgain starts a server that was stopped, on the same port and data. The children of one that was killed may
// outlive it for a moment, and nothing starts on their shared memory until they are gone.
func (s *Server) StartAgain(ctx context.Context) error {
	deadline := time.Now().Add(startTimeout)
	for {
		err := s.startOnce(ctx)
		if err == nil || time.Now().After(deadline) || !strings.Contains(err.Error(), "shared memory block") {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// startOnce starts the server and waits until it accepts connections.
func (s *Server) startOnce(ctx context.Context) error {
	logFile, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the log of Postgres: %w", err)
	}
	defer logFile.Close()
	cmd := s.who.command(context.Background(), s.root, filepath.Join(s.Install.Bin, "postgres"), "-D", s.data)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	p := &process{cmd: cmd, done: make(chan struct{})}
	if err := p.start(); err != nil {
		return fmt.Errorf("starting postgres: %w", err)
	}
	s.running = p
	return s.awaitReady(ctx)
}

// start starts the process on a thread that lives as long as it does: the system ends a child when the *thread*
// that made it ends (Pdeathsig), and a goroutine's thread may end at any time unless it is locked.
func (p *process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		// How it ends is told by its log; a server that was killed did not fail.
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return <-started
}

// awaitReady polls until the server accepts the superuser.
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := s.Super(ctx, "postgres")
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.running.done:
			return fmt.Errorf("postgres ended at its start; its log:\n%s", tail(s.Log(), 1<<10))
		case <-ctx.Done():
			return fmt.Errorf("waiting for postgres to accept connections: %w (last: %v)", ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop stops the server and waits until it has ended. Stopping a stopped server does nothing.
func (s *Server) Stop(mode StopMode) error { return s.signal(syscall.Signal(mode)) }

// Kill ends the postmaster with SIGKILL. Its children notice when they next wait for something, and end.
func (s *Server) Kill() error { return s.signal(syscall.SIGKILL) }

// Restart stops the server and starts it again on the same port.
func (s *Server) Restart(ctx context.Context, mode StopMode) error {
	if err := s.Stop(mode); err != nil {
		return err
	}
	return s.StartAgain(ctx)
}

// signal ends the server with a signal and waits.
func (s *Server) signal(sig syscall.Signal) error {
	p := s.running
	if p == nil {
		return nil
	}
	p.resume() // who is stopped hears no other signal than SIGKILL
	select {
	case <-p.done:
	default:
		// It may end by itself meanwhile; then the signal has nobody to reach, which is what was wanted.
		_ = p.cmd.Process.Signal(sig)
	}
	select {
	case <-p.done:
	case <-time.After(startTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("postgres did not stop within %v and was killed", startTimeout)
	}
	s.running = nil
	return nil
}

// Log is what the server has logged.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	return string(text)
}

func (s *Server) logPath() string { return filepath.Join(s.root, "postgres.log") }
