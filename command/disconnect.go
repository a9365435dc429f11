package command

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// disconnect is `caddy postgres disconnect`.
func (g *group) disconnect() *cobra.Command {
	return &cobra.Command{
		Use: "disconnect <client>", Short: "Closes a client's connection", Args: oneArgument("client"),
		Long: "Closes a client's connection. 'caddy postgres clients' lists clients by their ID.\nWhat it has not committed is rolled back.",
		RunE: g.runDisconnect,
	}
}

func (g *group) runDisconnect(cmd *cobra.Command, args []string) error {
	id, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no client; write the ID that 'caddy postgres clients' shows, like 4711", args[0])
	}
	a, err := g.admin()
	if err != nil {
		return err
	}
	var done adminapi.Closed
	_, err = a.soon(cmd.Context(), http.MethodDelete, fmt.Sprintf("%s/%d", clientsPath, id), nil, &done)
	switch {
	case err != nil:
		return err
	case !done.Closed:
		return fmt.Errorf("client %d is not there; it may have gone meanwhile", id)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Client %d is disconnected.\n", id)
	return nil
}
