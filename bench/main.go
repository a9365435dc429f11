// Command bench measures what a pooler costs: PgBouncer, a bare relay and this project's pooler before the same fake
// server, under the same load, in the same run.
//
//	bench compare   queries per second, latency, and CPU per query of each, as a table
//	bench idle      memory per idle client of each
//	bench logins    logins per second, and CPU per login, of each
//	bench settings  what clients' settings cost each
//	bench cache     what a cached reply costs, beside one that is not
//	bench pair      two of them in turns, in short windows: for differences of some per cent
//	bench direct    the load generator on the fake server without a pooler: what they cost themselves
//	bench load      the load generator on a pooler that runs already
//	bench backend   the fake server alone
//	bench relay     the bare relay alone
//
// Each explains its flags with -h. See docs/performance.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

// commands are the verbs.
var commands = map[string]func(args []string) error{
	"compare":  compare,
	"idle":     idle,
	"logins":   logins,
	"settings": settings,
	"cache":    cache,
	"pair":     pair,
	"direct":   direct,
	"load":     loadOnly,
	"backend":  backendOnly,
	"relay":    relayOnly,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: bench compare|idle|logins|settings|cache|pair|direct|load|backend|relay [flags]")
		os.Exit(2)
	}
	err := commands[os.Args[1]](os.Args[2:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
