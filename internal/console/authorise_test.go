package console

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// What a user of stats_users may say, of all that there is; everything else is for admins. A command that is added has to be put here, or it
// fails.
var forEverybody = []string{
	"active_sockets", "clients", "config", "databases", "dns_hosts", "dns_zones", "help", "lists", "mem", "peer_pools", "peers", "pools",
	"servers", "sockets", "state", "stats", "stats_averages", "stats_totals", "totals", "users", "version",
	"client_encoding", "datestyle", "default_transaction_isolation", "extra_float_digits", "standard_conforming_strings", "timezone",
}

// everything is each command that there is, and those whose argument matters with several.
func everything() []string {
	said := []string{
		"SET pool_mode = session", "SET pool_mode TO 'session'", "PAUSE app", "KILL_CLIENT 17", "SHUTDOWN WAIT_FOR_CLIENTS", "SELECT fds", `SHOW "FDS"`,
	}
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		if name != "set" {
			said = append(said, name, strings.ToUpper(name)+" ledger;", `"`+name+`" "ledger"`)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(shows)) {
		said = append(said, "SHOW "+name)
	}
	return said
}

// Each command is authorised by itself: who may SHOW gets nothing else done, however it is written, and the world hears nothing but that it was
// tried.
func TestTrap37EveryCommandIsAuthorised(t *testing.T) {
	w := newFakeWorld()
	c := talk(t, w, new(Shared), false)
	for _, said := range everything() {
		name, shown := strings.CutPrefix(said, "SHOW ")
		allowed := shown && slices.Contains(forEverybody, name)
		answer, told := c.ask(said), w.heard()
		refused := strings.HasPrefix(answer, "ErrorResponse ERROR 42501 admin access needed")
		if refused == allowed {
			t.Errorf("%s: allowed is %t, and the answer is\n%s", said, allowed, answer)
		}
		if tried := strings.HasPrefix(told, "ops: "); tried != refused || strings.Contains(told, "\n") || told != "" && !tried {
			t.Errorf("%s: the world has been told %q", said, told)
		}
	}
}

func TestAdminsMaySayEverything(t *testing.T) {
	w := newFakeWorld()
	w.instant = true
	w.gone(closing)
	c := talk(t, w, new(Shared), true)
	for _, said := range everything() {
		takesNoName := strings.Contains(strings.ToLower(said), "reload")
		answer := c.ask(said)
		if strings.Contains(answer, "42501") || strings.Contains(answer, "invalid command") && !takesNoName {
			t.Errorf("%s:\n%s", said, answer)
		}
	}
}
