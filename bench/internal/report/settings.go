package report

import (
	"fmt"
	"io"
	"time"
)

// Plain is the mode in which clients have no settings, that others are compared with.
const Plain = "none"

// settingColumns are those of the table of settings.
var settingColumns = []column{
	{"clients", func(r Row, _ []Row) string { return fmt.Sprint(r.Clients) }},
	{"servers", func(r Row, _ []Row) string { return fmt.Sprint(r.Servers) }},
	{"settings", func(r Row, _ []Row) string { return r.Mode }},
	{"pooler", func(r Row, _ []Row) string { return r.Contender }},
	{"extra/query", func(r Row, _ []Row) string { return exactly(r.Extra) }},
	{"CPU/query", func(r Row, _ []Row) string { return micros(r.CPU) }},
	{"of none", ofPlain},
	{"more than none", moreThanPlain},
	{"of pgbouncer", func(r Row, all []Row) string { return ratio(r, all, "pgbouncer") }},
	{"queries/s", func(r Row, _ []Row) string { return thousands(int64(r.PerSecond)) }},
	{"p50", func(r Row, _ []Row) string { return micros(r.P50) }},
	{"p99", func(r Row, _ []Row) string { return micros(r.P99) }},
	{"pooler busy", func(r Row, _ []Row) string { return percent(r.PoolerBusy) }},
	{"load busy", func(r Row, _ []Row) string { return percent(r.LoadBusy) }},
}

// Settings writes the table of settings.
func Settings(w io.Writer, rows []Row) error { return markdown(w, settingColumns, rows) }

// plainOf is the CPU per query of the same pooler with as many clients and servers, where nothing is set; 0 if there is none.
func plainOf(r Row, all []Row) time.Duration {
	for _, o := range all {
		if o.Contender == r.Contender && o.Mode == Plain && o.Clients == r.Clients && o.Servers == r.Servers {
			return o.CPU
		}
	}
	return 0
}

func ofPlain(r Row, all []Row) string {
	plain := plainOf(r, all)
	if plain == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", float64(r.CPU)/float64(plain))
}

func moreThanPlain(r Row, all []Row) string {
	plain := plainOf(r, all)
	if plain == 0 || r.Mode == Plain {
		return "–"
	}
	return fmt.Sprintf("%.2f µs", float64(r.CPU-plain)/float64(time.Microsecond))
}
