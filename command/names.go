package command

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

const (
	poolsPath     = "/postgres/pools"
	upstreamsPath = "/postgres/upstreams"
	clientsPath   = "/postgres/clients"
	serversPath   = "/postgres/servers"
	queriesPath   = "/postgres/queries"
	cachePath     = "/postgres/cache"
)

// pathOf is where a pool is, or what can be done to it.
func pathOf(pool string, order ...string) string {
	path := poolsPath + "/" + url.PathEscape(pool)
	for _, o := range order {
		path += "/" + o
	}
	return path
}

// poolNames is the pools that there are.
func (a *admin) poolNames(ctx context.Context) ([]string, error) {
	var pools []adminapi.Pool
	if err := a.get(ctx, poolsPath, nil, &pools); err != nil {
		return nil, err
	}
	names := make([]string, len(pools))
	for i, p := range pools {
		names[i] = p.Name
	}
	return names, nil
}

// explainPool says which pool was probably meant where there is none of that name. Any other error it leaves as it is.
func (a *admin) explainPool(ctx context.Context, pool string, err error) error {
	if pool == "" || !refusedWith(err, http.StatusNotFound) {
		return err
	}
	names, listing := a.poolNames(ctx)
	if listing != nil {
		return err
	}
	for _, name := range names {
		if name == pool {
			return err
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("there is no pool %q, nor any other", pool)
	}
	return fmt.Errorf("there is no pool %q; %s", pool, meant(pool, names))
}

// completionTimeout is how long a shell may be kept waiting for the names of pools. A test has it be longer.
var completionTimeout = time.Second

// completePool completes the name of a pool.
func (g *group) completePool(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return g.completePoolFlag(nil, nil, "")
}

// completePoolFlag completes the value of --pool.
func (g *group) completePoolFlag(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	a, err := g.admin()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, err := a.poolNames(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeWords completes the value of a flag that can be one of some words.
func completeWords(cmd *cobra.Command, flag string, words []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("bug: " + err.Error())
	}
}

// poolFlag adds --pool, which is completed.
func (g *group) poolFlag(cmd *cobra.Command, what string) {
	cmd.Flags().String("pool", "", what)
	if err := cmd.RegisterFlagCompletionFunc("pool", g.completePoolFlag); err != nil {
		panic("bug: " + err.Error())
	}
}
