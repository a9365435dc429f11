package poolhandler

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/routing"
)

// routedProcess has pool app with a primary and a replica that is late, and pool single, of which nothing is known.
func routedProcess(t *testing.T) *process {
	p, f := fakeProcess()
	weight := 3
	app := onePool("single", 1)
	app.Pools["app"] = &config.Pool{
		Upstream: []*config.Upstream{{Address: "primary:5432", Role: "primary"}, {Address: "replica:5432", Weight: &weight}},
		Auth:     app.Pools["single"].Auth,
	}
	f.topologies = map[string]*routing.Topology{"app": {Primary: 0, Upstreams: []routing.State{
		{
			Address: "primary:5432", Declared: routing.Primary, Role: routing.Primary, Up: true, Weight: routing.WeightUnit,
			HasLag: true, Timeline: 2, Position: 0x1_0300_0028, System: 7_500_000_000_000_000_001,
			Latency: 250 * time.Microsecond, Probes: 10,
		},
		{
			Address: "replica:5432", Role: routing.Replica, Why: "no answer within 1s", Breaker: routing.Open, Weight: 0,
			Lag: 1500 * time.Millisecond, HasLag: true, TooLate: true, Since: max(monotonic()-int64(time.Minute), 1), Probes: 10, Failures: 4,
		},
	}}}
	f.snapshot = engine.Snapshot{Pools: []engine.PoolStats{
		{Pool: "app", Database: "a", User: "u", Upstreams: map[string]int{"primary:5432": 4}, UpstreamsActive: map[string]int{"primary:5432": 3}},
		{Pool: "app", Database: "b", User: "u", Upstreams: map[string]int{"primary:5432": 1, "replica:5432": 2}},
		{Pool: "single", Database: "b", User: "u", Upstreams: map[string]int{"127.0.0.1:5432": 9}},
	}}
	plan := testPlan(t, app)
	start(t, p, plan)
	t.Cleanup(func() { p.remove(plan) })
	return p
}

func TestAdminListsUpstreams(t *testing.T) {
	w, err := get(t, routedProcess(t), "GET", "/postgres/upstreams")
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if since, err := time.Parse(time.RFC3339, list[1]["since"].(string)); err != nil || time.Since(since) > 2*time.Minute {
		t.Errorf("since %v, %v", list[1]["since"], err)
	}
	delete(list[1], "since")
	const want = `[
		{"pool":"app","address":"primary:5432","declared_role":"primary","role":"primary","up":true,"breaker":"closed",
		 "weight":1,"effective_weight":1,"latency_seconds":0.00025,"timeline":2,"position":"1/3000028",
		 "system_identifier":"7500000000000000001","servers":{"open":5,"active":3},"probes":10,"failures":0},
		{"pool":"app","address":"replica:5432","declared_role":"auto","role":"replica","up":false,"why":"no answer within 1s",
		 "breaker":"open","weight":3,"effective_weight":0,"lag_seconds":1.5,"too_late":true,
		 "servers":{"open":2,"active":0},"probes":10,"failures":4},
		{"pool":"single","address":"127.0.0.1:5432","declared_role":"auto","role":"unknown","up":true,"breaker":"closed",
		 "weight":1,"effective_weight":1,"servers":{"open":9,"active":0},"probes":0,"failures":0}]`
	var wanted []map[string]any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(list)
	if should, _ := json.Marshal(wanted); string(got) != string(should) {
		t.Errorf("got  %s\nwant %s", got, should)
	}
}

func TestAdminListsUpstreamsOfOnePool(t *testing.T) {
	p := routedProcess(t)
	w, err := get(t, p, "GET", "/postgres/upstreams?pool=single")
	if err != nil {
		t.Fatal(err)
	}
	var list []adminapi.Upstream
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 1 || list[0].Pool != "single" {
		t.Errorf("got %s, %v", w.Body, err)
	}
	if _, err := get(t, p, "GET", "/postgres/upstreams?pool=nowhere"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("got %v", err)
	}
	if _, err := get(t, p, "POST", "/postgres/upstreams"); err == nil {
		t.Error("it can be written to")
	}
	none, _ := fakeProcess()
	if w, err := get(t, none, "GET", "/postgres/upstreams"); err != nil || strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("before anything runs: %s, %v", w.Body, err)
	}
}

func TestMetricsOfUpstreams(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&metrics{process: routedProcess(t)})
	const want = `
# HELP caddy_postgres_upstream_breaker_open Whether an upstream's circuit breaker is open.
# TYPE caddy_postgres_upstream_breaker_open gauge
caddy_postgres_upstream_breaker_open{pool="app",upstream="primary:5432"} 0
caddy_postgres_upstream_breaker_open{pool="app",upstream="replica:5432"} 1
caddy_postgres_upstream_breaker_open{pool="single",upstream="127.0.0.1:5432"} 0
# HELP caddy_postgres_upstream_replica_lag_seconds How late a replica is.
# TYPE caddy_postgres_upstream_replica_lag_seconds gauge
caddy_postgres_upstream_replica_lag_seconds{pool="app",upstream="replica:5432"} 1.5
# HELP caddy_postgres_upstream_role What an upstream is: 1 for its role, 0 for the others.
# TYPE caddy_postgres_upstream_role gauge
caddy_postgres_upstream_role{pool="app",role="primary",upstream="primary:5432"} 1
caddy_postgres_upstream_role{pool="app",role="primary",upstream="replica:5432"} 0
caddy_postgres_upstream_role{pool="app",role="replica",upstream="primary:5432"} 0
caddy_postgres_upstream_role{pool="app",role="replica",upstream="replica:5432"} 1
caddy_postgres_upstream_role{pool="app",role="unknown",upstream="primary:5432"} 0
caddy_postgres_upstream_role{pool="app",role="unknown",upstream="replica:5432"} 0
caddy_postgres_upstream_role{pool="single",role="primary",upstream="127.0.0.1:5432"} 0
caddy_postgres_upstream_role{pool="single",role="replica",upstream="127.0.0.1:5432"} 0
caddy_postgres_upstream_role{pool="single",role="unknown",upstream="127.0.0.1:5432"} 1
# HELP caddy_postgres_upstream_up Whether an upstream gets new transactions.
# TYPE caddy_postgres_upstream_up gauge
caddy_postgres_upstream_up{pool="app",upstream="primary:5432"} 1
caddy_postgres_upstream_up{pool="app",upstream="replica:5432"} 0
caddy_postgres_upstream_up{pool="single",upstream="127.0.0.1:5432"} 1
`
	names := []string{"breaker_open", "replica_lag_seconds", "role", "up"}
	for i := range names {
		names[i] = "caddy_postgres_upstream_" + names[i]
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), slices.Clone(names)...); err != nil {
		t.Error(err)
	}
}
