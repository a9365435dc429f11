package poolhandler

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
)

func init() {
	caddy.RegisterModule((*App)(nil))
}

// App is the app `postgres`: pools of connections to Postgres that many clients share. Clients come through the
// layer4 handler `postgres_pool`.
type App struct {
	config.App

	process *process
	plan    *plan
	ctx     caddy.Context
	logger  *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "postgres",
		New: func() caddy.Module { return &App{process: theProcess} },
	}
}

// Provision resolves placeholders, reads users files and finds out whether the configuration can work. It changes
// nothing that connections see: that is Start's, and only when nothing can go wrong any more.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	if runtime.GOOS != "linux" {
		return errLinuxOnly
	}
	if err := config.Check(&a.App); err != nil {
		return err
	}
	resolved, err := resolve(&a.App, caddy.NewReplacer())
	if err != nil {
		return err
	}
	if err := config.Check(resolved); err != nil {
		return fmt.Errorf("with placeholders replaced: %w", err)
	}
	if a.plan, err = newPlan(resolved, a.logger); err != nil {
		return err
	}
	if err := a.plan.invite(ctx, resolved); err != nil {
		return err
	}
	if err := a.plan.secure(ctx, resolved); err != nil {
		return err
	}
	a.ctx = ctx
	a.plan.rescuers = new(rescuers)
	if a.plan.announcer, err = newAnnouncer(ctx); err != nil {
		return err
	}
	if err := (&guard{ctx: ctx, logger: a.logger, rescuers: a.plan.rescuers, ours: a.process.entrances.have}).subscribe(); err != nil {
		return err
	}
	return registerMetrics(ctx.GetMetricsRegistry())
}

// Start puts the configuration in force, and starts the event loops when it is the first.
func (a *App) Start() error {
	if err := a.plan.manageCertificates(a.ctx); err != nil {
		return err
	}
	if err := a.checkLayer4(); err != nil {
		return err
	}
	return a.process.push(a.plan)
}

// Stop takes the configuration out of force: another one has taken over, or goes on after a reload that failed, or
// none is left and clients drain.
func (a *App) Stop() error {
	a.plan.rescuers.close()
	if last := a.process.remove(a.plan); last && caddy.Exiting() {
		a.process.exit(a.plan)
	}
	return nil
}

// Cleanup is Stop for a configuration that Caddy gives up after starting it without stopping it, which it does when
// the admin endpoint cannot be set up.
func (a *App) Cleanup() error {
	if a.plan != nil && a.plan.rescuers != nil {
		a.plan.rescuers.close()
		a.process.remove(a.plan)
	}
	return nil
}

// checkPool tells why a handler cannot refer to this pool.
func (a *App) checkPool(name string) error {
	if name == "" {
		if entry, one, other := a.plan.ambiguous(); entry != "" {
			return fmt.Errorf("pools %s and %s both have %q in databases, so a database does not tell the pool; write `postgres_pool <name>`, or other databases", one, other, entry)
		}
		return nil
	}
	if a.plan.pools[name] != nil {
		return nil
	}
	if len(a.plan.names) == 0 {
		return fmt.Errorf("there is no pool %q, nor any other; declare it: `postgres { pool %s { … } }`", name, name)
	}
	says := fmt.Sprintf("there is no pool %q; there is %s", name, strings.Join(a.plan.names, ", "))
	if near := config.Nearest(name, a.plan.names); near != "" {
		says += fmt.Sprintf("; did you mean %s?", near)
	}
	return fmt.Errorf("%s", says)
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
