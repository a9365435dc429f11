package command

import "github.com/pgmux/caddy-pgmux/internal/adminapi"

// figureColumns is what a table has for figures.
func figureColumns() []column {
	return []column{
		{title: "CLIENTS", right: true, drop: 4}, {title: "ACTIVE", right: true, drop: 2}, {title: "WAITING", right: true},
		{title: "LONGEST", right: true, drop: 5}, {title: "SERVERS", right: true, drop: 1}, {title: "FREE", right: true, drop: 7},
		{title: "MAX", right: true, drop: 6}, {title: "USED", right: true},
	}
}

// figureCells is a row of them. USED is the utilization: how many of the servers that there may be somebody has.
func figureCells(f *adminapi.Figures) []string {
	longest := unknown
	if f.Waiting > 0 {
		longest = duration(f.MaxWaitSeconds)
	}
	return []string{
		count(f.Clients.Total), count(f.Clients.Active), count(f.Waiting), longest,
		count(f.Size), count(f.Available), count(f.MaxSize), percent(f.Utilization),
	}
}

// poolTable shows pools.
func poolTable(pools []adminapi.Pool) *table {
	t := &table{columns: append([]column{{title: "POOL", least: 8}, {title: "STATUS", drop: 3}}, figureColumns()...)}
	t.columns = append(t.columns, column{title: "QUERIES", right: true, drop: 8})
	for i := range pools {
		p := &pools[i]
		t.add(append(append([]string{p.Name, p.Status}, figureCells(&p.Figures)...), count(p.Queries))...)
	}
	return t
}

// userTable shows the databases and users of a pool.
func userTable(users []adminapi.User) *table {
	t := &table{columns: append([]column{{title: "DATABASE", least: 8}, {title: "USER", least: 8}}, figureColumns()...)}
	t.columns = append(t.columns, column{title: "QUERIES", right: true, drop: 8})
	for i := range users {
		u := &users[i]
		t.add(append(append([]string{u.Database, u.User}, figureCells(&u.Figures)...), count(u.Queries))...)
	}
	return t
}
