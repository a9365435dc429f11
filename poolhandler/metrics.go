package poolhandler

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/routing"
)

// theMetrics is one for the process: its counters go on over reloads.
var theMetrics = &metrics{process: theProcess}

// registerMetrics shows the metrics in the registry of a configuration.
func registerMetrics(r prometheus.Registerer) error {
	err := r.Register(theMetrics)
	if already := (prometheus.AlreadyRegisteredError{}); err != nil && !errors.As(err, &already) {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// metrics asks the engine whenever somebody collects.
type metrics struct{ process *process }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("caddy_postgres_"+name, help, labels, nil)
}

var (
	poolConnections    = describe("pool_connections", "Servers of a pool by state.", "pool", "database", "user", "state")
	poolMaxConnections = describe("pool_max_connections", "Servers a pool may have.", "pool", "database", "user")
	poolUtilization    = describe("pool_utilization", "Share of the servers a pool may have that are in use.", "pool", "database", "user")
	clients            = describe("clients", "Clients logged in, by state.", "pool", "state")
	waitingClients     = describe("waiting_clients", "Clients waiting for a server.", "pool")
	acquireSeconds     = describe("acquire_seconds", "How long queries waited for a server.", "pool")
	querySeconds       = describe("query_seconds", "How long queries took, from the first byte to ReadyForQuery.", "pool")
	queriesTotal       = describe("queries_total", "Queries answered, by the kind of statement and where it was sent.", "pool", "kind", "route")
	serverConnects     = describe("server_connects_total", "Attempts to connect to a server, by result.", "result")
	clientLogins       = describe("client_logins_total", "Clients that came, by result.", "result")
	upstreamUp         = describe("upstream_up", "Whether an upstream gets new transactions.", "pool", "upstream")
	upstreamLag        = describe("upstream_replica_lag_seconds", "How late a replica is.", "pool", "upstream")
	upstreamRole       = describe("upstream_role", "What an upstream is: 1 for its role, 0 for the others.", "pool", "upstream", "role")
	upstreamBreaker    = describe("upstream_breaker_open", "Whether an upstream's circuit breaker is open.", "pool", "upstream")
	routedTotal        = describe("routed_total", "What was asked for, by why it went where it went.", "pool", "reason")
	refusalsTotal      = describe("refusals_total", "Errors that clients were told by the pooler, by SQLSTATE.", "pool", "sqlstate")
	disconnectsTotal   = describe("client_disconnects_total", "Clients that left, by reason.", "pool", "reason")
	loopTurnSeconds    = describe("loop_turn_seconds", "How long the turns of the event loops take: what a query may have to wait for others.")
	pinnedTotal        = describe("pinned_total", "How often a client kept its server beyond a transaction, by reason.", "reason")
)

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		poolConnections, poolMaxConnections, poolUtilization, clients, waitingClients, acquireSeconds, querySeconds,
		queriesTotal, serverConnects, clientLogins, upstreamUp, upstreamLag, upstreamRole, upstreamBreaker, pinnedTotal,
		routedTotal, refusalsTotal, disconnectsTotal, loopTurnSeconds,
		cacheRequests, cacheBytes,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	m.process.counts.connects.each(func(result string, n uint64) { to <- counter(serverConnects, n, result) })
	m.process.counts.logins.each(func(result string, n uint64) { to <- counter(clientLogins, n, result) })
	s, err := m.process.snapshot()
	if err != nil {
		to <- prometheus.NewInvalidMetric(poolConnections, err)
		return
	}
	for _, u := range m.process.upstreams(s) {
		collectUpstream(to, &u)
	}
	for _, c := range m.process.caches() {
		collectCache(to, &c)
	}
	totals := make(map[string]*poolTotals)
	for i := range s.Pools {
		stats := &s.Pools[i]
		collectUser(to, stats)
		if totals[stats.Pool] == nil {
			totals[stats.Pool] = new(poolTotals)
		}
		totals[stats.Pool].add(stats)
	}
	for name, counts := range s.Forgotten {
		if totals[name] == nil {
			totals[name] = new(poolTotals)
		}
		totals[name].Add(counts)
	}
	collectLoops(to, s.Loops)
	pinned := make(map[string]uint64)
	for name, t := range totals {
		t.collect(to, name)
		for reason, n := range t.PinnedTotal {
			pinned[reason] += n
		}
	}
	for reason, n := range pinned {
		to <- counter(pinnedTotal, n, reason)
	}
}

// collectUser tells of one (database, user).
func collectUser(to chan<- prometheus.Metric, s *engine.PoolStats) {
	database, user := label(s.Database), label(s.User)
	for state, n := range map[string]int{
		"idle": s.ServersIdle, "active": s.ServersActive, "checking": s.ServersChecking,
		"resetting": s.ServersResetting, "being_canceled": s.ServersBeingCanceled, "draining": s.ServersDraining,
		"connecting": s.ServersConnecting,
	} {
		to <- gauge(poolConnections, float64(n), s.Pool, database, user, state)
	}
	to <- gauge(poolMaxConnections, float64(s.MaxSize), s.Pool, database, user)
	to <- gauge(poolUtilization, utilization(sizeOf(s), s.ServersIdle, s.MaxSize), s.Pool, database, user)
}

// label is a name that clients may choose, as a label: one that is no UTF-8 would fail the whole collection, and so would two that are
// shown alike. So bytes that are no UTF-8 are shown as \xff, and a backslash as two.
func label(name string) string {
	if utf8.ValidString(name) && strings.IndexByte(name, '\\') < 0 {
		return name
	}
	var out strings.Builder
	for rest := name; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, `\x%02x`, rest[0])
		case r == '\\':
			out.WriteString(`\\`)
		default:
			out.WriteString(rest[:n])
		}
		rest = rest[n:]
	}
	return out.String()
}

// collectLoops tells of the event loops together.
func collectLoops(to chan<- prometheus.Metric, loops []engine.LoopStats) {
	var turns engine.Histogram
	var nanos uint64
	for i := range loops {
		nanos += loops[i].TurnSumNanos
		for b, n := range loops[i].Turn {
			turns[b] += n
		}
	}
	to <- histogram(loopTurnSeconds, &turns, nanos)
}

// collectUpstream tells of one upstream.
func collectUpstream(to chan<- prometheus.Metric, u *adminapi.Upstream) {
	to <- gauge(upstreamUp, oneIf(u.Up), u.Pool, u.Address)
	to <- gauge(upstreamBreaker, oneIf(u.Breaker == routing.Open.String()), u.Pool, u.Address)
	for _, role := range []string{routing.Primary.String(), routing.Replica.String(), adminapi.UnknownRole} {
		to <- gauge(upstreamRole, oneIf(u.Role == role), u.Pool, u.Address, role)
	}
	if u.LagSeconds != nil {
		to <- gauge(upstreamLag, *u.LagSeconds, u.Pool, u.Address)
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// poolTotals is what is told of a pool as a whole.
type poolTotals struct {
	idle, active, waiting int
	engine.Counts
}

func (t *poolTotals) add(s *engine.PoolStats) {
	t.idle += s.ClientsIdle
	t.active += s.ClientsActive
	t.waiting += s.ClientsWaiting
	t.Add(&s.Counts)
}

func (t *poolTotals) collect(to chan<- prometheus.Metric, pool string) {
	to <- gauge(clients, float64(t.idle), pool, "idle")
	to <- gauge(clients, float64(t.active), pool, "active")
	to <- gauge(clients, float64(t.waiting), pool, "waiting")
	to <- gauge(waitingClients, float64(t.waiting), pool)
	for route := range t.Kinds {
		for kind, n := range t.Kinds[route] {
			if n > 0 || route == 0 && kind == int(session.KindSelect) { // at least one, so that nobody takes silence for a fault
				to <- counter(queriesTotal, n, pool, session.QueryKind(kind).String(), engine.Route(route).String())
			}
		}
	}
	for reason, n := range t.Reasons {
		if n > 0 {
			to <- counter(routedTotal, n, pool, engine.Reason(reason).String())
		}
	}
	for state, n := range t.Refused {
		to <- counter(refusalsTotal, n, pool, state)
	}
	for reason, n := range t.Left {
		to <- counter(disconnectsTotal, n, pool, reason)
	}
	to <- histogram(acquireSeconds, &t.Acquire, t.AcquireSumNanos, pool)
	to <- histogram(querySeconds, &t.Query, t.QuerySumNanos, pool)
}

// histogram turns counts by powers of two of microseconds into cumulative ones of seconds.
func histogram(d *prometheus.Desc, h *engine.Histogram, sumNanos uint64, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(h)-1)
	var count uint64
	for i, n := range h {
		count += n
		if i < len(h)-1 { // the last has no upper bound
			buckets[math.Ldexp(1e-6, i)] = count
		}
	}
	return prometheus.MustNewConstHistogram(d, count, float64(sumNanos)/1e9, buckets, labels...)
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(d *prometheus.Desc, n uint64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}
