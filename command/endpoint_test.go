package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
)

// endpoint is an admin endpoint that answers what was recorded, and remembers what it was asked.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	asked   []string
}

// newEndpoint answers GET for all lists.
func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{answers: make(map[string]http.HandlerFunc)}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	for path, name := range map[string]string{
		poolsPath: "pools.json", poolsPath + "/app": "pool_app.json", upstreamsPath: "upstreams.json", clientsPath: "clients.json",
		serversPath: "servers.json", queriesPath: "queries.json", cachePath: "cache.json",
	} {
		e.answer("GET "+path, 200, string(recorded(t, name)))
	}
	return e
}

// answer says what to answer to `METHOD /path`.
func (e *endpoint) answer(to string, status int, body string) {
	e.handle(to, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}

func (e *endpoint) handle(to string, h http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answers[to] = h
}

// refuse says what to refuse, as Caddy does.
func (e *endpoint) refuse(to string, status int, why string) {
	body, _ := json.Marshal(map[string]string{"error": why})
	e.answer(to, status, string(body))
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !comesRightly(r) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"error":"client is not allowed to access from origin '%s'"}`, r.Header.Get("Origin"))
		return
	}
	e.mu.Lock()
	e.asked = append(e.asked, r.Method+" "+r.URL.RequestURI())
	h := e.answers[r.Method+" "+r.URL.Path]
	e.mu.Unlock()
	switch {
	case h != nil:
		h(w, r)
	case strings.HasPrefix(r.URL.Path, poolsPath+"/"):
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":"there is no such pool; GET /postgres/pools lists them"}`)
	default:
		http.NotFound(w, r)
	}
}

// comesRightly reports whether Caddy would look at a request: at a port with the Origin of that port, as enforce_origin demands, and at a socket
// without any.
func comesRightly(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if at, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr); at != nil && at.Network() == "unix" {
		return origin == ""
	}
	return origin == "http://"+r.Host
}

// address is the endpoint's, as --address has it.
func (e *endpoint) address() string { return strings.TrimPrefix(e.URL, "http://") }

// said is what a command has printed, and how it ended.
type said struct {
	out, err string
	failure  error
}

// run runs `caddy postgres` with arguments.
func run(ctx context.Context, args ...string) said {
	root := &cobra.Command{Use: "caddy", SilenceUsage: true}
	group := &cobra.Command{Use: "postgres"}
	addCommands(group)
	root.AddCommand(group)
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetIn(strings.NewReader(""))
	root.SetArgs(append([]string{"postgres"}, args...))
	err := root.ExecuteContext(ctx)
	return said{out.String(), errs.String(), err}
}

// run runs it against the endpoint.
func (e *endpoint) run(t *testing.T, args ...string) said {
	return run(t.Context(), append(args, "--address", e.address())...)
}

// wasAsked reports whether the endpoint was asked something.
func (e *endpoint) wasAsked(what string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.asked {
		if a == what {
			return true
		}
	}
	return false
}
