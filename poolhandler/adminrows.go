package poolhandler

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

const (
	clientsPath = "/postgres/clients"
	serversPath = "/postgres/servers"
)

// rowsTimeout is how long the loops may take to tell of their clients: a million of them take a second.
const rowsTimeout = 10 * time.Second

// serveClients lists clients.
func (a *Admin) serveClients(w http.ResponseWriter, r *http.Request) error {
	f, running, err := a.askedRows(w, r, adminapi.ClientParameters, adminapi.ClientStateNames)
	if err != nil {
		return err
	}
	var rows []engine.ClientRow
	if running != nil {
		if rows, err = receive(running.ClientRows(oneMore(f)), rowsTimeout); err != nil {
			return err
		}
	}
	rows, gone := atMost(rows, f.Limit)
	if gone > 0 {
		nextPage(w, r, rows[len(rows)-1].ID)
	}
	list := make([]adminapi.Client, len(rows))
	for i := range rows {
		list[i] = clientOf(&rows[i])
	}
	return answer(w, list)
}

// serveServers lists servers.
func (a *Admin) serveServers(w http.ResponseWriter, r *http.Request) error {
	f, running, err := a.askedRows(w, r, adminapi.ServerParameters, adminapi.ServerStateNames)
	if err != nil {
		return err
	}
	var rows []engine.ServerRow
	if running != nil {
		if rows, err = receive(running.ServerRows(oneMore(f)), rowsTimeout); err != nil {
			return err
		}
	}
	rows, gone := atMost(rows, f.Limit)
	if gone > 0 {
		nextPage(w, r, rows[len(rows)-1].ID)
	}
	list := make([]adminapi.Server, len(rows))
	for i := range rows {
		list[i] = serverOf(&rows[i])
	}
	return answer(w, list)
}

// oneMore asks for a row more than are shown: whether there is one tells whether there is a next page.
func oneMore(f engine.Filter) engine.Filter {
	f.Limit++
	return f
}

// serveClient closes a client.
func (a *Admin) serveClient(w http.ResponseWriter, r *http.Request, id string) error {
	if r.Method != http.MethodDelete {
		w.Header().Set("Allow", http.MethodDelete)
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("a client can be closed: use DELETE, not %s", r.Method)}
	}
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != id {
		return badRequest("%q is no id of a client; GET %s tells them", id, clientsPath)
	}
	running := a.process.running.Load()
	if running == nil {
		return notFound("there is no client %s any more", id)
	}
	closed, err := receive(running.CloseClient(n), rowsTimeout)
	if err != nil {
		return err
	}
	if !closed {
		return notFound("there is no client %s any more", id)
	}
	return answer(w, adminapi.Closed{Closed: true})
}

// receive waits for an answer of the loops.
func receive[T any](from <-chan T, timeout time.Duration) (out T, err error) {
	patience := time.NewTimer(timeout)
	defer patience.Stop()
	select {
	case out = <-from:
		return out, nil
	case <-patience.C:
		return out, caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: errNoAnswer}
	}
}

// askedRows is which rows are asked for, and of whom; nil: of nobody yet. A pool or a state that there is not is refused: no rows would be
// taken for good news.
func (a *Admin) askedRows(w http.ResponseWriter, r *http.Request, known, states []string) (f engine.Filter, _ *running, err error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return f, nil, caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("%s can only be read: use GET, not %s", r.URL.Path, r.Method)}
	}
	asked := r.URL.Query()
	if err := onlyAsked(asked, known...); err != nil {
		return f, nil, err
	}
	if f, err = filterOf(asked); err != nil {
		return f, nil, err
	}
	if _, err := a.askedPool(asked); err != nil {
		return f, nil, err
	}
	if err := isState(f.State, states); err != nil {
		return f, nil, err
	}
	return f, a.process.running.Load(), nil
}

// isState refuses a state in which nobody can be; empty is any.
func isState(state string, states []string) error {
	if state == "" || slices.Contains(states, state) {
		return nil
	}
	if near := config.Nearest(state, states); near != "" {
		return badRequest("there is no state %q; did you mean %s?", state, near)
	}
	return badRequest("there is no state %q; there are %s", state, strings.Join(states, ", "))
}

// filterOf is what a query string asks for.
func filterOf(asked url.Values) (f engine.Filter, err error) {
	f = engine.Filter{
		Pool: asked.Get("pool"), Database: asked.Get("database"), User: asked.Get("user"), Application: asked.Get("application_name"),
		Address: asked.Get("address"), State: asked.Get("state"), Upstream: asked.Get("upstream"), Limit: adminapi.DefaultLimit,
	}
	if asked.Has("limit") {
		if f.Limit, err = strconv.Atoi(asked.Get("limit")); err != nil || f.Limit < 1 || f.Limit > adminapi.MaxLimit {
			return f, badRequest("limit is %q, but must be 1 to %d: how many are in one answer", asked.Get("limit"), adminapi.MaxLimit)
		}
	}
	if asked.Has("after") {
		if f.After, err = strconv.ParseUint(asked.Get("after"), 10, 64); err != nil {
			return f, badRequest("after is %q, but must be an id: those behind it are in the answer", asked.Get("after"))
		}
	}
	return f, nil
}

// nextPage tells where the next rows are.
func nextPage(w http.ResponseWriter, r *http.Request, last uint64) {
	asked := r.URL.Query()
	asked.Set("after", strconv.FormatUint(last, 10))
	w.Header().Set("Link", "<"+r.URL.Path+"?"+asked.Encode()+`>; rel="next"`)
}

func clientOf(c *engine.ClientRow) adminapi.Client {
	return adminapi.Client{
		ID: decimalID(c.ID), Pool: c.Pool, Database: c.Database, User: c.User, Login: c.Login, ApplicationName: c.Application, Address: c.Address,
		State: c.State, SinceSeconds: c.Since.Seconds(), AgeSeconds: c.Age.Seconds(), Server: decimalID(c.Server), ServerPID: c.ServerPID,
		Upstream: c.Upstream, PID: c.PID, Prepared: c.Prepared, TLS: c.TLS, Pinned: c.Pinned, Listening: c.Listening, Queries: c.Queries, Why: c.Why,
	}
}

func serverOf(s *engine.ServerRow) adminapi.Server {
	return adminapi.Server{
		ID: decimalID(s.ID), Pool: s.Pool, Database: s.Database, User: s.User, Upstream: s.Address, State: s.State, PID: s.PID,
		SinceSeconds: s.Since.Seconds(), AgeSeconds: s.Age.Seconds(), Client: decimalID(s.Client), ApplicationName: s.Application, Pinned: s.Pinned,
		Prepared: s.Prepared, TLS: s.TLS, Queries: s.Queries, Transactions: s.Transactions,
	}
}

// decimalID is an ID in JSON, whose numbers have too few digits; empty: nobody's.
func decimalID(id uint64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatUint(id, 10)
}
