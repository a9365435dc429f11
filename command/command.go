package command

import (
	"fmt"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/config"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "postgres",
		Usage: "<command>",
		Short: "Shows and steers the Postgres pools of a running Caddy",
		Long: `Shows and steers the Postgres pools of a running Caddy, over its admin endpoint.

The endpoint is found as 'caddy stop' finds it: --address names it, or --config has
it, or the environment variable CADDY_ADMIN does, or it is localhost:2019.

The exit code is 0 when what was asked for is done, and 1 when it is not: also
when a pause was not complete in time.`,
		CobraFunc: addCommands,
	})
}

// group is what the commands have in common: how the admin endpoint is found.
type group struct{ address, config, adapter string }

// addCommands makes `caddy postgres` of an empty command.
func addCommands(parent *cobra.Command) {
	g := &group{}
	flags := parent.PersistentFlags()
	flags.StringVar(&g.address, "address", "", "The address of the admin endpoint, if not the default")
	flags.StringVarP(&g.config, "config", "c", "", "Configuration file that has the address, if --address is not used")
	flags.StringVarP(&g.adapter, "adapter", "a", "", "Name of config adapter to apply (when --config is used)")
	parent.RunE = helpOrUnknown
	parent.Args = cobra.ArbitraryArgs
	parent.AddCommand(g.status(), g.top(), g.clients(), g.servers(), g.queries(), g.upstreams(), g.cache(), g.disconnect(), g.purge())
	parent.AddCommand(g.orders()...)
}

// admin is the endpoint that the flags name.
func (g *group) admin() (*admin, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(g.address, nil, g.config, g.adapter)
	if err != nil {
		return nil, fmt.Errorf("finding the address of the admin endpoint: %w", err)
	}
	return newAdmin(address)
}

// helpOrUnknown is the group without a command, or with one that there is not.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return fmt.Errorf("there is no command %q; %s", args[0], meant(args[0], names))
}

// meant suggests what was probably meant, or else what there is.
func meant(written string, names []string) string {
	if near := config.Nearest(written, names); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "there is " + enumerate(names)
}

// noArguments refuses what nobody looks at.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no argument, but was given %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
}

// oneArgument asks for one, by its name.
func oneArgument(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return fmt.Errorf("write one %s: %s <%s>", name, cmd.CommandPath(), name)
	}
}
