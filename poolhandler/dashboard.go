package poolhandler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/pgmux/caddy-pgmux/caddyfile"
	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/dashboard"
)

func init() {
	caddy.RegisterModule((*Dashboard)(nil))
	httpcaddyfile.RegisterHandlerDirective("postgres_dashboard", parseDashboard)
	httpcaddyfile.RegisterDirectiveOrder("postgres_dashboard", httpcaddyfile.Before, "respond")
}

// Dashboard is the HTTP handler `postgres_dashboard`: one page that shows what pools, upstreams and caches do, live.
//
//	GET <prefix>        is sent to <prefix>/
//	GET <prefix>/       the page
//	GET <prefix>/data   its figures, as JSON
//
// The prefix is whatever the route in front of it has matched, cut off (handle_path) or not (handle, route): the page asks for `data` beside
// itself. So a path that ends in /data is the figures, and every other one is the page. Who may see it is for the route to say.
type Dashboard struct {
	config.Dashboard

	process *process
	page    dashboard.Page
}

// CaddyModule returns the Caddy module information.
func (*Dashboard) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.postgres_dashboard",
		New: func() caddy.Module { return &Dashboard{process: theProcess} },
	}
}

// Provision builds the page, and finds out whether there is anything to show.
func (d *Dashboard) Provision(ctx caddy.Context) error {
	if err := config.CheckDashboard(&d.Dashboard); err != nil {
		return fmt.Errorf("postgres_dashboard: %w", err)
	}
	_, err := ctx.AppIfConfigured("postgres")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return fmt.Errorf("postgres_dashboard shows the app postgres; declare it as global option: `postgres { pool <name> { … } }`: %w", err)
	}
	if err != nil {
		return err
	}
	d.build()
	return nil
}

func (d *Dashboard) build() {
	title := d.Title
	if title == "" {
		title = config.DefaultDashboardTitle
	}
	d.page = dashboard.New(title)
}

// ServeHTTP implements caddyhttp.MiddlewareHandler.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin") // other sites cannot have the figures loaded by who may see them
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		return caddyhttp.Error(http.StatusMethodNotAllowed, fmt.Errorf("postgres_dashboard can only be read: use GET, not %s", r.Method))
	}
	if path.Base(r.URL.Path) == "data" && !strings.HasSuffix(r.URL.Path, "/") {
		return d.serveData(w)
	}
	if asked := askedPath(r); !strings.HasSuffix(asked, "/") {
		header.Set("Location", slashBehind(asked, r.URL.RawQuery))
		w.WriteHeader(http.StatusPermanentRedirect)
		return nil
	}
	d.servePage(w, r)
	return nil
}

func (d *Dashboard) servePage(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", d.page.Policy)
	header.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", d.page.ETag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.page.HTML))
}

// serveData answers the figures, or why there are none: the page shows that.
func (d *Dashboard) serveData(w http.ResponseWriter) error {
	view, err := d.process.view.get(d.process.dashboardView)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
	}
	_, err = w.Write(view)
	return err
}

// askedPath is the path that the browser has asked for, before routes have cut it: what it resolves the page's references against.
func askedPath(r *http.Request) string {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		return original.URL.Path
	}
	return r.URL.Path
}

// slashBehind leads from a path to the same with a slash behind it. It is relative, so that it also holds where a proxy in front has cut a
// prefix, and begins with a dot, so that no path can be taken for another site.
func slashBehind(asked, query string) string {
	to := url.URL{Path: "./" + path.Base(asked) + "/", RawQuery: query}
	return to.String()
}

// parseDashboard reads the directive; see caddyfile.ParseDashboard for the syntax.
func parseDashboard(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	d := new(Dashboard)
	return d, caddyfile.ParseDashboard(h.Dispenser, &d.Dashboard)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Dashboard)(nil)
	_ caddyhttp.MiddlewareHandler = (*Dashboard)(nil)
)
