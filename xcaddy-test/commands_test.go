//go:build xcaddy

package xcaddytest

import (
	"os"
	"strings"
	"testing"
)

func TestModulesArePluggedIn(t *testing.T) {
	modules := strings.Fields(newUser(t).must("list-modules"))
	for _, want := range []string{"postgres", "layer4.handlers.postgres_pool", "admin.api.postgres", "layer4", "layer4.matchers.postgres"} {
		found := false
		for _, m := range modules {
			found = found || m == want
		}
		if !found {
			t.Errorf("list-modules does not have %s", want)
		}
	}
}

func TestAdaptValidateAndFormat(t *testing.T) {
	u := newUser(t)
	config := u.caddyfile()
	if out := u.must("adapt", "--config", config); !strings.Contains(out, `"handler":"postgres_pool","pool":"app"`) {
		t.Errorf("adapt:\n%s", out)
	}
	if out := u.must("validate", "--config", config); !strings.Contains(out, "Valid configuration") {
		t.Errorf("validate:\n%s", out)
	}
	text, _ := os.ReadFile(config)
	if out := u.must("fmt", config); out != string(text) {
		t.Errorf("fmt changes the example:\n%s", out)
	}
}

func TestWrongCaddyfilesNameTheLineAndTheCure(t *testing.T) {
	for _, c := range []struct{ name, old, wrong, says string }{
		{"unknown option", "pool_size 20", "pol_size 20", `pool app has no option "pol_size"; did you mean pool_size?, at `},
		{"bad duration", "query_wait_timeout 30s", "query_wait_timeout 30", "write a number with its unit, like 500ms, 30s, 10m or 1h, at "},
		{"pool_size 0", "pool_size 20", "pool_size 0", "pool app pool_size is 0, but must be at least 1"},
		{"no upstream", "upstream {env.PGMUX_UPSTREAM}", "", "pool app has no upstream; add a line like `upstream 127.0.0.1:5432`, at "},
	} {
		u := newUser(t)
		config := u.caddyfile(c.old, c.wrong)
		out, err := u.caddy("adapt", "--config", config)
		if err == nil || !strings.Contains(unescaped(out), c.says) || !strings.Contains(out, config+":") {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
	}
}

func TestUnknownPoolIsRefused(t *testing.T) {
	u := newUser(t)
	out, err := u.caddy("validate", "--config", u.caddyfile("postgres_pool app", "postgres_pool ap"))
	if err == nil || !strings.Contains(unescaped(out), `there is no pool "ap"; there is app; did you mean app?`) {
		t.Errorf("%v\n%s", err, out)
	}
}

// unescaped is a line of the log with its quotes as they were.
func unescaped(out string) string { return strings.ReplaceAll(out, `\"`, `"`) }
