package command

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// The flags by which clients and servers are chosen, and what the admin API calls them.
var filterFlags = []struct{ flag, parameter, help string }{
	{"database", "database", "Only those of a database"},
	{"user", "user", "Only those of a user"},
	{"application", "application_name", "Only those with an application_name"},
	{"address", "address", "Only those of a client address"},
	{"state", "state", "Only those in a state"},
	{"upstream", "upstream", "Only those of an upstream's address"},
}

// addFilters adds --pool and the flags of those parameters that the API knows. `--address` is the endpoint's already, so a client's
// is --from.
func (g *group) addFilters(cmd *cobra.Command, known, states []string) {
	g.poolFlag(cmd, "Only those of a pool")
	for _, f := range filterFlags {
		if !slices.Contains(known, f.parameter) {
			continue
		}
		help := f.help
		if f.parameter == "state" {
			help += ": " + strings.Join(states, ", ")
		}
		cmd.Flags().String(flagOf(f.flag), "", help)
	}
	completeWords(cmd, "state", states)
	cmd.Flags().Int("limit", adminapi.DefaultLimit, "How many are shown at most; 0: all")
	cmd.Flags().Bool("json", false, "Print what the admin API answers")
}

// flagOf is the name of a filter's flag.
func flagOf(name string) string {
	if name == "address" {
		return "from"
	}
	return name
}

// asked is what the flags restrict the answer to.
func asked(cmd *cobra.Command) (url.Values, error) {
	if limit, err := cmd.Flags().GetInt("limit"); err == nil && limit < 0 {
		return nil, fmt.Errorf("--limit is %d; write how many are shown at most, or 0 for all", limit)
	}
	query := url.Values{}
	set(query, "pool", text(cmd, "pool"))
	for _, f := range filterFlags {
		if cmd.Flags().Lookup(flagOf(f.flag)) != nil {
			set(query, f.parameter, text(cmd, flagOf(f.flag)))
		}
	}
	return query, nil
}

// set adds a parameter unless it is empty.
func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// text, number and yes are the values of flags that the command has declared.
func text(cmd *cobra.Command, flag string) string {
	v, err := cmd.Flags().GetString(flag)
	return must(v, err)
}

func number(cmd *cobra.Command, flag string) int {
	v, err := cmd.Flags().GetInt(flag)
	return must(v, err)
}

func yes(cmd *cobra.Command, flag string) bool {
	v, err := cmd.Flags().GetBool(flag)
	return must(v, err)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("bug: " + err.Error())
	}
	return v
}
