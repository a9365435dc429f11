package poolhandler

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// reloadTimeout is how long a RELOAD may take.
const reloadTimeout = 10 * time.Second

// errNotReloaded is all that can be told: Caddy reports to its log what it makes of a signal.
var errNotReloaded = errors.New("no new configuration came into force; the log of Caddy says why. " +
	"It knows its file if it was started by `caddy run --config <file>` and has not been given another configuration through the admin API since: " +
	"else use `caddy reload --config <file>`")

// errNotEnded is that something of the configuration before goes on, mostly requests of another app that is given time to end them.
var errNotEnded = errors.New("the new configuration is in force for pools, but Caddy has not ended all of the one before yet, " +
	"nor perhaps begun all of the new; its log says what becomes of it")

// Reload implements console.World. Caddy itself reads its file again when it gets SIGUSR1, and forces what it has read into force, be it
// unchanged; files of users are read again by themselves.
func (w consoleWorld) Reload(ctx context.Context) error { return w.process.reload(ctx, reloadTimeout) }

func (p *process) reload(ctx context.Context, patience time.Duration) error {
	// Whoever has no use for the signal is ended by it: as long as we listen too, it does no harm.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGUSR1)
	defer signal.Stop(heard)
	before := p.current.Load()
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		return err
	}
	<-heard // so that nobody stops listening before it has come
	look, end := time.NewTicker(10*time.Millisecond), time.NewTimer(patience)
	defer look.Stop()
	defer end.Stop()
	for {
		select {
		case <-look.C:
			if p.replaced(before) {
				return nil
			}
		case <-ctx.Done():
			return nil // the reload itself has ended this session
		case <-end.C:
			if p.current.Load() != before {
				return errNotEnded
			}
			return errNotReloaded
		}
	}
}

// replaced reports whether a plan has given way to another for good: as long as another app may refuse to start, it is kept. What is in force has
// then been told to everybody.
func (p *process) replaced(before *plan) bool {
	if !p.mu.TryLock() {
		return false // something begins or ends
	}
	defer p.mu.Unlock()
	return !slices.Contains(p.stack, before) && p.current.Load() != before
}
