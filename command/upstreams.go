package command

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// upstreams is `caddy postgres upstreams`.
func (g *group) upstreams() *cobra.Command {
	cmd := &cobra.Command{
		Use: "upstreams", Short: "Lists upstreams: role, health, lag and connections", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := g.admin()
			if err != nil {
				return err
			}
			query := url.Values{}
			set(query, "pool", text(cmd, "pool"))
			tabulate := func(all []adminapi.Upstream) *table { return upstreamTable(all, time.Now()) }
			return showRows(cmd, a, upstreamsPath, query, tabulate, "There is no upstream.")
		},
	}
	g.poolFlag(cmd, "Only those of a pool")
	cmd.Flags().Bool("json", false, "Print what the admin API answers")
	return cmd
}

// upstreamTable shows upstreams in the order in which they come.
func upstreamTable(upstreams []adminapi.Upstream, now time.Time) *table {
	t := &table{columns: []column{
		{title: "POOL", least: 6, drop: 3}, {title: "UPSTREAM", least: 12}, {title: "ROLE"}, {title: "UP"}, {title: "FOR", right: true, drop: 5},
		{title: "LAG", right: true, drop: 1}, {title: "BREAKER", drop: 4}, {title: "PROBE", right: true, drop: 7}, {title: "WEIGHT", right: true, drop: 6},
		{title: "SERVERS", right: true, drop: 2}, {title: "ACTIVE", right: true}, {title: "WHY", least: 8, drop: 8},
	}}
	for i := range upstreams {
		u := &upstreams[i]
		t.add(u.Pool, u.Address, u.Role, upOrDown(u.Up), since(u.Since, now), secondsOf(u.LagSeconds), u.Breaker, secondsOf(u.LatencySeconds),
			weightOf(u), count(u.Servers.Open), count(u.Servers.Active), u.Why)
		t.mark(!u.Up || u.TooLate)
	}
	return t
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// since is for how long something is so.
func since(from *time.Time, now time.Time) string {
	if from == nil {
		return unknown
	}
	return duration(max(0, now.Sub(*from).Seconds()))
}

func secondsOf(s *float64) string {
	if s == nil {
		return unknown
	}
	return duration(*s)
}

// weightOf is what an upstream's weight is now, of what is configured where that differs.
func weightOf(u *adminapi.Upstream) string {
	if u.EffectiveWeight == float64(u.Weight) {
		return fmt.Sprint(u.Weight)
	}
	return fmt.Sprintf("%.3g/%d", u.EffectiveWeight, u.Weight)
}
