package poolhandler

import (
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/console"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// consoleWorld is the process as the console sees it.
type consoleWorld struct{ process *process }

var _ console.World = consoleWorld{}

var errNoEngine = errors.New("no pool runs, so there is nobody to ask")

// engine is the one that runs.
func (w consoleWorld) engine() (*running, error) {
	if r := w.process.running.Load(); r != nil {
		return r, nil
	}
	return nil, errNoEngine
}

// told is an answer of the loops; the error is for people, not for HTTP.
func told[T any](from <-chan T, timeout time.Duration) (out T, err error) {
	if out, err = receive(from, timeout); err != nil {
		return out, errNoAnswer
	}
	return out, nil
}

// Now implements console.World.
func (consoleWorld) Now() time.Time { return time.Now() }

// Snapshot implements console.World.
func (w consoleWorld) Snapshot() (engine.Snapshot, error) { return w.process.snapshot() }

// Before implements console.World.
func (w consoleWorld) Before() console.Sample { return w.process.consoles.samples.before() }

// Pools implements console.World: those in force, with the upstreams that were found.
func (w consoleWorld) Pools() []console.Pool {
	inForce, plan := w.process.discoveries.inForce.Load(), w.process.current.Load()
	if inForce == nil || plan == nil {
		return nil
	}
	var out []console.Pool
	for i := range inForce.Pools {
		c := &inForce.Pools[i]
		if p := plan.pools[c.Name]; p != nil {
			out = append(out, console.Pool{
				PoolConfig: c, Databases: p.databases.exact(), ForceUser: p.server.user, Policy: policyName(c),
				Accepts: func(database string) bool { _, ok := p.databases.match(database); return ok },
			})
		}
	}
	return out
}

// policyName is what picks among several upstreams.
func policyName(c *engine.PoolConfig) string {
	if len(c.Upstreams) < 2 {
		return ""
	}
	if m, ok := c.Policy.(caddy.Module); ok {
		return m.CaddyModule().ID.Name()
	}
	return "least_conn"
}

// Standing implements console.World.
func (w consoleWorld) Standing() []engine.Standing {
	e, err := w.engine()
	if err != nil {
		return nil
	}
	return e.Standing()
}

// Clients implements console.World.
func (w consoleWorld) Clients(limit int) ([]engine.ClientRow, error) {
	e, err := w.engine()
	if err != nil {
		return nil, err
	}
	return told(e.ClientRows(engine.Filter{Limit: limit}), rowsTimeout)
}

// Servers implements console.World.
func (w consoleWorld) Servers(limit int) ([]engine.ServerRow, error) {
	e, err := w.engine()
	if err != nil {
		return nil, err
	}
	return told(e.ServerRows(engine.Filter{Limit: limit}), rowsTimeout)
}

// Order implements console.World.
func (w consoleWorld) Order(o engine.Order, t engine.Target) (console.Progress, error) {
	e, err := w.engine()
	if err != nil {
		return nil, err
	}
	return e.Order(o, t), nil
}

// CloseClient implements console.World.
func (w consoleWorld) CloseClient(id uint64) (bool, error) {
	e, err := w.engine()
	if err != nil {
		return false, err
	}
	return told(e.CloseClient(id), snapshotTimeout)
}

// Settings implements console.World.
func (w consoleWorld) Settings() []console.Setting {
	if plan := w.process.current.Load(); plan != nil && plan.console != nil {
		return append([]console.Setting(nil), plan.console.settings...)
	}
	return nil
}

// Sessions implements console.World.
func (w consoleWorld) Sessions() int { return w.process.consoles.count() }

// LoggingIn implements console.World.
func (w consoleWorld) LoggingIn() int {
	return len(w.process.logins.turns) + len(w.process.logins.console)
}

// Given implements console.World.
func (w consoleWorld) Given(user, command string) {
	w.process.logger().Info("a command was given in the console", zap.String("user", user), zap.String("command", command))
}

// Ended implements console.World.
func (w consoleWorld) Ended(user, command string, err error) {
	if err != nil {
		w.process.logger().Warn("the console has refused, or failed at, a command", zap.String("user", user), zap.String("command", command), zap.Error(err))
		return
	}
	w.process.logger().Info("a command of the console was carried out", zap.String("user", user), zap.String("command", command))
}
