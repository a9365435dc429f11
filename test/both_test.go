//go:build e2e

package e2e

import (
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// eachDriver runs a test over every I/O driver, on the oldest Postgres at hand.
func eachDriver(t *testing.T, test func(t *testing.T, driver string, server *pgtest.Server)) {
	t.Helper()
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) { test(t, driver, postgres(t, versions()[0])) })
	}
}

// eitherDriver is eachDriver for tests of what knows nothing of I/O: each runs over one driver, another for each test, or over
// those that E2E_DRIVERS names.
func eitherDriver(t *testing.T, test func(t *testing.T, driver string, server *pgtest.Server)) {
	t.Helper()
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) { test(t, driver, postgres(t, versions()[0])) })
	}
}

// eachDriverAndVersion runs a test on every Postgres at hand and over every I/O driver, each on another, or over all that
// E2E_DRIVERS names: neither knows of the other.
func eachDriverAndVersion(t *testing.T, test func(t *testing.T, driver string, server *pgtest.Server)) {
	t.Helper()
	for i, version := range versions() {
		for _, driver := range someDrivers(t, i) {
			t.Run(fmt.Sprintf("%s/%d", driver, version), func(t *testing.T) { test(t, driver, postgres(t, version)) })
		}
	}
}

// someDrivers is one driver for a test, another for each turn, or those that E2E_DRIVERS names.
func someDrivers(t *testing.T, turn int) []string {
	all := drivers()
	if os.Getenv("E2E_DRIVERS") != "" || direct() {
		return all
	}
	h := fnv.New32a()
	h.Write([]byte(t.Name()))
	i := (int(h.Sum32()&1) + turn) % len(all)
	return all[i : i+1]
}

// both holds a conversation with Postgres itself, and then twice through a pooler: on a server fresh from the login,
// and on one that has served others, by whom the same statements may have been prepared. The client must not see a
// difference.
func both(t *testing.T, s settings, talk func(t *testing.T, c *client)) {
	t.Helper()
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		want := connect(t, server.Addr())
		talk(t, want)
		want.leave()
		p := startPooler(t, driver, server, s)
		for _, round := range []string{"first", "second"} {
			got := connect(t, p.Addr)
			talk(t, got)
			got.leave()
			if diff := difference(want.heard, got.heard); diff != "" {
				t.Fatalf("in the %s round the client sees a pooler (-: Postgres, +: through us):\n%s", round, diff)
			}
		}
	})
}

// difference shows where two transcripts part, with what went before; empty if they do not.
func difference(want, got []string) string {
	n := 0
	for n < len(want) && n < len(got) && want[n] == got[n] {
		n++
	}
	if n == len(want) && n == len(got) {
		return ""
	}
	var b strings.Builder
	for _, l := range want[max(0, n-5):n] {
		fmt.Fprintf(&b, "  %s\n", l)
	}
	for _, l := range want[n:min(len(want), n+8)] {
		fmt.Fprintf(&b, "- %s\n", l)
	}
	for _, l := range got[n:min(len(got), n+8)] {
		fmt.Fprintf(&b, "+ %s\n", l)
	}
	return b.String()
}
