package caddyfile

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/pgmux/caddy-pgmux/config"
)

func TestADashboardIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"postgres_dashboard":                              "",
		"postgres_dashboard {\n}":                         "",
		"postgres_dashboard {\n\ttitle \"Berlin, 2\"\n}":  "Berlin, 2",
		"postgres_dashboard {\n\ttitle `<b>&amp;</b>`\n}": "<b>&amp;</b>",
	} {
		var d config.Dashboard
		if err := ParseDashboard(caddyfile.NewTestDispenser(text), &d); err != nil || d.Title != want {
			t.Errorf("%s\nmeans %q, %v", text, d.Title, err)
		}
	}
}

func TestADashboardThatIsWrongIsToldWhere(t *testing.T) {
	long := strings.Repeat("x", config.MaxDashboardTitle)
	var d config.Dashboard
	if err := ParseDashboard(caddyfile.NewTestDispenser("postgres_dashboard {\ntitle "+long+"\n}"), &d); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	for text, says := range map[string]string{
		"postgres_dashboard app":                       `"app" is none`,
		"postgres_dashboard {\ntitl x\n}":              "did you mean title?",
		"postgres_dashboard {\ntitle\n}":               "title needs one word",
		"postgres_dashboard {\ntitle a\ntitle b\n}":    "written twice",
		"postgres_dashboard {\ntitle a b\n}":           `"b" too many`,
		"postgres_dashboard {\ntitle " + long + "x\n}": "title has 101 bytes, and may have 100",
	} {
		err := ParseDashboard(caddyfile.NewTestDispenser(text), new(config.Dashboard))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s\n%v; want %q", text, err, says)
		}
	}
}
