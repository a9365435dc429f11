package poolhandler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

func init() {
	caddy.RegisterModule((*Admin)(nil))
}

// Admin is the part of Caddy's admin API that shows pools, and empties their caches:
//
//	GET /postgres/pools           every pool: size, available, max_size, utilization, waiting, clients, servers, …
//	GET /postgres/pools/<name>    one pool, also by database and user, and by upstream
//	GET /postgres/upstreams       every upstream of every pool, or of ?pool=<name>: role, health, lag, connections, …
//	GET /postgres/cache           every query cache, or that of ?pool=<name>: entries, bytes, hits, misses, tables, forms, …
//	DELETE /postgres/cache        drops all replies, or those of ?pool=<name>, or those that depend on ?table=<name>
//
// It is made before the apps of its configuration, so it looks at the process when it is asked.
type Admin struct {
	process *process
}

// CaddyModule returns the Caddy module information.
func (*Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.postgres",
		New: func() caddy.Module { return &Admin{process: theProcess} },
	}
}

const (
	poolsPath     = "/postgres/pools"
	upstreamsPath = "/postgres/upstreams"
)

// Routes implements caddy.AdminRouter.
func (a *Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: "/postgres/", Handler: caddy.AdminHandlerFunc(a.serve)},
	}
}

func (a *Admin) serve(w http.ResponseWriter, r *http.Request) error {
	path := strings.TrimSuffix(r.URL.Path, "/")
	if path == cachePath {
		return a.serveCache(w, r)
	}
	name, isPool := strings.CutPrefix(path, poolsPath+"/")
	if path != poolsPath && path != upstreamsPath && !isPool {
		return notFound("there is nothing at %s; there is %s, %s/<name>, %s and %s", r.URL.Path, poolsPath, poolsPath, upstreamsPath, cachePath)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return caddy.APIError{
			HTTPStatus: http.StatusMethodNotAllowed,
			Err:        fmt.Errorf("%s can only be read: use GET, not %s", path, r.Method),
		}
	}
	s, err := a.process.snapshot()
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
	}
	if path == upstreamsPath {
		return a.serveUpstreams(w, r, s)
	}
	all := details(a.process.discoveries.inForce.Load(), s)
	if !isPool {
		list := make([]poolStatus, len(all))
		for i, d := range all {
			list[i] = d.poolStatus
		}
		return answer(w, list)
	}
	for _, d := range all {
		if d.Name == name {
			return answer(w, d)
		}
	}
	return notFound("there is no pool %q; GET %s lists them", name, poolsPath)
}

// serveUpstreams lists the upstreams of all pools, or of one.
func (a *Admin) serveUpstreams(w http.ResponseWriter, r *http.Request, s engine.Snapshot) error {
	all := a.process.upstreams(s)
	name, err := a.askedPool(r.URL.Query())
	if err != nil {
		return err
	}
	if name == "" {
		return answer(w, all)
	}
	return answer(w, slices.DeleteFunc(all, func(u upstreamStatus) bool { return u.Pool != name }))
}

func notFound(format string, args ...any) error {
	return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf(format, args...)}
}

func answer(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// Interface guard
var _ caddy.AdminRouter = (*Admin)(nil)
