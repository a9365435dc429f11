package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// servers is `caddy postgres servers`.
func (g *group) servers() *cobra.Command {
	cmd := &cobra.Command{
		Use: "servers", Short: "Lists servers, the connections to Postgres, and whom they serve", Args: noArguments,
		Example: "  caddy postgres servers --upstream 10.0.0.1:5432 --state active",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listRows(g, cmd, serversPath, "server", serverTable)
		},
	}
	g.addFilters(cmd, adminapi.ServerParameters, adminapi.ServerStateNames)
	return cmd
}

// serverTable shows servers in the order in which they come.
func serverTable(servers []adminapi.Server) *table {
	t := &table{columns: []column{
		{title: "ID", right: true}, {title: "POOL", least: 6, drop: 3}, {title: "DATABASE", least: 8, drop: 4}, {title: "USER", least: 6, drop: 2},
		{title: "UPSTREAM", least: 9, drop: 5}, {title: "PID", right: true}, {title: "STATE"}, {title: "FOR", right: true},
		{title: "AGE", right: true, drop: 6}, {title: "QUERIES", right: true, drop: 7}, {title: "CLIENT", right: true, drop: 1},
		{title: "APPLICATION", least: 8, drop: 8}, {title: "PINNED", least: 6, drop: 9},
	}}
	for i := range servers {
		s := &servers[i]
		t.add(s.ID, s.Pool, s.Database, s.User, s.Upstream, fmt.Sprint(s.PID), s.State, duration(s.SinceSeconds),
			duration(s.AgeSeconds), count(s.Queries), s.Client, s.ApplicationName, strings.Join(s.Pinned, ", "))
	}
	return t
}
