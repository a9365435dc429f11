package main

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

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
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

// stop ends Caddy: it lets clients finish what they do, but not for long.
func (c *caddyProcess) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
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

// tryQuery asks through the pool.
func (p playground) tryQuery(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, pgtest.DSN(p.Pooler, p.User, p.Password, p.Database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "SELECT 1")
	return err
}
