package poolhandler

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// cachingProcess has pools app and reports with a cache, and pool plain without.
func cachingProcess(t *testing.T) (*process, *fakePooler) {
	p, f := fakeProcess()
	app := cachedPool(&config.QueryCache{TTL: seconds(5)})
	app.Pools["reports"] = cachedPool(&config.QueryCache{TTL: seconds(60)}).Pools["app"]
	app.Pools["plain"] = onePool("plain", 1).Pools["plain"]
	plan := testPlan(t, app)
	start(t, p, plan)
	t.Cleanup(func() { p.remove(plan) })
	f.caches = []engine.CacheStatus{
		{Pool: "reports", State: "catching up", MaxBytes: 1 << 20},
		{
			Pool: "app", State: "on", Entries: 3, Bytes: 4096, MaxBytes: 1 << 28,
			Hits: 90, Fetched: 4, Misses: 10, Bypassed: 7, Stored: 9, Refused: 1, Evicted: 2, Invalidated: 4,
		},
	}
	f.tables = map[string][]engine.CacheTable{"app": {
		{Database: "app", Table: "products", Changes: 1}, {Database: "app", Table: "orders", Entries: 3, Changes: 4},
		{Database: "app", Table: "carts", Changes: 1},
	}}
	f.forms = map[string][]engine.CacheForm{"app": {
		{Text: "select random()", Misses: 5, Refused: "calls a volatile function"},
		{Text: "select * from orders where id = $1", Hits: 90, Misses: 5, Stored: 9, Bytes: 4000, MissSeconds: 0.0025},
	}}
	return p, f
}

func TestAdminShowsCaches(t *testing.T) {
	p, _ := cachingProcess(t)
	w, err := get(t, p, "GET", "/postgres/cache")
	if err != nil {
		t.Fatal(err)
	}
	const want = `[
		{"pool":"app","state":"on","entries":3,"bytes":4096,"max_bytes":268435456,"hits":90,"fetched":4,"misses":10,"bypassed":7,"hit_ratio":0.9,
		 "stored":9,"refused":1,"evicted":2,"invalidated":4,
		 "tables":[{"database":"app","table":"orders","entries":3,"invalidations":4},
		           {"database":"app","table":"carts","entries":0,"invalidations":1},
		           {"database":"app","table":"products","entries":0,"invalidations":1}],
		 "forms":[{"text":"select * from orders where id = $1","hits":90,"misses":5,"stored":9,"bytes":4000,"miss_seconds":0.0025},
		          {"text":"select random()","hits":0,"misses":5,"stored":0,"bytes":0,"miss_seconds":0,"refused":"calls a volatile function"}]},
		{"pool":"reports","state":"catching up","entries":0,"bytes":0,"max_bytes":1048576,"hits":0,"fetched":0,"misses":0,"bypassed":0,"hit_ratio":0,
		 "stored":0,"refused":0,"evicted":0,"invalidated":0,"tables":[],"forms":[]}]`
	if got := w.Body.String(); !sameJSON(t, got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func sameJSON(t *testing.T, one, other string) bool {
	t.Helper()
	var texts [2][]byte
	for i, text := range []string{one, other} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		texts[i], _ = json.Marshal(v)
	}
	return string(texts[0]) == string(texts[1])
}

func TestAdminShowsAsManyTablesAndFormsAsAreAskedFor(t *testing.T) {
	p, f := cachingProcess(t)
	clear(f.tables)
	clear(f.forms)
	for i := range max(maxShownForms, shownTables) + 1 {
		f.tables["app"] = append(f.tables["app"], engine.CacheTable{Table: fmt.Sprint("t", i)})
		f.forms["app"] = append(f.forms["app"], engine.CacheForm{Text: fmt.Sprint("select ", i)})
	}
	for query, want := range map[string][2]int{
		"": {shownTables, shownForms}, "&forms=0&tables=0": {0, 0}, "&forms=3": {shownTables, 3}, "&tables=2": {2, shownForms},
		fmt.Sprintf("&forms=%d&tables=%d", maxShownForms, maxShownTables): {len(f.tables["app"]), maxShownForms},
	} {
		w, err := get(t, p, "GET", "/postgres/cache?pool=app"+query)
		if err != nil {
			t.Fatal(err)
		}
		var list []adminapi.Cache
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 1 || list[0].Pool != "app" {
			t.Fatalf("%s: %v, %s", query, err, w.Body)
		}
		if got := [2]int{len(list[0].Tables), len(list[0].Forms)}; got != want {
			t.Errorf("%s: %d tables and forms, want %d", query, got, want)
		}
	}
}

func TestAdminEmptiesCaches(t *testing.T) {
	for query, want := range map[string]string{
		"": "/", "?pool=app": "app/", "?table=orders": "/orders", "?table=public.orders": "/orders", "?pool=app&table=a.b": "app/b",
		"?table=%22Orders%22": "/Orders", "?table=public.%22a.b%22": "/a.b", "?pool=plain": "plain/",
	} {
		p, f := cachingProcess(t)
		w, err := get(t, p, "DELETE", "/postgres/cache"+query)
		if err != nil || strings.TrimSpace(w.Body.String()) != `{"dropped":7}` {
			t.Errorf("%s: %v, %s", query, err, w.Body)
		}
		if !slices.Equal(f.purges, []string{want}) {
			t.Errorf("%s: %q was emptied, want %q", query, f.purges, want)
		}
	}
}

func TestAdminSaysWhatIsWrongWithCaches(t *testing.T) {
	for _, c := range []struct {
		method, query string
		status        int
		says          string
	}{
		{"POST", "", http.StatusMethodNotAllowed, "/postgres/cache can be read and emptied: use GET or DELETE, not POST"},
		{"PUT", "?pool=nope", http.StatusMethodNotAllowed, "not PUT"},
		{"GET", "?pool=nope", http.StatusNotFound, `there is no pool "nope"; GET /postgres/pools lists them`},
		{"DELETE", "?pool=nope", http.StatusNotFound, `there is no pool "nope"`},
		{"DELETE", "?table=", http.StatusBadRequest, "table has no name; write one, like ?table=public.orders, or leave it out for all replies"},
		{"DELETE", "?table=public.", http.StatusBadRequest, "table has no name"},
		{"DELETE", "?table=%22%22", http.StatusBadRequest, "table has no name"},
		{"DELETE", "?tables=orders", http.StatusBadRequest, `there is no parameter "tables"; did you mean table?`},
		{"DELETE", "?forms=5", http.StatusBadRequest, `there is no parameter "forms"; there are pool, table`},
		{"GET", "?table=orders", http.StatusBadRequest, `there is no parameter "table"; did you mean tables?`},
		{"GET", "?forms=-1", http.StatusBadRequest, `forms is "-1", but must be 0 to 1000: how many are shown`},
		{"GET", "?forms=1001", http.StatusBadRequest, "must be 0 to 1000"},
		{"GET", "?tables=65537", http.StatusBadRequest, "must be 0 to 65536"},
		{"GET", "?forms=", http.StatusBadRequest, `forms is "", but must be 0 to 1000`},
	} {
		p, f := cachingProcess(t)
		w, err := get(t, p, c.method, "/postgres/cache"+c.query)
		var api caddy.APIError
		if !errors.As(err, &api) || api.HTTPStatus != c.status || !strings.Contains(api.Err.Error(), c.says) {
			t.Errorf("%s %s: %v", c.method, c.query, err)
		}
		if len(f.purges) > 0 {
			t.Errorf("%s %s has emptied %q", c.method, c.query, f.purges)
		}
		if allow := w.Header().Get("Allow"); (allow == "GET, HEAD, DELETE") != (c.status == http.StatusMethodNotAllowed) {
			t.Errorf("%s %s allows %q", c.method, c.query, allow)
		}
	}
}

func TestAdminHasNoCachesBeforeAnythingRuns(t *testing.T) {
	none, _ := fakeProcess()
	for method, want := range map[string]string{"GET": "[]", "DELETE": `{"dropped":0}`} {
		if w, err := get(t, none, method, "/postgres/cache/"); err != nil || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %s, %v", method, w.Body, err)
		}
	}
}

func TestMetricsOfCaches(t *testing.T) {
	p, _ := cachingProcess(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&metrics{process: p})
	const want = `
# HELP caddy_postgres_cache_bytes What the replies in a query cache take.
# TYPE caddy_postgres_cache_bytes gauge
caddy_postgres_cache_bytes{pool="app"} 4096
caddy_postgres_cache_bytes{pool="reports"} 0
# HELP caddy_postgres_cache_requests_total Queries of a pool that has a query cache, by what the cache did.
# TYPE caddy_postgres_cache_requests_total counter
caddy_postgres_cache_requests_total{pool="app",result="bypass"} 7
caddy_postgres_cache_requests_total{pool="app",result="hit"} 90
caddy_postgres_cache_requests_total{pool="app",result="miss"} 10
caddy_postgres_cache_requests_total{pool="reports",result="bypass"} 0
caddy_postgres_cache_requests_total{pool="reports",result="hit"} 0
caddy_postgres_cache_requests_total{pool="reports",result="miss"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"caddy_postgres_cache_bytes", "caddy_postgres_cache_requests_total"); err != nil {
		t.Error(err)
	}
}

// Who looks at caches has tables and forms asked for that he is shown, and no others: metrics none, the page tables alone, of the caches that
// it shows.
func TestWhatIsNotShownOfCachesIsNotAskedFor(t *testing.T) {
	p, f := cachingProcess(t)
	looks := func(do func() error) string {
		f.looks = nil
		if err := do(); err != nil {
			t.Fatal(err)
		}
		return strings.Join(f.looks, ", ")
	}
	admin := func(query string) func() error {
		return func() error {
			_, err := get(t, p, "GET", "/postgres/cache"+query)
			return err
		}
	}
	for _, c := range []struct {
		what, want string
		do         func() error
	}{
		{"metrics", "", func() error {
			return testutil.CollectAndCompare(&metrics{process: p}, strings.NewReader(""), "none_of_this_name")
		}},
		{"the page", "tables of app, tables of reports", func() error { _, err := p.dashboardView(); return err }},
		{"the admin API", "tables of app, forms of app, tables of reports, forms of reports", admin("")},
		{"the figures of one", "", admin("?pool=app&tables=0&forms=0")},
		{"the forms of one", "forms of app", admin("?pool=app&tables=0")},
	} {
		if got := looks(c.do); got != c.want {
			t.Errorf("%s: asked for %q, want %q", c.what, got, c.want)
		}
	}
}
