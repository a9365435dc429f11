package poolhandler

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/discovery"
)

// UpstreamSource finds upstreams while a pool runs. Guest modules in Caddy's namespace `postgres.upstreams` implement it.
type UpstreamSource interface {
	// Watch runs until ctx ends, and pushes the whole list whenever it has changed; what it pushes is not its own any more. It never
	// pushes an empty list because it could not find out: it logs that, and the list it has pushed before stands. One that knows that there
	// is none pushes an empty one. It may be called again when it has returned, and begins from nothing then.
	//
	// Of upstreams, addresses that are no host:port, and what else the configuration would refuse, are left out and logged.
	Watch(ctx context.Context, push func([]config.Upstream))
}

// sourceID tells whether a source is still the same after a reload: it is, where its pool and all that is written of it are.
type sourceID struct {
	pool, written string
}

// source is one of a pool's dynamic_upstreams.
type source struct {
	id    sourceID
	guest UpstreamSource
	turn  *sync.Mutex // held while it is watched
}

func newSource(id sourceID, guest UpstreamSource) source {
	return source{id: id, guest: guest, turn: new(sync.Mutex)}
}

// watch is the guest's Watch, one at a time: that of a plan that comes back waits until the one before it has returned.
func (s *source) watch(ctx context.Context, push func([]config.Upstream)) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if ctx.Err() == nil {
		s.guest.Watch(ctx, push)
	}
}

// loadSources is the dynamic_upstreams of a pool.
func loadSources(ctx caddy.Context, pool string, c *config.Pool) ([]source, error) {
	if len(c.DynamicUpstreams) == 0 {
		return nil, nil
	}
	copied := *c // loading takes the texts away
	modules, err := ctx.LoadModule(&copied, "DynamicUpstreams")
	if err != nil {
		return nil, fmt.Errorf("dynamic_upstreams: %w", err)
	}
	var sources []source
	for i, module := range modules.([]any) {
		s, ok := module.(UpstreamSource)
		if !ok {
			return nil, fmt.Errorf("dynamic_upstreams.%d: the module %T is no UpstreamSource; it was made for another version", i, module)
		}
		sources = append(sources, newSource(sourceID{pool, string(c.DynamicUpstreams[i])}, s))
	}
	return sources, nil
}

// watcher is what our own sources have in common: they are asked again and again.
type watcher struct {
	logger *zap.Logger
	begin  func() discovery.Source // one that knows nothing yet
	end    func()                  // nil: nothing has to be done
}

// Watch implements [UpstreamSource].
func (w *watcher) Watch(ctx context.Context, push func([]config.Upstream)) {
	if w.end != nil {
		defer w.end()
	}
	said := findings{logger: w.logger}
	discovery.Watch(ctx, w.begin(), func(list []discovery.Upstream) { push(found(list)) }, said.tell)
}

// found is what was found as the configuration has it.
func found(list []discovery.Upstream) []config.Upstream {
	out := make([]config.Upstream, len(list))
	for i, u := range list {
		out[i] = config.Upstream{Address: u.Address, Role: u.Role, Weight: u.Weight, MaxServerConnections: u.MaxServerConnections}
	}
	return out
}

// findings tells the log what becomes of a source's questions: a failure once, until it is another one or over.
type findings struct {
	logger  *zap.Logger
	failing string
}

func (f *findings) tell(err error) {
	switch {
	case err != nil && err.Error() != f.failing:
		f.failing = err.Error()
		f.logger.Warn("upstreams cannot be found out; those found before stay", zap.Error(err))
	case err == nil && f.failing != "":
		f.failing = ""
		f.logger.Info("upstreams are found out again")
	}
}

// sound is those of a list that a pool can use.
func sound(list []config.Upstream, logger *zap.Logger) []config.Upstream {
	return slices.DeleteFunc(slices.Clone(list), func(u config.Upstream) bool {
		err := config.CheckUpstream(&u)
		if err != nil {
			logger.Warn("an upstream that was found is left out", zap.String("upstream", u.Address), zap.Error(err))
		}
		return err != nil
	})
}
