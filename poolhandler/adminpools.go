package poolhandler

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// A pool that the configuration no longer names is there until its last client and server have gone: it can be looked at. Orders are for pools
// that are declared: what they leave standing would be that of a pool by the same name that comes later.

// isDeclared reports whether the configuration has a pool.
func (a *Admin) isDeclared(name string) bool {
	plan := a.process.current.Load()
	return plan != nil && plan.pools[name] != nil
}

// stillDrains reports whether there is anything left of a pool that was removed.
func (a *Admin) stillDrains(name string) (bool, error) {
	s, err := a.process.snapshot()
	if err != nil {
		return false, unavailable(err)
	}
	return slices.ContainsFunc(s.Pools, func(p engine.PoolStats) bool { return p.Pool == name }), nil
}

// there refuses the name of a pool that can neither be looked at nor be given orders.
func (a *Admin) there(name string) error {
	if a.isDeclared(name) {
		return nil
	}
	drains, err := a.stillDrains(name)
	if err != nil || drains {
		return err
	}
	return a.unknownPool(name)
}

// declared refuses the name of a pool that cannot be given orders.
func (a *Admin) declared(name string) error {
	if a.isDeclared(name) {
		return nil
	}
	if err := a.there(name); err != nil {
		return err
	}
	return caddy.APIError{HTTPStatus: http.StatusConflict, Err: fmt.Errorf("pool %q has been removed from the configuration, and takes no orders: its clients may finish "+
		"what they do for drain_timeout; DELETE %s/<id> ends one of them at once", name, clientsPath)}
}

// askedPool is the pool that is asked for, "" for all of them.
func (a *Admin) askedPool(asked url.Values) (string, error) {
	name := asked.Get("pool")
	if name == "" {
		return "", nil
	}
	return name, a.there(name)
}

// unknownPool says that there is no such pool, and which is probably meant.
func (a *Admin) unknownPool(name string) error {
	var names []string
	if plan := a.process.current.Load(); plan != nil {
		names = plan.names
	}
	if near := config.Nearest(name, names); near != "" {
		return notFound("there is no pool %q; did you mean %s?", name, near)
	}
	return notFound("there is no pool %q; GET %s lists them", name, poolsPath)
}
