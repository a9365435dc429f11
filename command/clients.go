package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// clients is `caddy postgres clients`.
func (g *group) clients() *cobra.Command {
	cmd := &cobra.Command{
		Use: "clients", Short: "Lists clients: who they are, what they do, and for how long", Args: noArguments,
		Example: "  caddy postgres clients --pool app --state waiting",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listRows(g, cmd, clientsPath, "client", clientTable)
		},
	}
	g.addFilters(cmd, adminapi.ClientParameters, adminapi.ClientStateNames)
	return cmd
}

// listRows prints a list that comes in pages, as a table or as JSON.
func listRows[T any](g *group, cmd *cobra.Command, path, one string, tabulate func([]T) *table) error {
	query, err := asked(cmd)
	if err != nil {
		return err
	}
	a, err := g.admin()
	if err != nil {
		return err
	}
	all, more, err := a.pages(cmd.Context(), path, query, number(cmd, "limit"))
	if err != nil {
		return a.explainPool(cmd.Context(), text(cmd, "pool"), err)
	}
	if yes(cmd, "json") {
		if all == nil {
			all = rows{}
		}
		return printJSON(cmd.OutOrStdout(), all)
	}
	list, err := decode[T](all)
	if err != nil {
		return err
	}
	printTable(cmd.OutOrStdout(), tabulate(list), "There is no such "+one+".")
	if more {
		fmt.Fprintf(cmd.ErrOrStderr(), "There are more; --limit 0 shows all of them.\n")
	}
	return nil
}

// clientTable shows clients in the order in which they come.
func clientTable(clients []adminapi.Client) *table {
	t := &table{columns: []column{
		{title: "ID", right: true}, {title: "POOL", least: 6, drop: 3}, {title: "DATABASE", least: 8, drop: 4}, {title: "USER", least: 6},
		{title: "APPLICATION", least: 8, drop: 2}, {title: "ADDRESS", least: 9, drop: 5}, {title: "STATE"}, {title: "FOR", right: true},
		{title: "AGE", right: true, drop: 6}, {title: "QUERIES", right: true, drop: 7}, {title: "SERVER", right: true, drop: 8},
		{title: "WHY", least: 8, drop: 9},
	}}
	for i := range clients {
		c := &clients[i]
		t.add(c.ID, c.Pool, c.Database, c.User, c.ApplicationName, c.Address, c.State, duration(c.SinceSeconds),
			duration(c.AgeSeconds), count(c.Queries), processID(c.ServerPID), whyOf(c))
		t.mark(c.State == adminapi.ClientWaiting)
	}
	return t
}

// whyOf is why a client waits, or keeps its server.
func whyOf(c *adminapi.Client) string {
	if c.Why == "" && len(c.Pinned) > 0 {
		return "pinned: " + strings.Join(c.Pinned, ", ")
	}
	return c.Why
}

// processID is that of a server, nothing if there is none.
func processID(pid uint32) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprint(pid)
}
