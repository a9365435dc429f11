package poolhandler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// viewOf is the figures of a process, decoded.
func viewOf(t *testing.T, p *process) (v struct {
	dashboardView
	Pools []json.RawMessage `json:"pools"`
}) {
	t.Helper()
	text, err := p.dashboardView()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// Who knows the admin API knows the figures of the page.
func TestAViewIsWhatTheAdminAPISays(t *testing.T) {
	p := busyProcess(t)
	v := viewOf(t, p)
	if len(v.Pools) != 2 || v.Now.IsZero() || v.Started.IsZero() || v.Started.After(v.Now) || v.Version == "" {
		t.Fatalf("got %+v", v)
	}
	w, err := get(t, p, "GET", "/postgres/pools/app")
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.TrimSuffix(bytes.TrimSpace(w.Body.Bytes()), []byte("}"))
	if got := v.Pools[0]; !bytes.HasPrefix(got, want) || !bytes.HasSuffix(got, []byte(`,"users_omitted":0}`)) {
		t.Errorf("the view has\n%s\nthe admin API\n%s", got, w.Body)
	}
	if len(v.Upstreams) != 2 || v.Upstreams[0].Pool != "app" || v.Upstreams[0].Servers.Open != 5 {
		t.Errorf("upstreams: %+v", v.Upstreams)
	}
	if v.Queries == nil || len(v.Queries) != 0 {
		t.Errorf("queries of nobody: %+v", v.Queries)
	}
}

func TestAViewHasHistograms(t *testing.T) {
	v := viewOf(t, busyProcess(t))
	if len(v.BucketSeconds) != engine.HistogramBuckets-1 || v.BucketSeconds[0] != 1e-6 || v.BucketSeconds[10] != 1024e-6 {
		t.Errorf("buckets end at %v", v.BucketSeconds)
	}
	app := v.Latency["app"].Query
	if app.Buckets[0] != 5 || app.Buckets[2] != 3 || app.Buckets[engine.HistogramBuckets-1] != 1 {
		t.Errorf("buckets %v", app.Buckets)
	}
	if math.Abs(app.P50-0.9e-6) > 1e-12 || app.P99 != math.Ldexp(1e-6, engine.HistogramBuckets-2) {
		t.Errorf("p50 %g, p99 %g", app.P50, app.P99)
	}
}

func TestQuantilesLieWithinTheirBucket(t *testing.T) {
	for _, c := range []struct {
		counts map[int]uint64
		q      float64
		want   float64
	}{
		{nil, 0.99, 0},
		{map[int]uint64{0: 1}, 0.5, 0.5e-6},
		{map[int]uint64{3: 100}, 0.5, 6e-6},            // 4 to 8 µs
		{map[int]uint64{3: 100}, 1, 8e-6},              //
		{map[int]uint64{1: 99, 11: 1}, 0.99, 2e-6},     // the last that is still below
		{map[int]uint64{1: 98, 11: 2}, 0.99, 1.536e-3}, // half-way from 1.024 to 2.048 ms
		{map[int]uint64{engine.HistogramBuckets - 1: 7}, 0.5, math.Ldexp(1e-6, engine.HistogramBuckets-2)},
	} {
		var h engine.Histogram
		for i, n := range c.counts {
			h[i] = n
		}
		if got := quantile(&h, c.q); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v: the %g quantile is %g, want %g", c.counts, c.q, got, c.want)
		}
	}
}

// Of pools and users those are shown that have most to do.
func TestAViewIsBounded(t *testing.T) {
	for _, more := range []int{0, 1, 30} {
		p, f := fakeProcess()
		start(t, p, testPlan(t, onePool("app", 10)))
		f.snapshot = engine.Snapshot{}
		for i := range viewPools - 1 + more { // and app, which nobody uses
			f.snapshot.Pools = append(f.snapshot.Pools, engine.PoolStats{Pool: fmt.Sprintf("pool%03d", i), ClientsIdle: i + 1})
		}
		for i := range viewUsers + more {
			f.snapshot.Pools = append(f.snapshot.Pools, engine.PoolStats{Pool: "many", User: fmt.Sprintf("user%03d", i), ClientsIdle: 1000 + i})
		}
		f.snapshot.Pools = f.snapshot.Pools[1:] // many takes a place
		for i := range viewCaches + more {
			f.caches = append(f.caches, engine.CacheStatus{Pool: fmt.Sprintf("pool%03d", i)})
		}
		f.tables = map[string][]engine.CacheTable{"pool000": make([]engine.CacheTable, viewTables+1)}
		v := viewOf(t, p)
		if len(v.Pools) != viewPools || v.Omitted.Pools != more || len(v.Cache) != viewCaches || v.Omitted.Caches != more || len(v.Latency) != viewPools {
			t.Errorf("%d more: %d pools, %+v, %d caches, %d histograms", more, len(v.Pools), v.Omitted, len(v.Cache), len(v.Latency))
		}
		if n := len(v.Cache[0].Tables); n != viewTables {
			t.Errorf("%d tables of a cache", n)
		}
		for _, text := range v.Pools {
			checkUsers(t, text, more)
		}
	}
}

// checkUsers looks at the users of pool many; the least busy are left out, and the rest is in the order of their names.
func checkUsers(t *testing.T, text []byte, more int) {
	t.Helper()
	var pool viewPool
	if err := json.Unmarshal(text, &pool); err != nil {
		t.Fatal(err)
	}
	if pool.Name != "many" {
		return
	}
	if len(pool.Users) != viewUsers || pool.UsersOmitted != more || pool.Users[0].User != fmt.Sprintf("user%03d", more) {
		t.Errorf("%d more: %d users, %d left out, the first is %s", more, len(pool.Users), pool.UsersOmitted, pool.Users[0].User)
	}
	if pool.Clients.Idle < 1000*viewUsers {
		t.Errorf("the pool has lost the clients of those that are not shown: %d", pool.Clients.Idle)
	}
}

// A view that is full is as large as the sum at its limits says.
func TestAFullViewIsBelowOneMiB(t *testing.T) {
	p, c := countingProcess(t)
	for i := range 2 * viewPools {
		for j := range 2 * viewUsers {
			s := engine.PoolStats{Pool: fmt.Sprintf("%s%03d", strings.Repeat("p", 60), i), Database: strings.Repeat("d", 63), User: fmt.Sprintf("%s%02d", strings.Repeat("u", 61), j)}
			s.Queries, s.Transactions, s.BytesReceived, s.BytesSent, s.ClientsIdle = 1e12, 1e12, 1e15, 1e15, 1e6
			for b := range s.Query {
				s.Query[b], s.Acquire[b] = 1e9, 1e9
			}
			c.snapshot.Pools = append(c.snapshot.Pools, s)
		}
	}
	for i := range 2 * viewQueries {
		c.stats = append(c.stats, engine.QueryStats{Form: strings.Repeat("<", 2*viewQueryText), Calls: 1, Fingerprint: uint64(i)})
	}
	text, err := p.dashboardView()
	if err != nil || len(text) > 1<<20 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestBusiestQueriesComeFirst(t *testing.T) {
	p, c := countingProcess(t)
	for i := range viewQueries + 1 {
		c.stats = append(c.stats, engine.QueryStats{Pool: "app", Form: "SELECT $1", Kind: "select", Fingerprint: uint64(i), Calls: 4, Total: time.Duration(4*(i+1)) * time.Second})
	}
	v := viewOf(t, p)
	if len(v.Queries) != viewQueries || v.Omitted.Queries != 1 {
		t.Fatalf("%d queries, %+v", len(v.Queries), v.Omitted)
	}
	if want := float64(4 * (viewQueries + 1) * (viewQueries + 2) / 2); v.QuerySeconds != want {
		t.Errorf("all together took %g s, want %g", v.QuerySeconds, want)
	}
	if q := v.Queries[0]; q.Fingerprint != "0000000000000014" || q.TotalSeconds != 84 || q.MeanSeconds != 21 || q.Query != "SELECT $1" || q.Kind != "select" {
		t.Errorf("the first is %+v", q)
	}
}

func TestALongQueryIsCutBetweenLetters(t *testing.T) {
	fits := strings.Repeat("é", viewQueryText/2)
	if got := shortened(fits); got != fits {
		t.Errorf("cut at the limit: %d bytes", len(got))
	}
	for _, long := range []string{fits + "x", "x" + fits, strings.Repeat("x", 5000)} {
		got := shortened(long)
		if len(got) > viewQueryText || len(got) < viewQueryText-4 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
			t.Errorf("%d bytes of %d, valid %t", len(got), len(long), utf8.ValidString(got))
		}
	}
}
