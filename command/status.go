package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// status is `caddy postgres status`.
func (g *group) status() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [<pool>]", Short: "Shows pools and upstreams at a glance, or one pool by database and user",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: g.completePool,
		RunE: g.runStatus,
	}
	cmd.Flags().Bool("json", false, "Print what the admin API answers")
	return cmd
}

func (g *group) runStatus(cmd *cobra.Command, args []string) error {
	a, err := g.admin()
	if err != nil {
		return err
	}
	pool, path, query := "", poolsPath, url.Values{}
	if len(args) > 0 {
		pool = args[0]
		path = pathOf(pool)
		query.Set("pool", pool)
	}
	var pools, upstreams json.RawMessage
	if err := a.getBoth(cmd.Context(), path, query, &pools, &upstreams); err != nil {
		return a.explainPool(cmd.Context(), pool, err)
	}
	if yes(cmd, "json") {
		return printJSON(cmd.OutOrStdout(), statusJSON(pool, pools, upstreams))
	}
	return printStatus(cmd.OutOrStdout(), pool, pools, upstreams, time.Now())
}

// getBoth reads pools, or one, and their upstreams.
func (a *admin) getBoth(ctx context.Context, path string, query url.Values, pools, upstreams *json.RawMessage) error {
	if err := a.get(ctx, path, nil, pools); err != nil {
		return err
	}
	return a.get(ctx, upstreamsPath, query, upstreams)
}

// statusJSON is both answers in one document.
func statusJSON(pool string, pools, upstreams json.RawMessage) any {
	if pool != "" {
		return map[string]json.RawMessage{"pool": pools, "upstreams": upstreams}
	}
	return map[string]json.RawMessage{"pools": pools, "upstreams": upstreams}
}

// printStatus writes tables.
func printStatus(w io.Writer, pool string, answer, upstreams json.RawMessage, now time.Time) error {
	var all []adminapi.Upstream
	if err := json.Unmarshal(upstreams, &all); err != nil {
		return fmt.Errorf("decoding the answer to %s: %w", upstreamsPath, err)
	}
	if pool == "" {
		var pools []adminapi.Pool
		if err := json.Unmarshal(answer, &pools); err != nil {
			return fmt.Errorf("decoding the answer to %s: %w", poolsPath, err)
		}
		printTable(w, poolTable(pools), "There is no pool.")
	} else {
		var detail adminapi.PoolDetail
		if err := json.Unmarshal(answer, &detail); err != nil {
			return fmt.Errorf("decoding the answer to %s: %w", pathOf(pool), err)
		}
		printDetail(w, &detail)
	}
	if len(all) > 0 {
		fmt.Fprintln(w)
		printTable(w, upstreamTable(all, now), "")
	}
	return nil
}

// printDetail shows one pool by database and user, and what is worth a sentence.
func printDetail(w io.Writer, d *adminapi.PoolDetail) {
	printTable(w, poolTable([]adminapi.Pool{d.Pool}), "")
	fmt.Fprintln(w)
	printTable(w, userTable(d.Users), "Nobody uses it.")
	fmt.Fprintln(w)
	for _, line := range remarks(&d.Figures) {
		fmt.Fprintln(w, clean(line))
	}
}

// remarks is what is worth a sentence of a pool.
func remarks(f *adminapi.Figures) []string {
	said := []string{fmt.Sprintf("Since the start: %s in %s, %s received, %s sent.", plural(int(f.Queries), "query", "queries"),
		plural(int(f.Transactions), "transaction", "transactions"), size(float64(f.BytesReceived)), size(float64(f.BytesSent)))}
	if r := &f.Recommended; r.ArrivalsPerSecond > 0 {
		said = append(said, fmt.Sprintf("Servers: %s busy on average, asked for %s times a second for %s each; %s recommended.",
			rate(r.BusyServers), rate(r.ArrivalsPerSecond), duration(r.ServiceSeconds), plural(r.Size, "is", "are")))
	}
	if len(f.Pinned) > 0 {
		var reasons []string
		for _, reason := range slices.Sorted(maps.Keys(f.Pinned)) {
			reasons = append(reasons, fmt.Sprintf("%s (%d)", reason, f.Pinned[reason]))
		}
		said = append(said, "Pinned to their server: "+strings.Join(reasons, ", ")+".")
	}
	if l := f.Listening; l != nil {
		said = append(said, fmt.Sprintf("Listening: %s, %s, %s.", plural(l.Clients, "client", "clients"), plural(l.Channels, "channel", "channels"),
			plural(l.Servers, "server", "servers")))
	}
	if f.ConnectsFailed+f.WaitTimeouts+f.ChecksFailed > 0 {
		said = append(said, fmt.Sprintf("In vain: %s connects, %s waits for a server, %s checks.", count(f.ConnectsFailed), count(f.WaitTimeouts),
			count(f.ChecksFailed)))
	}
	return said
}
