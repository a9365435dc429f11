package command

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// queries is `caddy postgres queries`.
func (g *group) queries() *cobra.Command {
	cmd := &cobra.Command{
		Use: "queries", Short: "Lists the busiest queries by their normal form", Args: noArguments,
		Example: "  caddy postgres queries --pool app --sort p99",
		RunE:    g.runQueries,
	}
	g.poolFlag(cmd, "Only those of a pool")
	cmd.Flags().String("sort", adminapi.QuerySorts[0], "What there is most of in the first: "+strings.Join(adminapi.QuerySorts, ", "))
	completeWords(cmd, "sort", adminapi.QuerySorts)
	cmd.Flags().Int("limit", 20, "How many are shown at most")
	cmd.Flags().Bool("json", false, "Print what the admin API answers")
	return cmd
}

func (g *group) runQueries(cmd *cobra.Command, _ []string) error {
	if sort := text(cmd, "sort"); !slices.Contains(adminapi.QuerySorts, sort) {
		return fmt.Errorf("--sort is %q; %s", sort, meant(sort, adminapi.QuerySorts))
	}
	if limit := number(cmd, "limit"); limit < 1 {
		return fmt.Errorf("--limit is %d; write how many are shown at most", limit)
	}
	a, err := g.admin()
	if err != nil {
		return err
	}
	query := url.Values{"limit": {strconv.Itoa(number(cmd, "limit"))}, "sort": {text(cmd, "sort")}}
	set(query, "pool", text(cmd, "pool"))
	return showRows(cmd, a, queriesPath, query, queryTable, "No query has been counted yet.")
}

// showRows prints a list that comes in one piece, as a table or as JSON.
func showRows[T any](cmd *cobra.Command, a *admin, path string, query url.Values, tabulate func([]T) *table, none string) error {
	var answer json.RawMessage
	if err := a.get(cmd.Context(), path, query, &answer); err != nil {
		return a.explainPool(cmd.Context(), text(cmd, "pool"), err)
	}
	if yes(cmd, "json") {
		return printJSON(cmd.OutOrStdout(), answer)
	}
	var list []T
	if err := json.Unmarshal(answer, &list); err != nil {
		return fmt.Errorf("decoding the answer to %s: %w", path, err)
	}
	printTable(cmd.OutOrStdout(), tabulate(list), none)
	return nil
}

// queryTable shows queries in the order in which they come.
func queryTable(queries []adminapi.Query) *table {
	t := &table{columns: []column{
		{title: "POOL", least: 6, drop: 1}, {title: "CALLS", right: true}, {title: "TOTAL", right: true, drop: 2}, {title: "MEAN", right: true},
		{title: "P99", right: true, drop: 4}, {title: "MAX", right: true, drop: 5}, {title: "ROWS", right: true, drop: 6},
		{title: "ERRORS", right: true, drop: 7}, {title: "CACHED", right: true, drop: 8}, {title: "QUERY", least: 34},
	}}
	for i := range queries {
		q := &queries[i]
		t.add(q.Pool, count(q.Calls), duration(q.TotalSeconds), duration(q.MeanSeconds), duration(q.P99Seconds), duration(q.MaxSeconds),
			count(q.Rows), count(q.Errors), count(q.CacheHits), q.Query)
	}
	return t
}
