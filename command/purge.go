package command

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// purge is `caddy postgres purge`.
func (g *group) purge() *cobra.Command {
	cmd := &cobra.Command{
		Use: "purge", Short: "Drops cached replies: all, those of a pool, or those that depend on a table", Args: noArguments,
		Example: "  caddy postgres purge --pool app --table public.orders",
		RunE:    g.runPurge,
	}
	g.poolFlag(cmd, "Only those of a pool")
	cmd.Flags().String("table", "", "Only those that depend on a table")
	return cmd
}

func (g *group) runPurge(cmd *cobra.Command, _ []string) error {
	a, err := g.admin()
	if err != nil {
		return err
	}
	query := url.Values{}
	set(query, "pool", text(cmd, "pool"))
	if cmd.Flags().Changed("table") { // an empty one is a slip, which the endpoint refuses
		query.Set("table", text(cmd, "table"))
	}
	var done adminapi.Purged
	if _, err := a.soon(cmd.Context(), http.MethodDelete, cachePath, query, &done); err != nil {
		return a.explainPool(cmd.Context(), text(cmd, "pool"), err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s dropped.\n", plural(done.Dropped, "reply is", "replies are"))
	return nil
}
