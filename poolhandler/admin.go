package poolhandler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

func init() {
	caddy.RegisterModule((*Admin)(nil))
}

// Admin is the part of Caddy's admin API that shows pools, gives them orders, and empties their caches:
//
//	GET /postgres/pools           every pool: size, available, max_size, utilization, waiting, clients, servers, …
//	GET /postgres/pools/<name>    one pool, also by database and user, and by upstream
//	GET /postgres/upstreams       every upstream of every pool, or of ?pool=<name>: role, health, lag, connections, …
//	POST /postgres/pools/<name>/pause, resume, reconnect, drain, kill, disable, enable
//	                              answers when that is done, or after ?timeout=30s; of one ?database=<name>, or of all
//	GET /postgres/clients         clients, those of ?pool=, ?database=, ?user=, ?application_name=, ?address=, ?state=, ?upstream=; ?limit= of
//	                              them, the next page being in the header Link
//	DELETE /postgres/clients/<id> closes one
//	GET /postgres/servers         servers, in the same way
//	GET /postgres/queries         the busiest queries, by normal form, or those of ?pool=<name>: calls, rows, errors, times, …
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

// adminPaths is what there is.
var adminPaths = strings.Join([]string{poolsPath, poolsPath + "/<name>", poolsPath + "/<name>/<order>", upstreamsPath, clientsPath,
	clientsPath + "/<id>", serversPath, queriesPath, cachePath}, ", ")

// Routes implements caddy.AdminRouter.
func (a *Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: "/postgres/", Handler: caddy.AdminHandlerFunc(a.serve)},
	}
}

func (a *Admin) serve(w http.ResponseWriter, r *http.Request) error {
	path := strings.TrimSuffix(r.URL.Path, "/")
	switch path {
	case cachePath:
		return a.serveCache(w, r)
	case clientsPath:
		return a.serveClients(w, r)
	case serversPath:
		return a.serveServers(w, r)
	}
	if id, ok := strings.CutPrefix(path, clientsPath+"/"); ok {
		return a.serveClient(w, r, id)
	}
	name, isPool := strings.CutPrefix(path, poolsPath+"/")
	if pool, order, ok := strings.Cut(name, "/"); isPool && ok {
		return a.serveOrder(w, r, pool, order)
	}
	if path != poolsPath && path != upstreamsPath && path != queriesPath && !isPool {
		return notFound("there is nothing at %s; there is %s", r.URL.Path, adminPaths)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return caddy.APIError{
			HTTPStatus: http.StatusMethodNotAllowed,
			Err:        fmt.Errorf("%s can only be read: use GET, not %s", path, r.Method),
		}
	}
	if path == queriesPath {
		return a.serveQueries(w, r.URL.Query())
	}
	if path == upstreamsPath {
		return a.serveUpstreams(w, r.URL.Query())
	}
	if err := onlyAsked(r.URL.Query()); err != nil {
		return err
	}
	s, err := a.process.snapshot()
	if err != nil {
		return unavailable(err)
	}
	all := a.process.details(s)
	if !isPool {
		list := make([]adminapi.Pool, len(all))
		for i, d := range all {
			list[i] = d.Pool
		}
		return answer(w, list)
	}
	for _, d := range all {
		if d.Name == name {
			return answer(w, d)
		}
	}
	return a.unknownPool(name)
}

// serveUpstreams lists the upstreams of all pools, or of one; of one that has been removed there are none.
func (a *Admin) serveUpstreams(w http.ResponseWriter, asked url.Values) error {
	if err := onlyAsked(asked, "pool"); err != nil {
		return err
	}
	name, err := a.askedPool(asked)
	if err != nil {
		return err
	}
	s, err := a.process.snapshot()
	if err != nil {
		return unavailable(err)
	}
	all := a.process.upstreams(s)
	if name == "" {
		return answer(w, all)
	}
	return answer(w, slices.DeleteFunc(all, func(u adminapi.Upstream) bool { return u.Pool != name }))
}

func notFound(format string, args ...any) error {
	return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf(format, args...)}
}

func unavailable(err error) error {
	return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
}

func answer(w http.ResponseWriter, v any) error { return answerWith(w, http.StatusOK, v) }

func answerWith(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}

// Interface guard
var _ caddy.AdminRouter = (*Admin)(nil)
