package poolhandler

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/session"
)

// busyProcess has pool app with two users, and pool idle that nobody has used.
func busyProcess(t *testing.T) *process {
	p, f := fakeProcess()
	app := onePool("app", 10)
	app.Pools["idle"] = onePool("idle", 7).Pools["idle"]
	start(t, p, testPlan(t, app))
	alice := engine.PoolStats{
		Pool: "app", Database: "app", User: "alice", MaxSize: 10,
		ClientsIdle: 5, ClientsActive: 3, ClientsWaiting: 2,
		ServersIdle: 1, ServersActive: 3, ServersConnecting: 1, MaxWait: 1500 * time.Millisecond,
		Upstreams: map[string]int{"127.0.0.1:5432": 4},
		Counts:    engine.Counts{Queries: 60, Kinds: kinds(20, 40, 0), PinnedTotal: map[string]uint64{"temp_table": 2}, QuerySumNanos: 3e9},
	}
	alice.Query[0], alice.Query[2], alice.Query[engine.HistogramBuckets-1] = 5, 3, 1
	bob := engine.PoolStats{Pool: "app", Database: "app", User: "bob", MaxSize: 10, ServersIdle: 1,
		Upstreams: map[string]int{"127.0.0.1:5432": 1}, Counts: engine.Counts{Queries: 1, Kinds: kinds(0, 0, 1)}}
	f.snapshot = engine.Snapshot{
		Pools:     []engine.PoolStats{alice, bob},
		Forgotten: map[string]*engine.Counts{"app": {Queries: 40, Kinds: kinds(0, 0, 40)}},
	}
	p.counts.logins.count("ok")
	return p
}

func get(t *testing.T, p *process, method, path string) (*httptest.ResponseRecorder, error) {
	t.Helper()
	w := httptest.NewRecorder()
	return w, (&Admin{process: p}).serve(w, httptest.NewRequest(method, path, nil))
}

func TestAdminListsPools(t *testing.T) {
	w, err := get(t, busyProcess(t), "GET", "/postgres/pools")
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0]["name"] != "app" || list[1]["name"] != "idle" {
		t.Fatalf("got %s", w.Body)
	}
	for key, want := range map[string]any{
		"status": "active", "size": 5.0, "available": 2.0, "max_size": 20.0, "utilization": 0.15, "waiting": 2.0, "max_wait_seconds": 1.5, "queries": 101.0,
	} {
		if list[0][key] != want {
			t.Errorf("%s is %v, want %v", key, list[0][key], want)
		}
	}
	if n := list[0]["clients"].(map[string]any)["total"]; n != 10.0 {
		t.Errorf("%v clients", n)
	}
	if n := list[1]["max_size"]; n != 7.0 {
		t.Errorf("an unused pool's max_size is %v", n)
	}
}

func TestAdminShowsOnePool(t *testing.T) {
	w, err := get(t, busyProcess(t), "GET", "/postgres/pools/app")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Users []struct {
			User string
			Size int
		}
		Upstreams map[string]int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Users) != 2 || d.Users[0].User != "alice" || d.Users[0].Size != 4 || d.Upstreams["127.0.0.1:5432"] != 5 {
		t.Errorf("got %s", w.Body)
	}
}

func TestAdminSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/postgres/pools/nope", http.StatusNotFound, `no pool "nope"`},
		{"GET", "/postgres/nothing", http.StatusNotFound, "/postgres/pools"},
		{"POST", "/postgres/pools", http.StatusMethodNotAllowed, "use GET, not POST"},
		{"DELETE", "/postgres/pools/app", http.StatusMethodNotAllowed, "use GET"},
	} {
		_, err := get(t, busyProcess(t), c.method, c.path)
		var api caddy.APIError
		if !errors.As(err, &api) || api.HTTPStatus != c.status || !strings.Contains(api.Err.Error(), c.says) {
			t.Errorf("%s %s: %v", c.method, c.path, err)
		}
	}
}

func TestMetricsAreTheContract(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := &metrics{process: busyProcess(t)}
	registry.MustRegister(m)
	const want = `
# HELP caddy_postgres_client_logins_total Clients that came, by result.
# TYPE caddy_postgres_client_logins_total counter
caddy_postgres_client_logins_total{result="ok"} 1
# HELP caddy_postgres_clients Clients logged in, by state.
# TYPE caddy_postgres_clients gauge
caddy_postgres_clients{pool="app",state="active"} 3
caddy_postgres_clients{pool="app",state="idle"} 5
caddy_postgres_clients{pool="app",state="waiting"} 2
# HELP caddy_postgres_pinned_total How often a client kept its server beyond a transaction, by reason.
# TYPE caddy_postgres_pinned_total counter
caddy_postgres_pinned_total{reason="temp_table"} 2
# HELP caddy_postgres_pool_max_connections Servers a pool may have.
# TYPE caddy_postgres_pool_max_connections gauge
caddy_postgres_pool_max_connections{database="app",pool="app",user="alice"} 10
caddy_postgres_pool_max_connections{database="app",pool="app",user="bob"} 10
# HELP caddy_postgres_pool_utilization Share of the servers a pool may have that are in use.
# TYPE caddy_postgres_pool_utilization gauge
caddy_postgres_pool_utilization{database="app",pool="app",user="alice"} 0.3
caddy_postgres_pool_utilization{database="app",pool="app",user="bob"} 0
# HELP caddy_postgres_queries_total Queries answered, by the kind of statement and where it was sent.
# TYPE caddy_postgres_queries_total counter
caddy_postgres_queries_total{kind="insert",pool="app",route="primary"} 41
caddy_postgres_queries_total{kind="select",pool="app",route="primary"} 20
caddy_postgres_queries_total{kind="select",pool="app",route="replica"} 40
# HELP caddy_postgres_waiting_clients Clients waiting for a server.
# TYPE caddy_postgres_waiting_clients gauge
caddy_postgres_waiting_clients{pool="app"} 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "caddy_postgres_client_logins_total",
		"caddy_postgres_clients", "caddy_postgres_pinned_total", "caddy_postgres_pool_max_connections",
		"caddy_postgres_pool_utilization", "caddy_postgres_queries_total", "caddy_postgres_waiting_clients"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "caddy_postgres_pool_connections"); n != 14 || err != nil {
		t.Errorf("%d series of pool_connections, %v", n, err)
	}
}

// TestNamesThatAreNoText: clients choose what databases are called, and must not end the collection by it.
func TestNamesThatAreNoText(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	p := busyProcess(t)
	f := p.running.Load().pooler.(*fakePooler)
	for _, name := range []string{"a\xff", "a\xfe", `a\xff`, "ä"} {
		f.snapshot.Pools = append(f.snapshot.Pools, engine.PoolStats{Pool: "app", Database: name, User: "u"})
	}
	registry.MustRegister(&metrics{process: p})
	const want = `
# HELP caddy_postgres_pool_max_connections Servers a pool may have.
# TYPE caddy_postgres_pool_max_connections gauge
caddy_postgres_pool_max_connections{database="app",pool="app",user="alice"} 10
caddy_postgres_pool_max_connections{database="app",pool="app",user="bob"} 10
caddy_postgres_pool_max_connections{database="a\\\\xff",pool="app",user="u"} 0
caddy_postgres_pool_max_connections{database="a\\xfe",pool="app",user="u"} 0
caddy_postgres_pool_max_connections{database="a\\xff",pool="app",user="u"} 0
caddy_postgres_pool_max_connections{database="ä",pool="app",user="u"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "caddy_postgres_pool_max_connections"); err != nil {
		t.Error(err)
	}
}

func TestHistogramIsCumulativeInSeconds(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&metrics{process: busyProcess(t)})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "caddy_postgres_query_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 9 || h.GetSampleSum() != 3 {
			t.Errorf("count %d, sum %g", h.GetSampleCount(), h.GetSampleSum())
		}
		b := h.GetBucket()
		if b[0].GetUpperBound() != 1e-6 || b[0].GetCumulativeCount() != 5 || b[2].GetUpperBound() != 4e-6 || b[2].GetCumulativeCount() != 8 ||
			b[len(b)-1].GetCumulativeCount() != 8 {
			t.Errorf("buckets %v", b)
		}
		return
	}
	t.Error("no query_seconds")
}

func TestMetricsCanBeRegisteredAtEveryReload(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for range 2 {
		if err := registerMetrics(registry); err != nil {
			t.Fatal(err)
		}
	}
}

// kinds is so many SELECTs at the primary, and at replicas, and so many INSERTs.
func kinds(primary, replica, inserts uint64) (k engine.Kinds) {
	k[engine.RoutePrimary][session.KindSelect] = primary
	k[engine.RouteReplica][session.KindSelect] = replica
	k[engine.RoutePrimary][session.KindInsert] = inserts
	return k
}
