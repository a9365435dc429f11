package console

import (
	"slices"
	"strings"
)

// What SHOW STATS has of each database, and SHOW TOTALS of all: a total and an average of each.
var (
	totalNames = []string{
		"total_server_assignment_count", "total_xact_count", "total_query_count", "total_received", "total_sent", "total_xact_time",
		"total_query_time", "total_wait_time", "total_client_parse_count", "total_server_parse_count", "total_bind_count",
	}
	averageNames = []string{
		"avg_server_assignment_count", "avg_xact_count", "avg_query_count", "avg_recv", "avg_sent", "avg_xact_time", "avg_query_time",
		"avg_wait_time", "avg_client_parse_count", "avg_server_parse_count", "avg_bind_count",
	}
	subsetNames = []string{
		"server_assignment_count", "xact_count", "query_count", "bytes_received", "bytes_sent", "xact_time", "query_time", "wait_time",
	}
	// sumNames is how SHOW TOTALS calls them, behind total_ and avg_.
	sumNames = []string{
		"server_assignment_count", "xact_count", "query_count", "client_bytes", "server_bytes", "xact_time", "query_time", "wait_time",
		"ps_client_parse_count", "ps_server_parse_count", "ps_bind_count",
	}
)

var (
	statsColumns    = statsTable(totalNames, averageNames)
	totalsColumns   = statsTable(subsetNames, []string{"client_parse_count", "server_parse_count", "bind_count"})
	averagesColumns = statsTable(subsetNames, []string{"avg_client_parse_count", "avg_server_parse_count", "avg_bind_count"})
)

func statsTable(names ...[]string) columns {
	all := slices.Concat(names...)
	return columns{"s" + strings.Repeat("N", len(all)), append([]string{"database"}, all...)}
}

// row is the figures in the order of the columns.
func (c counted) row() []any {
	return []any{
		c.assignments, c.transactions, c.queries, c.received, c.sent, c.transactionTime, c.queryTime, c.waitTime,
		c.prepares.ByClients, c.prepares.OnServers, c.prepares.Binds,
	}
}

func (s *session) showStats(t *table) error {
	return s.addStats(t, func(total, average counted) []any { return slices.Concat(total.row(), average.row()) })
}

func (s *session) showStatsTotals(t *table) error {
	return s.addStats(t, func(total, _ counted) []any { return total.row() })
}

func (s *session) showAverages(t *table) error {
	return s.addStats(t, func(_, average counted) []any { return average.row() })
}

// addStats has a row for each database that is used, and one for the console, of which the commands are counted.
func (s *session) addStats(t *table, row func(total, average counted) []any) error {
	v, err := s.look()
	if err != nil {
		return err
	}
	before, now := s.world.Before(), s.world.Now()
	counts, used := countedBy(&v.Snapshot), newPlaces()
	used.addUsed(v.Pools)
	for _, at := range used.sorted() {
		c := counts[at]
		t.add(append([]any{v.name(at)}, row(c, c.minus(before.counts[at]).average(now.Sub(before.At)))...)...)
	}
	said := s.shared.commands.Load()
	console := counted{transactions: said, queries: said}
	t.add(append([]any{Database}, row(console, counted{})...)...)
	return nil
}

// showTotals has the sums over all databases, a row for each.
func (s *session) showTotals(t *table) error {
	snapshot, err := s.world.Snapshot()
	if err != nil {
		return err
	}
	before, now := s.world.Before(), s.world.Now()
	sum := countedOfAll(&snapshot)
	since := sum.minus(before.sum)
	for _, of := range []struct {
		prefix string
		row    []any
	}{{"total_", sum.row()}, {"avg_", since.average(now.Sub(before.At)).row()}} {
		for i, name := range sumNames {
			t.add(of.prefix+name, of.row[i])
		}
	}
	return nil
}
