package sql

import (
	"fmt"
	"strings"
	"testing"
)

// nullsOf tells of every call that may be given NULL: the name or $n, and the text of the value.
func nullsOf(text string) string {
	var out []string
	for _, n := range scan(text).Nulls() {
		name, value := string(n.Name), text[n.Start:n.End]
		if n.NameParam > 0 {
			name = fmt.Sprint("$", n.NameParam)
		}
		if n.ValueParam > 0 {
			value = fmt.Sprint("$", n.ValueParam)
		}
		out = append(out, name+"="+value)
	}
	return strings.Join(out, " ")
}

func TestNulls(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT set_config('work_mem', NULL, false)":                                             "work_mem=NULL",
		"SELECT set_config('Work_Mem', null, true)":                                              "work_mem=null",
		"SELECT pg_catalog . set_config ( 'a.b' /* c */ , /* d */ Null , 'f' )":                  "a.b=Null",
		"SELECT set_config('sort_mem', NULL::text, false)":                                       "work_mem=NULL",
		"SELECT set_config('x'::text, NULL::text, false)":                                        "x=NULL",
		"SELECT set_config('x', $1, false)":                                                      "x=$1",
		"SELECT set_config($1, $2, $3)":                                                          "$1=$2",
		"SELECT set_config($2::text, $11::text, true)":                                           "$2=$11",
		"SELECT set_config($1, NULL, true)":                                                      "$1=NULL",
		"SELECT set_config('x', NULL, false), set_config('y', $1, true)":                         "x=NULL y=$1",
		"SELECT set_config('x', 'NULL', false)":                                                  "",
		"SELECT set_config('x', NULL || 'a', false)":                                             "",
		"SELECT set_config('x', nullif('a', 'a'), false)":                                        "",
		"SELECT set_config('x', $1 || 'a', false)":                                               "",
		"SELECT set_config(E'x', NULL, false)":                                                   "",
		"SELECT set_config('it''s', NULL, false)":                                                "",
		"SELECT set_config('x', NULL)":                                                           "",
		"SELECT set_config('x',":                                                                 "",
		"SELECT set_config(":                                                                     "",
		"SELECT set_config($":                                                                    "",
		"SELECT set_config('x' || 'y', NULL, false)":                                             "",
		"CREATE FUNCTION f() RETURNS text BEGIN ATOMIC SELECT set_config('x', NULL, false); END": "",
		"SELECT 1": "",
	} {
		if got := nullsOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := strings.Count(nullsOf(strings.Repeat("SELECT set_config('x', NULL, false);", MaxNulls+1)), "x=NULL"); got != MaxNulls {
		t.Errorf("%d NULLs are noted, and not %d", got, MaxNulls)
	}
}

// What SET LOCAL resets is told, and no more than that changes for the session.
func TestLocalResets(t *testing.T) {
	for text, want := range map[string]string{
		"SET LOCAL work_mem TO DEFAULT":                 "work_mem",
		`SET LOCAL "Work_Mem" = default`:                "work_mem",
		"SET LOCAL app.tenant TO DEFAULT":               "app.tenant",
		"SET LOCAL TIME ZONE DEFAULT":                   "timezone",
		"SET LOCAL TIME ZONE LOCAL":                     "timezone",
		"SET LOCAL NAMES DEFAULT":                       "client_encoding",
		"SET LOCAL work_mem = '1MB'":                    "",
		"SET LOCAL SEED TO DEFAULT":                     "",
		"SET LOCAL transaction_read_only TO DEFAULT":    "",
		"SET LOCAL SESSION CHARACTERISTICS AS x":        "",
		"SET LOCAL":                                     "",
		"BEGIN; SET LOCAL x = DEFAULT; SET LOCAL y = 1": "x",
	} {
		st := scan(text)
		var got []string
		for _, c := range st.Changes() {
			if c.Kind != ChangeResetLocal {
				t.Errorf("%q changes %s for the session", text, c.Name)
			}
			got = append(got, string(c.Name))
		}
		if strings.Join(got, " ") != want || !st.Effects.Has(SetsLocal) || st.Effects.Has(SetsSession|Resets|SetsUnknown) {
			t.Errorf("%q resets %q until the end of the transaction, and has %v", text, got, st.Effects)
		}
	}
	local := strings.Repeat("SET LOCAL x TO DEFAULT;", MaxChanges+1)
	if st := scan(local); st.Effects.Has(SetsUnknown) || len(st.Changes()) != MaxChanges {
		t.Errorf("%d resets until the end of the transaction have %v", len(st.Changes()), st.Effects)
	}
}
