//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// accessLine is a line of the logger postgres.access.
type accessLine struct {
	Msg, Logger, Pool, User, Reason, Cause string
	Queries                                int
	Age                                    float64
}

// accessLines reads such a log.
func accessLines(t *testing.T, path string) (lines []accessLine) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		var l accessLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// What becomes of clients is written to a logger of its own, which Caddy's `log` option sends to a file; with sampling, not all of it.
func TestWhatBecomesOfClientsIsLogged(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("no log without the pooler")
		}
		path := filepath.Join(t.TempDir(), "access.log")
		sampled := filepath.Join(t.TempDir(), "sampled.log")
		p := startPooler(t, driver, server, settings{
			Pool: "pool_size 1\nquery_wait_timeout 5s\nlog all",
			Caddy: "log access {\n\tinclude postgres.access\n\toutput file " + path + "\n\tformat json\n}\n" +
				"log sampled {\n\tinclude postgres.access\n\toutput file " + sampled + "\n\tformat json\n\tsampling {\n\t\tinterval 1h\n\t\tfirst 2\n\t\tthereafter 1000\n\t}\n}",
		})
		a, b := connect(t, p.Addr), connect(t, p.Addr)
		a.query("CREATE TEMP TABLE own ()")
		eventually(t, "a is pinned", func() error {
			var active []struct{ Pinned []string }
			if err := p.getJSON("/postgres/clients?state=active", &active); err != nil {
				return err
			}
			if len(active) != 1 || !slices.Contains(active[0].Pinned, "temporary_table") {
				return fmt.Errorf("%+v are active", active)
			}
			return nil
		})
		b.query("SELECT 'refused'")
		a.leave()
		b.vanish()
		for range 10 {
			connect(t, p.Addr).leave()
		}
		want := []accessLine{
			{Msg: "a client has logged in"},
			{Msg: "a client keeps its server", Reason: "temporary_table"},
			{Msg: "a query was refused", Reason: "08006"},
			{Msg: "a client has left", Reason: "terminated"},
		}
		eventually(t, "the log has all", func() error {
			all := accessLines(t, path)
			for _, w := range want {
				if !hasLine(all, w) {
					return errMissing(fmt.Sprintf("%s %s, in %+v,", w.Msg, w.Reason, all))
				}
			}
			if n := countLines(all, "a client has left"); n != 12 {
				return errMissing("the end of all twelve")
			}
			return nil
		})
		if n := countLines(accessLines(t, sampled), "a client has left"); n != 2 {
			t.Errorf("sampled, the log has %d of 12 lines, not 2", n)
		}
		if strings.Contains(p.out.String(), "SELECT 'refused'") {
			t.Error("the log has the text of a query")
		}
	})
}

type errMissing string

func (e errMissing) Error() string { return string(e) + " is missing" }

func hasLine(all []accessLine, want accessLine) bool {
	for _, l := range all {
		if l.Msg == want.Msg && l.Reason == want.Reason && l.Logger == "postgres.access" && l.Pool == "app" && l.User == "app" {
			return true
		}
	}
	return false
}

func countLines(all []accessLine, msg string) (n int) {
	for _, l := range all {
		if l.Msg == msg {
			n++
		}
	}
	return n
}
