package poolhandler

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/routing"
)

// guestsOf loads what a pool of this JSON has invited.
func guestsOf(t *testing.T, pool string) (routing.Policy, []source, error) {
	t.Helper()
	ctx, stop := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(stop)
	var c config.Pool
	if err := caddy.StrictUnmarshalJSON([]byte(pool), &c); err != nil {
		t.Fatal(err)
	}
	policy, err := loadPolicy(ctx, &c)
	if err != nil {
		return nil, nil, err
	}
	sources, err := loadSources(ctx, "app", &c)
	return policy, sources, err
}

func TestPoliciesAreGuests(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "*routing.LeastConn",
		`{"lb_policy": {"policy": "least_conn"}}`:           "*poolhandler.LeastConnPolicy",
		`{"lb_policy": {"policy": "round_robin"}}`:          "*poolhandler.RoundRobinPolicy",
		`{"lb_policy": {"policy": "weighted_round_robin"}}`: "*poolhandler.WeightedRoundRobinPolicy",
		`{"lb_policy": {"policy": "random"}}`:               "*poolhandler.RandomPolicy",
		`{"lb_policy": {"policy": "first"}}`:                "*poolhandler.FirstPolicy",
		`{"lb_policy": {"policy": "peak_ewma"}}`:            "*poolhandler.PeakEWMAPolicy",
		`{"lb_policy": {"policy": "hash"}}`:                 "*poolhandler.HashPolicy",
	} {
		policy, _, err := guestsOf(t, text)
		if got := fmt.Sprintf("%T", policy); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
			continue
		}
		if i := policy.Select([]routing.Candidate{{Address: "a:1", Weight: routing.WeightUnit}}, new(routing.Request)); i != 0 {
			t.Errorf("%s picks %d of one", text, i)
		}
	}
}

func TestHashSaysWhatItsKeyIs(t *testing.T) {
	for text, want := range map[string]string{
		`{"policy": "hash"}`:                                         fmt.Sprint(routing.KeyAddress, " "),
		`{"policy": "hash", "key": "user"}`:                          fmt.Sprint(routing.KeyUser, " "),
		`{"policy": "hash", "key": "database"}`:                      fmt.Sprint(routing.KeyDatabase, " "),
		`{"policy": "hash", "key": "comment", "name": "tenant"}`:     fmt.Sprint(routing.KeyComment, " tenant"),
		`{"policy": "hash", "key": "setting", "name": "app.tenant"}`: fmt.Sprint(routing.KeySetting, " app.tenant"),
	} {
		policy, _, err := guestsOf(t, `{"lb_policy": `+text+`}`)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		source, name := policy.(routing.Keyed).KeyOf()
		if got := fmt.Sprint(source, " "+name); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestGuestsThatCannotBeInvited(t *testing.T) {
	for text, want := range map[string]string{
		`{"lb_policy": {"policy": "best"}}`:                                                       "lb_policy: loading module 'best': unknown module: postgres.selection_policies.best",
		`{"lb_policy": {"policy": "random", "seed": 4}}`:                                          `unknown field "seed"`,
		`{"lb_policy": {"policy": "hash", "Source": 1}}`:                                          `unknown field "Source"`,
		`{"lb_policy": {"policy": "hash", "key": "comment"}}`:                                     "name: is missing",
		`{"dynamic_upstreams": [{"source": "consul"}]}`:                                           "unknown module: postgres.upstreams.consul",
		`{"dynamic_upstreams": [{"source": "a", "host": "x", "logger": 1}]}`:                      `unknown field "logger"`,
		`{"dynamic_upstreams": [{"source": "srv"}]}`:                                              "name: is missing",
		`{"dynamic_upstreams": [{"source": "srv", "name": "{env.PGMUX_TEST_MISSING}"}]}`:          "{env.PGMUX_TEST_MISSING} is empty",
		`{"dynamic_upstreams": [{"source": "patroni", "urls": ["https://h"], "ca": "/nowhere"}]}`: "ca: reading certificates of authorities",
		`{"dynamic_upstreams": [{"source": "static"}]}`:                                           "upstreams: has no address",
	} {
		if _, _, err := guestsOf(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
}

// firstList is what a source pushes first.
func firstList(t *testing.T, s UpstreamSource) []config.Upstream {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	pushed, ended := make(chan []config.Upstream, 100), make(chan struct{})
	go func() {
		defer close(ended)
		s.Watch(ctx, func(list []config.Upstream) { pushed <- list })
	}()
	defer func() {
		stop()
		<-ended
	}()
	select {
	case list := <-pushed:
		return list
	case <-time.After(time.Minute):
		t.Fatal("nothing was pushed")
		return nil
	}
}

func sourceOf(t *testing.T, text string) UpstreamSource {
	t.Helper()
	_, sources, err := guestsOf(t, `{"dynamic_upstreams": [`+text+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	return sources[0].guest
}

func TestStaticUpstreamsArePushed(t *testing.T) {
	t.Setenv("PGMUX_TEST_HOST", "db.internal")
	list := firstList(t, sourceOf(t, `{"source": "static", "upstreams": [{"address": "{env.PGMUX_TEST_HOST}:5432", "role": "replica", "weight": 7}, {"address": "b:1"}]}`))
	if got := addresses(list); !slices.Equal(got, []string{"db.internal:5432", "b:1"}) || list[0].Role != "replica" || *list[0].Weight != 7 {
		t.Errorf("got %+v", list)
	}
}

func TestAddressesThatAreWrittenNeedNoDNS(t *testing.T) {
	list := firstList(t, sourceOf(t, `{"source": "a", "host": "192.0.2.1", "port": 6432}`))
	if got := addresses(list); !slices.Equal(got, []string{"192.0.2.1:6432"}) {
		t.Errorf("got %q", got)
	}
}

// TestWebServersAreAskedOverTLSAndByName has a list and a cluster at a server whose certificate is of an authority of its own.
func TestWebServersAreAskedOverTLSAndByName(t *testing.T) {
	t.Setenv("PGMUX_TEST_SECRET", "s3cret")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "pgmux" || password != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/cluster" {
			fmt.Fprint(w, `{"members": [{"role": "leader", "state": "running", "host": "10.0.0.1", "port": 5432}]}`)
			return
		}
		json.NewEncoder(w).Encode([]map[string]any{{"address": "10.0.0.2:5432", "role": "primary", "max_server_connections": 3}})
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	shared := fmt.Sprintf(`"ca": %q, "server_name": "example.com", "basic_auth": {"name": "pgmux", "secret": "{env.PGMUX_TEST_SECRET}"}}`, ca)

	list := firstList(t, sourceOf(t, `{"source": "http", "url": "`+server.URL+`/list", `+shared))
	if got := addresses(list); !slices.Equal(got, []string{"10.0.0.2:5432"}) || list[0].Role != "primary" || *list[0].MaxServerConnections != 3 {
		t.Errorf("http: %+v", list)
	}
	list = firstList(t, sourceOf(t, `{"source": "patroni", "urls": ["https://127.0.0.1:1", "`+server.URL+`"], `+shared))
	if got := addresses(list); !slices.Equal(got, []string{"10.0.0.1:5432"}) {
		t.Errorf("patroni: %+v", list)
	}
}

func TestASourceBeginsFromNothingWhenItIsWatchedAgain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, `[{"address": "a:1"}]`)
	}))
	defer server.Close()
	s := sourceOf(t, `{"source": "http", "url": "`+server.URL+`", "interval": "100ms"}`)
	for range 2 {
		if got := addresses(firstList(t, s)); !slices.Equal(got, []string{"a:1"}) {
			t.Errorf("got %q", got)
		}
	}
}
