package command

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// cache is `caddy postgres cache`.
func (g *group) cache() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cache", Short: "Shows query caches: what they keep, and what that is good for", Args: noArguments, RunE: g.runCache,
	}
	g.poolFlag(cmd, "Only that of a pool")
	cmd.Flags().Int("limit", 10, "How many tables and queries of each cache are shown at most")
	cmd.Flags().Bool("json", false, "Print what the admin API answers")
	return cmd
}

func (g *group) runCache(cmd *cobra.Command, _ []string) error {
	limit := number(cmd, "limit")
	if limit < 0 {
		return fmt.Errorf("--limit is %d; write how many tables and queries are shown at most", limit)
	}
	a, err := g.admin()
	if err != nil {
		return err
	}
	query := url.Values{"tables": {strconv.Itoa(limit)}, "forms": {strconv.Itoa(limit)}}
	set(query, "pool", text(cmd, "pool"))
	var answer json.RawMessage
	if err := a.get(cmd.Context(), cachePath, query, &answer); err != nil {
		return a.explainPool(cmd.Context(), text(cmd, "pool"), err)
	}
	if yes(cmd, "json") {
		return printJSON(cmd.OutOrStdout(), answer)
	}
	var caches []adminapi.Cache
	if err := json.Unmarshal(answer, &caches); err != nil {
		return fmt.Errorf("decoding the answer to %s: %w", cachePath, err)
	}
	printCaches(cmd.OutOrStdout(), caches)
	return nil
}

// printCaches shows all caches at a glance, then their tables and queries.
func printCaches(w io.Writer, caches []adminapi.Cache) {
	printTable(w, cacheTable(caches), "No pool has a query cache; query_cache in its configuration gives it one.")
	for i, t := range []*table{cachedTables(caches), cachedForms(caches)} {
		if len(t.rows) > 0 {
			fmt.Fprintln(w, []string{"\nTables, those changed most first:", "\nQueries, those asked most first:"}[i])
			printTable(w, t, "")
		}
	}
}

func cacheTable(caches []adminapi.Cache) *table {
	t := &table{columns: []column{
		{title: "POOL", least: 6}, {title: "STATE", least: 10}, {title: "ENTRIES", right: true}, {title: "SIZE", right: true},
		{title: "OF", right: true, drop: 2}, {title: "HITS", right: true}, {title: "MISSES", right: true},
		{title: "RATIO", right: true}, {title: "STORED", right: true, drop: 3},
		{title: "REFUSED", right: true, drop: 6}, {title: "EVICTED", right: true, drop: 5}, {title: "INVALIDATED", right: true, drop: 4},
	}}
	for i := range caches {
		c := &caches[i]
		t.add(c.Pool, c.State, count(c.Entries), size(float64(c.Bytes)), size(float64(c.MaxBytes)), count(c.Hits), count(c.Misses),
			percent(c.HitRatio), count(c.Stored), count(c.Refused), count(c.Evicted), count(c.Invalidated))
	}
	return t
}

func cachedTables(caches []adminapi.Cache) *table {
	t := &table{columns: []column{
		{title: "POOL", least: 6, drop: 1}, {title: "DATABASE", least: 8}, {title: "TABLE", least: 10},
		{title: "ENTRIES", right: true}, {title: "INVALIDATIONS", right: true},
	}}
	for i := range caches {
		for _, of := range caches[i].Tables {
			t.add(caches[i].Pool, of.Database, of.Table, count(of.Entries), count(of.Changes))
		}
	}
	return t
}

func cachedForms(caches []adminapi.Cache) *table {
	t := &table{columns: []column{
		{title: "POOL", least: 6, drop: 1}, {title: "HITS", right: true}, {title: "MISSES", right: true}, {title: "STORED", right: true, drop: 3},
		{title: "SIZE", right: true, drop: 2}, {title: "MISS", right: true, drop: 4}, {title: "REFUSED", least: 8, drop: 5}, {title: "QUERY", least: 34},
	}}
	for i := range caches {
		for _, f := range caches[i].Forms {
			t.add(caches[i].Pool, count(f.Hits), count(f.Misses), count(f.Stored), size(float64(f.Bytes)),
				duration(f.MissSeconds), f.Refused, f.Text)
		}
	}
	return t
}
