//go:build e2e

package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

var tokenForm = regexp.MustCompile(`^1:[0-9a-f]{16}:[0-9]+$`)

// secretly is what a session is set to, asked in a way that nobody reads.
const secretly = "SELECT coalesce(current_setting('pgm' || 'ux.causal_token', true), '') || coalesce(nullif(current_setting('pgm' || 'ux.route', true), ''), '')"

// answers is the values of all rows in what was heard.
func answers(lines []string) (values []string) {
	for _, l := range lines {
		if _, rest, ok := strings.Cut(l, `"Type":"DataRow","Values":[{"text":"`); ok {
			value, _, _ := strings.Cut(rest, `"`)
			values = append(values, value)
		}
	}
	return values
}

// Whoever asks for a causal token is told one, on every road and on every server, and nobody finds it in a session.
func TestACausalTokenIsTold(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a setting of ours")
		}
		for name, in := range map[string]settings{
			"transaction": passersPool,
			"session":     {Pool: "pool_size 5\npool_mode session"},
			"statement":   {Pool: "pool_size 2\npool_mode statement"},
			"untracked":   {Pool: "pool_size 2\ntrack_parameters none"},
		} {
			t.Run(name, func(t *testing.T) {
				p := startPooler(t, driver, server, in)
				c, other := connect(t, p.Addr), connect(t, p.Addr)
				c.ask(parse("named", "SHOW pgmux.causal_token"), &pgproto3.Describe{ObjectType: 'S', Name: "named"})
				talks := map[string]func() []string{
					"SHOW":            func() []string { return c.query("SHOW pgmux.causal_token") },
					"current_setting": func() []string { return c.query("SELECT current_setting('pgmux.causal_token')") },
					"among others": func() []string {
						return c.query("SELECT 'x' WHERE false; SHOW pgmux.causal_token; SELECT 'y' WHERE false")
					},
					"extended": func() []string { return c.ask(pbe("SHOW pgmux.causal_token")...) },
					"described": func() []string {
						return c.ask(parse("", "SHOW pgmux.causal_token"), bind("", ""), &pgproto3.Describe{ObjectType: 'P'}, execute(""))
					},
					"named": func() []string { return c.ask(bind("", "named"), execute("")) },
					"named, described": func() []string {
						return c.ask(&pgproto3.Describe{ObjectType: 'S', Name: "named"}, bind("", "named"), execute(""))
					},
				}
				if name != "statement" {
					talks["in a transaction"] = func() []string {
						return append(append(c.query("BEGIN"), c.query("SHOW pgmux.causal_token")...), c.query("COMMIT")...)
					}
					talks["behind a rollback"] = func() []string {
						c.query("BEGIN; SELECT 1/0")
						return c.query("ROLLBACK; SHOW pgmux.causal_token")
					}
					talks["before its isolation is set"] = func() []string {
						out := c.query("BEGIN; SHOW pgmux.causal_token; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
						return append(out, c.query("COMMIT")...)
					}
				}
				for road, talk := range talks {
					for range 3 {
						lines := talk()
						if got := answers(lines); len(got) != 1 || !tokenForm.MatchString(got[0]) {
							t.Fatalf("%s: %q", road, lines)
						}
						mustNotContain(t, lines, "Notice")
						mustNotContain(t, lines, "ErrorResponse")
						if got := other.value(secretly); got != "" {
							t.Fatalf("%s: another client finds %q", road, got)
						}
					}
				}
				if name != "statement" {
					c.query("BEGIN; SELECT 1/0")
					mustContain(t, c.query("SHOW pgmux.causal_token"), "25P02")
					mustContain(t, c.ask(pbe("SHOW pgmux.causal_token")...), "25P02")
					c.query("ROLLBACK")
				}
			})
		}
	})
}

// ways are the ways to set a setting to a value.
var ways = map[string]func(c *client, setting, value string) []string{
	"SET":         func(c *client, s, v string) []string { return c.query("SET " + s + " = '" + v + "'") },
	"SET SESSION": func(c *client, s, v string) []string { return c.query("SET SESSION " + s + " TO '" + v + "' -- so") },
	"set_config": func(c *client, s, v string) []string {
		return c.query("SELECT set_config('" + s + "', '" + v + "', false)")
	},
	"extended": func(c *client, s, v string) []string { return c.ask(pbe("SET " + s + " = '" + v + "'")...) },
	"a parameter": func(c *client, s, v string) []string {
		return c.ask(parse("", "SELECT set_config('"+s+"', $1, false)"),
			&pgproto3.Bind{Parameters: [][]byte{[]byte(v)}}, execute(""))
	},
	"a transaction": func(c *client, s, v string) []string {
		out := c.query("BEGIN")
		out = append(out, c.query("SET "+s+" = '"+v+"'")...)
		return append(out, c.query("COMMIT")...)
	},
}

// A token or a route that there cannot be is refused where it is said, and nothing of it is left; what there can be is taken, and a
// token does not stay in any session.
func TestSettingsOfThePoolerAreChecked(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a setting of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\ntrack_parameters none"})
		c, other := connect(t, p.Addr), connect(t, p.Addr)
		pid := other.value("SELECT pg_backend_pid()")
		for way, set := range ways {
			t.Run(way, func(t *testing.T) {
				for _, bad := range [][2]string{{"pgmux.causal_token", "nonsense"}, {"pgmux.causal_token", "2:0123456789abcdef:7"}, {"pgmux.route", "force_custom_plan"}, {"pgmux.route", "5"}} {
					lines := set(c, bad[0], bad[1])
					mustContain(t, lines, "ErrorResponse ERROR 22023", `invalid value for parameter \"`+bad[0]+`\": \"`+bad[1]+`\"`, `position 0 where ""`)
					if got := other.value(secretly + " || pg_backend_pid()"); got != pid {
						t.Fatalf("%v: another client finds %q", bad, got)
					}
				}
				if got := c.value("SHOW pgmux.route"); got != "auto" {
					t.Fatalf("the route is %s", got)
				}
				token := other.value("SHOW pgmux.causal_token")
				for _, good := range [][2]string{{"pgmux.causal_token", token}, {"pgmux.causal_token", "1:0123456789abcdef:7"}, {"pgmux.causal_token", ""}, {"pgmux.route", "Replica"}} {
					mustNotContain(t, set(c, good[0], good[1]), "ErrorResponse")
					if got := other.value(secretly + " || pg_backend_pid()"); got != pid {
						t.Fatalf("%v: another client finds %q", good, got)
					}
				}
				if got := c.value("SHOW pgmux.route"); got != "Replica" {
					t.Fatalf("the route is %s", got)
				}
				c.query("RESET pgmux.route")
				if got := c.value("SHOW pgmux.route"); got != "auto" {
					t.Fatalf("the route is %s", got)
				}
			})
		}
		c.query("BEGIN; SET LOCAL pgmux.route = 'replica'")
		mustContain(t, c.query("SET LOCAL pgmux.route = 'nowhere'"), "ErrorResponse ERROR 22023")
		c.query("ROLLBACK")
		c.query("BEGIN; SET LOCAL pgmux.causal_token = ''")
		mustContain(t, c.ask(pbe("SELECT set_config('pgmux.causal_token', 'nonsense', true)")...), "ErrorResponse ERROR 22023")
		c.query("ROLLBACK")
		c.query("BEGIN")
		mustContain(t, c.ask(pbe("SET LOCAL pgmux.route TO nowhere")...), "ErrorResponse ERROR 22023")
		c.query("ROLLBACK")
		if got := c.value("SHOW pgmux.route"); got != "auto" {
			t.Fatalf("the route is %s", got)
		}
	})
}

// At login they are checked as well.
func TestSettingsOfThePoolerAtLogin(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a setting of ours")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		plain := connect(t, p.Addr)
		token := plain.value("SHOW pgmux.causal_token")
		c := connect(t, p.Addr, "options", "-c pgmux.route=replica -c pgmux.causal_token="+token)
		if got := c.value("SHOW pgmux.route"); got != "replica" {
			t.Fatalf("the route is %s", got)
		}
		if got := plain.value(secretly); got != "" {
			t.Fatalf("another client finds %q", got)
		}
		c.query("SET pgmux.route = primary")
		c.query("RESET pgmux.route")
		if got := c.value("SHOW pgmux.route"); got != "replica" {
			t.Fatalf("the route is %s", got)
		}
		for _, bad := range []string{"-c pgmux.route=nowhere", "-c pgmux.causal_token=x"} {
			if _, err := tryConnect(t, p.Addr, "options", bad); err == nil || !strings.Contains(err.Error(), "invalid value for parameter") {
				t.Errorf("%s: %v", bad, err)
			}
		}
	})
}
