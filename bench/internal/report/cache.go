package report

import (
	"fmt"
	"io"
)

// uncached is who is compared with the cache: the same program without it.
const uncached = "pgmux"

// cacheColumns are those of the table of the query cache.
var cacheColumns = []column{
	{"clients", func(r Row, _ []Row) string { return fmt.Sprint(r.Clients) }},
	{"mode", func(r Row, _ []Row) string { return r.Mode }},
	{"pooler", func(r Row, _ []Row) string { return r.Contender }},
	{"at server/query", func(r Row, _ []Row) string { return exactly(r.AtServer) }},
	{"CPU/query", func(r Row, _ []Row) string { return micros(r.CPU) }},
	{"of pgbouncer", func(r Row, all []Row) string { return ratio(r, all, "pgbouncer") }},
	{"of pgmux", func(r Row, all []Row) string { return ratio(r, all, uncached) }},
	{"queries/s", func(r Row, _ []Row) string { return thousands(int64(r.PerSecond)) }},
	{"times pgbouncer", func(r Row, all []Row) string { return times(r, all, "pgbouncer") }},
	{"times pgmux", func(r Row, all []Row) string { return times(r, all, uncached) }},
	{"p50", func(r Row, _ []Row) string { return micros(r.P50) }},
	{"p99", func(r Row, _ []Row) string { return micros(r.P99) }},
	{"RSS", func(r Row, _ []Row) string { return mebibytes(r.Resident) }},
	{"pooler busy", func(r Row, _ []Row) string { return percent(r.PoolerBusy) }},
	{"load busy", func(r Row, _ []Row) string { return percent(r.LoadBusy) }},
}

// Cache writes the table of the query cache.
func Cache(w io.Writer, rows []Row) error { return markdown(w, cacheColumns, rows) }

// times is how many times the queries per second of another contender in the same mode with as many clients.
func times(r Row, all []Row, other string) string {
	for _, o := range all {
		if o.Contender == other && o.Mode == r.Mode && o.Clients == r.Clients && o.Servers == r.Servers && o.PerSecond > 0 {
			return fmt.Sprintf("%.2f", r.PerSecond/o.PerSecond)
		}
	}
	return "–"
}
