package console

import "context"

// show is something that can be shown: a table with these columns, or nothing but a notice.
type show struct {
	columns
	admin bool
	fill  func(*session, *table) error
	tell  func(*session) (notice, detail string, err error)
}

// shows is what SHOW takes, in lower case.
var shows = func() map[string]show {
	all := map[string]show{
		"active_sockets": {columns: socketColumns, fill: (*session).showActiveSockets},
		"clients":        {columns: peerColumns, fill: (*session).showClients},
		"config":         {columns: configColumns, fill: (*session).showConfig},
		"databases":      {columns: databaseColumns, fill: (*session).showDatabases},
		"dns_hosts":      {columns: columns{"sqs", []string{"hostname", "ttl", "addrs"}}, fill: nothing},
		"dns_zones":      {columns: columns{"sqi", []string{"zonename", "serial", "count"}}, fill: nothing},
		"fds":            {admin: true, tell: func(*session) (string, string, error) { return "", "", noDescriptors }},
		"help":           {tell: func(*session) (string, string, error) { return "Console usage", help, nil }},
		"lists":          {columns: columns{"si", []string{"list", "items"}}, fill: (*session).showLists},
		"mem":            {columns: memColumns, fill: (*session).showMem},
		"peer_pools":     {columns: peerPoolColumns, fill: nothing},
		"peers":          {columns: columns{"isii", []string{"peer_id", "host", "port", "pool_size"}}, fill: nothing},
		"pools":          {columns: poolColumns, fill: (*session).showPools},
		"servers":        {columns: peerColumns, fill: (*session).showServers},
		"sockets":        {columns: socketColumns, fill: (*session).showSockets},
		"state":          {columns: columns{"ss", []string{"key", "value"}}, fill: (*session).showState},
		"stats":          {columns: statsColumns, fill: (*session).showStats},
		"stats_averages": {columns: averagesColumns, fill: (*session).showAverages},
		"stats_totals":   {columns: totalsColumns, fill: (*session).showStatsTotals},
		"totals":         {columns: columns{"sN", []string{"name", "value"}}, fill: (*session).showTotals},
		"users":          {columns: userColumns, fill: (*session).showUsers},
		"version":        {columns: columns{"s", []string{"version"}}, fill: (*session).showVersion},
	}
	fakeShows(func(name string, s show) { all[name] = s })
	return all
}()

var peerPoolColumns = columns{"iiiii", []string{"peer_id", "cl_active_cancel_req", "cl_waiting_cancel_req", "sv_active_cancel", "sv_login"}}

// nothing is the rows of what there is not here: peers, and a cache of names.
func nothing(*session, *table) error { return nil }

func (w show) run(s *session, _ context.Context, _ *statement) (answer, error) {
	a := answer{tag: "SHOW"}
	if w.tell != nil {
		var err error
		a.notice, a.detail, err = w.tell(s)
		return a, err
	}
	a.table = &table{columns: w.columns}
	err := w.fill(s, a.table)
	a.notice = a.table.notice
	return a, err
}

// help is PgBouncer's, without what is not here.
const help = `
	SHOW HELP|CONFIG|DATABASES|POOLS|CLIENTS|SERVERS|USERS|VERSION
	SHOW PEERS|PEER_POOLS
	SHOW SOCKETS|ACTIVE_SOCKETS|LISTS|MEM|STATE
	SHOW DNS_HOSTS|DNS_ZONES
	SHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS
	RELOAD
	PAUSE [<db>]
	RESUME [<db>]
	DISABLE <db>
	ENABLE <db>
	RECONNECT [<db>]
	KILL [<db>]
	KILL_CLIENT <client_id>
	WAIT_CLOSE [<db>]`

// showVersion begins as PgBouncer's does: programs read the number.
func (s *session) showVersion(t *table) error {
	t.add("PgBouncer " + Version + " (pgmux)")
	return nil
}
