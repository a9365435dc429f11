package report

import (
	"fmt"
	"io"
)

// loginColumns are those of the table of logins, where a sample's queries are short connections of one query each.
var loginColumns = []column{
	{"at a time", func(r Row, _ []Row) string { return fmt.Sprint(r.Clients) }},
	{"login", func(r Row, _ []Row) string { return r.Mode }},
	{"pooler", func(r Row, _ []Row) string { return r.Contender }},
	{"CPU/login", func(r Row, _ []Row) string { return micros(r.CPU) }},
	{"of pgbouncer", func(r Row, all []Row) string { return ratio(r, all, "pgbouncer") }},
	{"logins/s", func(r Row, _ []Row) string { return thousands(int64(r.PerSecond)) }},
	{"p50", func(r Row, _ []Row) string { return micros(r.P50) }},
	{"p99", func(r Row, _ []Row) string { return micros(r.P99) }},
	{"server logins", func(r Row, _ []Row) string { return fmt.Sprint(r.ServerLogins) }},
	{"RSS", func(r Row, _ []Row) string { return mebibytes(r.Resident) }},
	{"syscalls/login", func(r Row, _ []Row) string { return orUnknown(r.Syscalls) }},
	{"pooler busy", func(r Row, _ []Row) string { return percent(r.PoolerBusy) }},
	{"load CPU/login", func(r Row, _ []Row) string { return micros(r.LoadCPU) }},
	{"load busy", func(r Row, _ []Row) string { return percent(r.LoadBusy) }},
}

// Logins writes the table of logins.
func Logins(w io.Writer, rows []Row) error { return markdown(w, loginColumns, rows) }
