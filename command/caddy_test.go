package command

import (
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterModule(poolsOfATest{})
}

// poolsOfATest is what a real Caddy answers at /postgres/ here: what behindCaddy answers.
type poolsOfATest struct{}

var behindCaddy atomic.Pointer[endpoint]

func (poolsOfATest) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.pools_of_a_test", New: func() caddy.Module { return poolsOfATest{} }}
}

func (poolsOfATest) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/postgres/", Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		behindCaddy.Load().ServeHTTP(w, r)
		return nil
	})}}
}

// A real Caddy looks at who asks, and at a socket not as at a port.
func TestACaddyAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	port, other := freePort(t), freePort(t)
	for _, c := range []struct {
		listen, address string
		enforceOrigin   bool
	}{
		{"unix/" + path, "unix/" + path, false},
		{"unix/" + path + "2|0600", "unix/" + path + "2", false},
		{"unix/" + path + "3|0222", "unix/" + path + "3|0222", false},
		{"localhost:" + port, "localhost:" + port, false},
		{"127.0.0.1:" + other, "127.0.0.1:" + other, true},
	} {
		runCaddy(t, c.listen, c.enforceOrigin)
		if got := run(t.Context(), "status", "--address", c.address); got.failure != nil || !strings.Contains(got.out, "reports") {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// runCaddy has Caddy answer at an address, until the test ends or another is wanted.
func runCaddy(t *testing.T, listen string, enforceOrigin bool) {
	t.Helper()
	behindCaddy.Store(newEndpoint(t))
	loadCaddy(t, map[string]any{"listen": listen, "enforce_origin": enforceOrigin})
	t.Cleanup(func() { loadCaddy(t, map[string]any{"disabled": true}) })
}

// loadCaddy configures nothing but the admin endpoint.
func loadCaddy(t *testing.T, admin map[string]any) {
	t.Helper()
	admin["config"] = map[string]any{"persist": false}
	quiet := map[string]any{"logs": map[string]any{"default": map[string]any{"writer": map[string]any{"output": "discard"}}}}
	config, err := json.Marshal(map[string]any{"admin": admin, "logging": quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
}

// freePort is one that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
