package poolhandler

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// What a page shows at most. A view is below 1 MiB then, encoded: 50 pools of 10 users, about 900 bytes for each of those and as much for a
// pool's histograms (0.5 MiB); 200 upstreams and 50 caches of 10 tables (0.2 MiB); 20 queries of 1000 bytes. The page says what is left out.
const (
	viewPools     = 50
	viewUsers     = 10 // of a pool
	viewUpstreams = 200
	viewCaches    = 50
	viewTables    = 10 // of a cache
	viewQueries   = 20
	viewQueryText = 1000 // bytes
)

// dashboardView is what the page is drawn from.
type dashboardView struct {
	Now     time.Time `json:"now"`
	Started time.Time `json:"started"` // of this process: what counts, counts since then
	Version string    `json:"version"`

	Pools     []viewPool          `json:"pools"`
	Upstreams []adminapi.Upstream `json:"upstreams"`
	Cache     []adminapi.Cache    `json:"cache"`
	Queries   []adminapi.Query    `json:"queries"`
	// QuerySeconds is the time of all queries since the start, also of those that are not shown.
	QuerySeconds float64 `json:"query_seconds"`
	// Latency is by pool, for those in Pools. BucketSeconds are the upper bounds of its buckets, but for the last, which has none.
	Latency       map[string]viewLatency `json:"latency"`
	BucketSeconds []float64              `json:"bucket_seconds"`
	Omitted       viewOmitted            `json:"omitted"`
}

// viewPool is GET /postgres/pools/<name>, with how many of its users are left out.
type viewPool struct {
	adminapi.PoolDetail
	UsersOmitted int `json:"users_omitted"`
}

// viewOmitted is how much more there is than the page shows.
type viewOmitted struct {
	Pools     int `json:"pools"`
	Upstreams int `json:"upstreams"`
	Caches    int `json:"caches"`
	Queries   int `json:"queries"`
}

// dashboardBegan is about when this process began.
var dashboardBegan = time.Now()

// dashboardView asks the engine and encodes what it says.
func (p *process) dashboardView() ([]byte, error) {
	s, err := p.snapshot()
	if err != nil {
		return nil, err
	}
	queries, err := p.busiestQueries()
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	v := dashboardView{
		Now: now, Started: dashboardBegan.UTC().Truncate(time.Millisecond), Version: version(),
		Queries: newViewQueries(queries), QuerySeconds: timeOf(queries).Seconds(),
		Latency: map[string]viewLatency{}, BucketSeconds: bucketSeconds(),
	}
	v.addPools(p.details(s))
	v.addLatency(s)
	v.Upstreams, v.Omitted.Upstreams = atMost(p.upstreams(s), viewUpstreams)
	v.addCaches(p)
	v.Omitted.Queries = len(queries) - len(v.Queries)
	out, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding the figures: %w", err)
	}
	return out, nil
}

// addPools shows the pools that have most to do, in the order of their names.
func (v *dashboardView) addPools(all []*adminapi.PoolDetail) {
	slices.SortStableFunc(all, func(a, b *adminapi.PoolDetail) int { return busier(&a.Figures, &b.Figures) })
	all, v.Omitted.Pools = atMost(all, viewPools)
	slices.SortFunc(all, func(a, b *adminapi.PoolDetail) int { return strings.Compare(a.Name, b.Name) })
	v.Pools = make([]viewPool, len(all))
	for i, d := range all {
		gone := keepBusiest(d, viewUsers)
		v.Pools[i] = viewPool{PoolDetail: *d, UsersOmitted: gone}
	}
}

// keepBusiest keeps the users that have most to do, in the order of their names, and tells how many are gone.
func keepBusiest(d *adminapi.PoolDetail, most int) (gone int) {
	byName := func(a, b adminapi.User) int {
		return cmp.Or(strings.Compare(a.Database, b.Database), strings.Compare(a.User, b.User))
	}
	slices.SortFunc(d.Users, func(a, b adminapi.User) int { return cmp.Or(busier(&a.Figures, &b.Figures), byName(a, b)) })
	d.Users, gone = atMost(d.Users, most)
	slices.SortFunc(d.Users, byName)
	return gone
}

// busier orders by clients that wait, then by clients, then by what has been done since the start.
func busier(a, b *adminapi.Figures) int {
	return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.Clients.Total, a.Clients.Total), cmp.Compare(b.Queries, a.Queries))
}

func (v *dashboardView) addCaches(p *process) {
	all, omitted := atMost(p.caches(), viewCaches)
	v.Omitted.Caches = omitted
	v.Cache = make([]adminapi.Cache, len(all))
	for i := range all {
		v.Cache[i] = p.newCacheStatus(&all[i], viewTables, 0)
	}
}

// atMost cuts a list, and tells how many it has lost.
func atMost[T any](list []T, most int) ([]T, int) {
	if len(list) <= most {
		return list, 0
	}
	return list[:most], len(list) - most
}

// version is that of Caddy, and ours where the program knows it.
func version() string {
	caddys, _ := caddy.Version()
	said := "Caddy " + caddys
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == ourModule && m.Version != "(devel)" {
				said += ", pgmux " + m.Version
			}
		}
	}
	return said
}

const ourModule = "github.com/pgmux/caddy-pgmux"
