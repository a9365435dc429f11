package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// order is something that is done to a pool.
type order struct {
	name, short string
	// done says that it is, and undo by which order that is ended.
	done, undo string
	// left says of connections why they are still waited for.
	left string
}

var orders = []order{
	{"pause", "Closes servers as they become free; who wants one then waits", "paused", "resume", "busy"},
	{"resume", "Ends pause, kill, drain and disable", "active", "", "waited for"},
	{"reconnect", "Replaces all servers as they become free", "connected anew", "", "old"},
	{"drain", "Refuses new clients, and lets those there go when their transaction ends", "drained", "resume", "there"},
	{"kill", "Closes all clients and servers at once, then pauses", "killed, and paused", "resume", "there"},
	{"disable", "Refuses new clients; those there stay", "disabled", "enable", "waited for"},
	{"enable", "Ends disable", "enabled", "", "waited for"},
}

// orders is `caddy postgres pause` and the others.
func (g *group) orders() []*cobra.Command {
	var all []*cobra.Command
	for _, o := range orders {
		cmd := &cobra.Command{
			Use: o.name + " <pool>", Short: o.short, Args: oneArgument("pool"), ValidArgsFunction: g.completePool,
			RunE: func(cmd *cobra.Command, args []string) error { return g.runOrder(cmd, o, args[0]) },
		}
		cmd.Flags().String("database", "", "Only that database of the pool")
		cmd.Flags().Duration("timeout", 30*time.Second, "How long to wait until it is done; a pause that is not is taken back")
		all = append(all, cmd)
	}
	return all
}

// runOrder gives an order and waits until it is done.
func (g *group) runOrder(cmd *cobra.Command, o order, pool string) error {
	timeout := must(cmd.Flags().GetDuration("timeout"))
	if timeout <= 0 {
		return fmt.Errorf("--timeout is %v; write how long to wait, like 30s", timeout)
	}
	a, err := g.admin()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), timeout+answerTimeout)
	defer cancel()
	query := url.Values{"timeout": {timeout.String()}}
	set(query, "database", text(cmd, "database"))
	var p adminapi.Progress
	if _, err := a.do(ctx, http.MethodPost, pathOf(pool, o.name), query, &p); err != nil {
		return a.explainPool(cmd.Context(), pool, tooLate(err, o, pool, timeout))
	}
	fmt.Fprintln(cmd.OutOrStdout(), o.isDone(pool, text(cmd, "database")))
	return nil
}

// isDone says so, and how it is ended.
func (o order) isDone(pool, database string) string {
	what, flag := "Pool "+pool, ""
	if database != "" {
		what, flag = "Database "+database+" of pool "+pool, " --database "+database
	}
	if o.undo == "" {
		return fmt.Sprintf("%s is %s.", what, o.done)
	}
	return fmt.Sprintf("%s is %s; 'caddy postgres %s %s%s' ends that.", what, o.done, o.undo, pool, flag)
}

// tooLate explains an order that is not done in time. Any other error it leaves as it is.
func tooLate(err error, o order, pool string, timeout time.Duration) error {
	var r *refusal
	if !errors.As(err, &r) || r.Status != http.StatusGatewayTimeout {
		return err
	}
	left := "some connections were"
	var p adminapi.Progress
	if json.Unmarshal(r.body, &p) == nil && p.Left > 0 {
		left = plural(p.Left, "connection was", "connections were")
	}
	explained := fmt.Sprintf("%s of pool %s is not done after %v: %s still %s", o.name, pool, timeout, left, o.left)
	if o.name == "pause" {
		explained += "; it is taken back. 'caddy postgres servers --state active' shows who is busy, --timeout gives them longer"
	} else {
		explained += "; it goes on, and 'caddy postgres status' shows how far it is"
	}
	return errors.New(explained)
}
