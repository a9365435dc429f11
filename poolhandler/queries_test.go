package poolhandler

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// askedProcess has pools app and reports, which have been asked something.
func askedProcess(t *testing.T) *process {
	p, f := fakeProcess()
	app := onePool("app", 1)
	app.Pools["reports"] = onePool("reports", 1).Pools["reports"]
	plan := testPlan(t, app)
	start(t, p, plan)
	t.Cleanup(func() { p.remove(plan) })
	f.queries = []engine.QueryStats{
		{Pool: "app", Form: "select often", Kind: "select", Fingerprint: 1, Calls: 900, CacheHits: 100, Rows: 5, Reasons: [engine.Reasons]uint64{engine.ReasonReads: 800, engine.ReasonCached: 100},
			Total: 8 * time.Second, P99: time.Second, Max: 2 * time.Second},
		{Pool: "app", Form: engine.OtherQueries, Kind: "other", Calls: 7, Errors: 2, Total: time.Second, P99: 3 * time.Second, Max: 3 * time.Second},
		{Pool: "reports", Form: "select slow", Kind: "select", Fingerprint: 0xabcd, Calls: 2, Rows: 1000,
			Total: 40 * time.Second, P99: 30 * time.Second, Max: 30 * time.Second},
		{Pool: "app", Form: "select hit", Kind: "select", Fingerprint: 2, Calls: 50, CacheHits: 50},
	}
	return p
}

// listedQueries is the queries that the admin API lists.
func listedQueries(t *testing.T, p *process, query string) []string {
	t.Helper()
	w, err := get(t, p, "GET", "/postgres/queries"+query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var all []adminapi.Query
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || all == nil {
		t.Fatalf("%s: %s, %v", query, w.Body, err)
	}
	names := []string{}
	for _, q := range all {
		names = append(names, strings.TrimPrefix(q.Query, "select "))
	}
	return names
}

func TestAdminShowsTheBusiestQueries(t *testing.T) {
	w, err := get(t, askedProcess(t), "GET", "/postgres/queries?pool=app&limit=1")
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"pool":"app","query":"select often","fingerprint":"0000000000000001","kind":"select","calls":900,"rows":5,"errors":0,"cache_hits":100,` +
		`"why":{"cached":100,"reads":800},"total_seconds":8,"mean_seconds":0.01,"p99_seconds":1,"max_seconds":2}]`
	if got := strings.TrimSpace(w.Body.String()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestAdminSortsTheBusiestQueries(t *testing.T) {
	p := askedProcess(t)
	for query, want := range map[string]string{
		"":                           "slow often (other) hit",
		"?sort=total":                "slow often (other) hit",
		"?sort=calls":                "often hit (other) slow",
		"?sort=mean":                 "slow (other) often hit",
		"?sort=p99":                  "slow (other) often hit",
		"?sort=rows":                 "slow often (other) hit",
		"?limit=0":                   "",
		"?limit=2":                   "slow often",
		"?limit=10000":               "slow often (other) hit",
		"?pool=reports":              "slow",
		"?pool=app&sort=p99":         "(other) often hit",
		"?pool=app&sort=p99&limit=1": "(other)",
	} {
		if got := listedQueries(t, p, query); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestAdminSaysWhatIsWrongWithQueries(t *testing.T) {
	p := askedProcess(t)
	for _, c := range []struct {
		method, query string
		status        int
		says          string
	}{
		{"POST", "", http.StatusMethodNotAllowed, "/postgres/queries can only be read: use GET, not POST"},
		{"GET", "?pool=nope", http.StatusNotFound, `there is no pool "nope"; GET /postgres/pools lists them`},
		{"GET", "?sort=time", http.StatusBadRequest, `there is no order "time"; there are total, calls, mean, p99, rows`},
		{"GET", "?limit=-1", http.StatusBadRequest, `limit is "-1", but must be 0 to 10000: how many are shown`},
		{"GET", "?limit=10001", http.StatusBadRequest, "must be 0 to 10000"},
		{"GET", "?limt=1", http.StatusBadRequest, `there is no parameter "limt"; did you mean limit?`},
	} {
		_, err := get(t, p, c.method, "/postgres/queries"+c.query)
		var api caddy.APIError
		if !errors.As(err, &api) || api.HTTPStatus != c.status || !strings.Contains(api.Err.Error(), c.says) {
			t.Errorf("%s %s: %v", c.method, c.query, err)
		}
	}
}

func TestAdminHasNoQueriesBeforeAnythingRuns(t *testing.T) {
	none, _ := fakeProcess()
	if w, err := get(t, none, "GET", "/postgres/queries/"); err != nil || strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("%s, %v", w.Body, err)
	}
}

// What a line about a slow query says, with and without what is not always there.
func TestTheLineOfASlowQuery(t *testing.T) {
	core, lines := observer.New(zapcore.WarnLevel)
	n := engine.Notice{
		Level: engine.Warn, Message: "a query was slow", Pool: "app", Database: "db", User: "bob", Upstream: "10.0.0.1:5432", Address: "192.0.2.1:5000",
		Application: "web", Statement: "select pg_sleep ( $n )", Elapsed: 2 * time.Second, Slow: &engine.SlowQuery{Rows: 1},
	}
	writeNotice(zap.New(core), n)
	n.Slow = &engine.SlowQuery{Waited: time.Second, LeftOut: 3}
	writeNotice(zap.New(core), n)
	first, second := lines.All()[0].ContextMap(), lines.All()[1].ContextMap()
	for key, want := range map[string]any{
		"pool": "app", "database": "db", "user": "bob", "upstream": "10.0.0.1:5432", "client": "192.0.2.1:5000", "application_name": "web",
		"statement": "select pg_sleep ( $n )", "elapsed": 2 * time.Second, "waited": time.Duration(0), "rows": uint64(1), "left_out": nil,
	} {
		if first[key] != want {
			t.Errorf("%s is %v, want %v", key, first[key], want)
		}
	}
	if second["waited"] != time.Second || second["left_out"] != uint64(3) {
		t.Errorf("the second line has waited %v, left_out %v", second["waited"], second["left_out"])
	}
}
