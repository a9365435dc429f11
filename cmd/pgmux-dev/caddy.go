package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// caddyProcess is Caddy while it runs for the playground.
type caddyProcess struct {
	cmd     *exec.Cmd
	done    chan struct{} // closed when it has ended
	config  string
	logPath string
}

// startCaddy starts Caddy with a home of its own, in a process group of its own: Ctrl-C is for us, and we stop it
// before its servers.
func startCaddy(program, config, home string, env ...string) (*caddyProcess, error) {
	c := &caddyProcess{done: make(chan struct{}), config: config, logPath: filepath.Join(home, "caddy.log")}
	logFile, err := os.Create(c.logPath)
	if err != nil {
		return nil, fmt.Errorf("opening Caddy's log: %w", err)
	}
	defer logFile.Close()
	c.cmd = exec.Command(program, "run", "--config", config, "--adapter", "caddyfile")
	c.cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home)
	c.cmd.Env = append(c.cmd.Env, env...)
	c.cmd.Stdout, c.cmd.Stderr = logFile, logFile
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The system ends Caddy when the thread that started it ends, so that thread stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait()
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s (run `make build`): %w", program, err)
	}
	return c, nil
}

// How long clients may finish what they do, and how soon a person learns that they are waited for.
const (
	drainPatience = 10 * time.Second
	userPatience  = time.Second
)

// stop ends Caddy: it lets clients finish what they do, but not for long, and less so if it is interrupted again.
func (c *caddyProcess) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	again, unsubscribe := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer unsubscribe()
	select {
	case <-c.done:
		return nil
	case <-time.After(userPatience):
		fmt.Printf("clients have %v to finish their transactions; Ctrl-C again ends them\n", drainPatience)
	case <-again.Done():
	}
	select {
	case <-c.done:
	case <-time.After(drainPatience):
	case <-again.Done():
	}
	_ = c.cmd.Process.Kill()
	<-c.done
	return nil
}

// driver is what Caddy's log says of the I/O driver in use.
func (c *caddyProcess) driver() string {
	text, _ := os.ReadFile(c.logPath)
	if _, rest, found := strings.Cut(string(text), `"io_driver":"`); found {
		name, _, _ := strings.Cut(rest, `"`)
		return name
	}
	return "an unknown I/O driver"
}

func (c *caddyProcess) logTail() string {
	text, _ := os.ReadFile(c.logPath)
	return string(text[max(0, len(text)-4096):])
}

// complaints tells what a log must never say.
func (c *caddyProcess) complaints() error {
	text, err := os.ReadFile(c.logPath)
	if err != nil {
		return fmt.Errorf("reading Caddy's log: %w", err)
	}
	for _, word := range []string{"panic: ", "bug: ", "fatal error: "} {
		if i := strings.Index(string(text), word); i >= 0 {
			return fmt.Errorf("caddy's log says %q: %s", word, text[max(0, i-500):min(len(text), i+3000)])
		}
	}
	return nil
}
