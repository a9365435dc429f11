package sql

import (
	"fmt"
	"testing"
)

// Who asks for a setting of the pooler's own is known, however the name is written.
func TestWhoAsksForSettingsOfThePooler(t *testing.T) {
	checkScans(t, []scanCase{
		{"SHOW pgmux.causal_token", AsksPooler, Show},
		{`show "pgmux" . Causal_Token;`, AsksPooler, Show},
		{"SELECT current_setting('pgmux.route')", AsksPooler, Select},
		{"SELECT pg_catalog.current_setting('PGMUX.causal_token', true)", AsksPooler, Select},
		{`SELECT "current_setting"('pgmux.causal_token')`, AsksPooler, Select},
		{"SELECT 1; SHOW pgmux.route", AsksPooler | Multi, Select},
		{"SHOW work_mem", 0, Show},
		{"SHOW pgmux", 0, Show},
		{"SELECT current_setting('work_mem'), 'pgmux.route'", 0, Select},
		{"SELECT pgmux.causal_token FROM pgmux", 0, Select},
		{"SELECT current_setting FROM t WHERE x = 'pgmux.route'", 0, Select},
	})
}

// Who sets one is known, also for the transaction alone.
func TestWhoSetsSettingsOfThePooler(t *testing.T) {
	for text, want := range map[string]string{
		"SET pgmux.route = x":                           "[pgmux.route set]",
		"SET LOCAL pgmux.route = x":                     "[pgmux.route set local]",
		"SET LOCAL pgmux.route TO DEFAULT":              "[pgmux.route reset local]",
		"SELECT set_config('PGMUX.route', 'x', true)":   "[pgmux.route set local]",
		"SELECT set_config('pgmux.route', 'x', false)":  "[pgmux.route set]",
		"SET LOCAL work_mem = 1":                        "[]",
		"SELECT set_config('work_mem', '1', true)":      "[]",
		"SET LOCAL my.route = 1; SET LOCAL pgmux.r = 1": "[pgmux.r set local]",
	} {
		var got []string
		for _, ch := range scan(text).Changes() {
			got = append(got, fmt.Sprintf("%s %v", ch.Name, ch.Kind))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%q: %v, want %s", text, got, want)
		}
	}
}
