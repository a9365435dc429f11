package sql

import (
	"fmt"
	"strings"
	"testing"
)

// String is for tests.
func (k ChangeKind) String() string {
	return [...]string{"set", "reset", "reset all", "discard all", "reset local", "set local"}[k]
}

// changesOf writes the changes of a text as kind name, with the statement's index where it is not the first.
func changesOf(st *Statement) string {
	var list []string
	for _, c := range st.Changes() {
		one := strings.TrimSpace(fmt.Sprintf("%v %s", c.Kind, c.Name))
		if c.Statement > 0 {
			one = fmt.Sprintf("%d: %s", c.Statement, one)
		}
		list = append(list, one)
	}
	return strings.Join(list, ", ")
}

const (
	authorization   = "set session_authorization, set role"
	characteristics = "set default_transaction_isolation, set default_transaction_read_only, " +
		"set default_transaction_deferrable"
)

// changing is every form of statement that changes a setting. What Postgres does with them is in postgres_test.go.
var changing = []struct {
	text    string
	changes string
	// before makes the change one that can be seen.
	before string
}{
	{text: "SET work_mem = '1MB'", changes: "set work_mem"},
	{text: "set WORK_MEM to '1MB'", changes: "set work_mem"},
	{text: "SET/**/work_mem='1MB'", changes: "set work_mem"},
	{text: "SET -- a\n work_mem -- b\n = '1MB' -- c", changes: "set work_mem"},
	{text: `SET "Work_Mem" = '1MB'`, changes: "set work_mem"},
	{text: "SET SESSION work_mem = '1MB'", changes: "set work_mem"},
	{text: "SET sort_mem = '1MB'", changes: "set work_mem"},
	{text: "SET vacuum_mem = '2MB'", changes: "set maintenance_work_mem"},
	{text: "SET search_path = a, b, pg_temp", changes: "set search_path"},
	{text: `SET search_path TO "default"`, changes: "set search_path"},
	{text: "SET search_path TO 'default'", changes: "set search_path"},
	{text: "BEGIN; SET LOCAL work_mem = '1MB'; SET work_mem FROM CURRENT; COMMIT", changes: "2: set work_mem"},
	{text: "SET app.tenant = 'x'", changes: "set app.tenant"},
	{text: "SET App . Tenant TO x", changes: "set app.tenant"},
	{text: `SET SESSION "App"."tenant" TO x`, changes: "set app.tenant"},
	{text: "SET app.tenant.id TO 1", changes: "set app.tenant.id"},
	{text: "SET session.x = 1", changes: "set session.x"},
	{text: "SET SESSION session.x = 1", changes: "set session.x"},
	{text: "SET SESSION characteristics.x = 1", changes: "set characteristics.x"},
	{text: "SET local.x = 1", changes: "set local.x"},
	{text: "SET SESSION local.x = 1", changes: "set local.x"},
	{text: "SET time.zone = 1", changes: "set time.zone"},
	{text: "SET transaction.isolation = 1", changes: "set transaction.isolation"},
	{text: "SET TimeZone = 'Europe/Paris'", changes: "set timezone"},
	{text: "SET TIME ZONE 'Europe/Paris'", changes: "set timezone"},
	{text: "SET TIME ZONE cet", changes: "set timezone"},
	{text: "SET TIME ZONE -7", changes: "set timezone"},
	{text: "SET SESSION TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE", changes: "set timezone"},
	{text: "SET ROLE bob", changes: "set role"},
	{text: "SET ROLE 'bob'", changes: "set role"},
	{text: "SET SESSION ROLE bob", changes: "set role"},
	{text: "SET ROLE none", changes: "set role", before: "SET ROLE bob"},
	{text: "SET role = bob", changes: "set role"},
	{text: "SET SESSION AUTHORIZATION bob", changes: authorization, before: "SET ROLE carol"},
	{text: "SET SESSION SESSION AUTHORIZATION 'bob'", changes: authorization, before: "SET ROLE carol"},
	{text: "SET session_authorization = bob", changes: authorization, before: "SET ROLE carol"},
	{text: "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
		changes: characteristics},
	{text: "SET SESSION SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
		changes: characteristics},
	{text: "SET NAMES 'latin1'", changes: "set client_encoding"},
	{text: "SET SESSION NAMES 'latin1'", changes: "set client_encoding"},
	{text: "SET SCHEMA 'x'", changes: "set search_path"},
	{text: "SET XML OPTION DOCUMENT", changes: "set xmloption"},

	{text: "RESET work_mem", changes: "reset work_mem", before: "SET work_mem = '1MB'"},
	{text: `RESET "WORK_MEM"`, changes: "reset work_mem", before: "SET work_mem = '1MB'"},
	{text: "SET work_mem TO DEFAULT", changes: "reset work_mem", before: "SET work_mem = '1MB'"},
	{text: "SET SESSION work_mem=default", changes: "reset work_mem", before: "SET work_mem = '1MB'"},
	{text: "RESET app.tenant", changes: "reset app.tenant", before: "SET app.tenant = 1"},
	{text: "RESET timezone", changes: "reset timezone", before: "SET TIME ZONE -7"},
	{text: "RESET TIME ZONE", changes: "reset timezone", before: "SET TIME ZONE -7"},
	{text: "SET TIME ZONE LOCAL", changes: "reset timezone", before: "SET TIME ZONE -7"},
	{text: "SET TIME ZONE DEFAULT", changes: "reset timezone", before: "SET TIME ZONE -7"},
	{text: "RESET ROLE", changes: "reset role", before: "SET ROLE bob"},
	{text: "SET role TO DEFAULT", changes: "reset role", before: "SET ROLE bob"},
	{text: "SET NAMES", changes: "reset client_encoding", before: "SET NAMES 'latin1'"},
	{text: "SET NAMES;", changes: "reset client_encoding", before: "SET NAMES 'latin1'"},
	{text: "SET NAMES DEFAULT", changes: "reset client_encoding", before: "SET NAMES 'latin1'"},
	{text: "RESET SESSION AUTHORIZATION", changes: "reset session_authorization, reset role",
		before: "SET SESSION AUTHORIZATION bob; SET ROLE carol"},
	{text: "SET SESSION AUTHORIZATION DEFAULT", changes: "reset session_authorization, reset role",
		before: "SET SESSION AUTHORIZATION bob; SET ROLE carol"},
	{text: "RESET session_authorization", changes: "reset session_authorization, reset role",
		before: "SET SESSION AUTHORIZATION bob; SET ROLE carol"},

	{text: "SELECT set_config('work_mem', '1MB', false)", changes: "set work_mem"},
	{text: "SELECT set_config('Work_Mem', '1MB', 'f')", changes: "set work_mem"},
	{text: "SELECT set_config('sort_mem', '1MB', false)", changes: "set work_mem"},
	{text: "SELECT 1 WHERE coalesce(upper(pg_catalog . set_config ( 'app.tenant' , 'x', false)), 'y') > 'a'",
		changes: "set app.tenant"},
	{text: "SELECT set_config('app.tenant', set_config('work_mem', '1MB', false), false)",
		changes: "set app.tenant, set work_mem"},
	{text: "SELECT set_config('session_authorization', 'bob', false)", changes: authorization, before: "SET ROLE carol"},
	{text: "EXPLAIN ANALYZE SELECT set_config('work_mem', '1MB', false)", changes: "set work_mem"},
	{text: "EXPLAIN (ANALYZE, COSTS off) SELECT set_config('work_mem', '1MB', false)", changes: "set work_mem"},
	{text: "WITH w AS (SELECT set_config('work_mem', '1MB', false) AS x) SELECT x FROM w", changes: "set work_mem"},
	{text: "SET work_mem = '1MB'; SELECT 1;; SET app.tenant = 1", changes: "set work_mem, 2: set app.tenant"},
	{text: "/* ; */ ; SELECT ';' ; RESET work_mem; SET ROLE bob", changes: "1: reset work_mem, 2: set role",
		before: "SET work_mem = '1MB'"},

	{text: "SET LOCAL work_mem = '1MB'"},
	{text: "SET TRANSACTION READ ONLY"},
	{text: "SET SESSION TRANSACTION READ ONLY"},
	{text: "SET LOCAL SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"},
	{text: "SET LOCAL SESSION AUTHORIZATION bob"},
	{text: "SET transaction_read_only = on"},
	{text: "SET CONSTRAINTS ALL DEFERRED"},
	{text: "SELECT set_config('work_mem', '1MB', true)"},
	{text: "SET SEED = 0.5"},
	{text: "SHOW work_mem"},
}

func TestChanges(t *testing.T) {
	for _, c := range changing {
		st := scan(c.text)
		if got := changesOf(st); got != c.changes {
			t.Errorf("%q\n\tchanges  %s\n\twant     %s", c.text, got, c.changes)
		}
		if st.Effects.Has(SetsUnknown | Unknown) {
			t.Errorf("%q has %v", c.text, st.Effects)
		}
	}
	for text, want := range map[string]string{
		"RESET ALL":                            "reset all",
		"DISCARD ALL":                          "discard all",
		"RESET ALL; SELECT 1; DISCARD ALL":     "reset all, 2: discard all",
		"DISCARD TEMP":                         "",
		`RESET "all"`:                          "reset all", // of a parameter called all: an error
		"RESET TRANSACTION ISOLATION LEVEL":    "",          // an error outside a transaction, and since Postgres 16
		"RESET transaction_isolation":          "",
		"SET U = 1":                            "set u",
		"SET É = 1":                            "set É",
		"SET x = 1; SET x = 2":                 "set x, 1: set x",
		"EXPLAIN (ANALYZE) (SELECT 1); SET x=": "1: set x",
	} {
		if got := changesOf(scan(text)); got != want {
			t.Errorf("%q\n\tchanges  %s\n\twant     %s", text, got, want)
		}
	}
}

func TestChangesThatAreNotNamed(t *testing.T) {
	eight := strings.Repeat("SET x = 1;", MaxChanges)
	for _, c := range []struct {
		text    string
		unknown bool
	}{
		{"SELECT set_config($1, 'x', false)", true},
		{"SELECT set_config($1, 'x', true)", false},
		{"SELECT set_config(name, 'x', false) FROM t", true},
		{"SELECT set_config('a' || 'b', 'x', false)", true},
		{"SELECT set_config('a'\n'b', 'x', false)", true},
		{"SELECT set_config('a'::text, 'x', false)", true},
		{"SELECT set_config(('a'), 'x', false)", true},
		{"SELECT set_config('it''s', 'x', false)", true},
		{`SELECT set_config('a\b', 'x', false)`, true},
		{"SELECT set_config(E'a', 'x', false)", true},
		{"SELECT set_config(U&'a', 'x', false)", true},
		{"SELECT set_config(N'a', 'x', false)", true},
		{"SELECT set_config($$a$$, 'x', false)", true},
		{"SELECT set_config('', 'x', false)", true},
		{"UPDATE pg_settings SET setting = 1", true},
		{"SELECT set_config(name, '1', false) FROM pg_settings", true},
		{"SELECT set_config('a', setting, false) FROM pg_settings", false},
		{`SET U&"x" = 1`, true},
		{`SET "a""b" = 1`, true},
		{`SET "" = 1`, true},
		{"SET 1 = 1", true},
		{"SET x", true},
		{"SET x 1", true},
		{"SET CATALOG 'x'", true},
		{"RESET", true},
		{eight, false},
		{eight + "SET x = 1", true},
		{"SET SESSION AUTHORIZATION a;" + eight[:7*len("SET x = 1;")], true},
		// A body may hold semicolons: which statement it is, and where it ends, is then not certain.
		{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SET x = 1", true},
		{"CREATE OR REPLACE PROCEDURE f() BEGIN ATOMIC SELECT 1; END; SELECT set_config('a', 'b', false)", true},
		{"CREATE RULE r AS ON INSERT TO t DO (SELECT set_config('a', 'b', false); SELECT 1)", true},
		{"SET x = 1; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", false},
		{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 1", false},
		{"CREATE TABLE t (a int); SET x = 1", false},
	} {
		if st := scan(c.text); st.Effects.Has(SetsUnknown) != c.unknown {
			t.Errorf("%q has %v, want SetsUnknown %v", c.text, st.Effects, c.unknown)
		}
	}
}

// In these texts a statement that changes something ends at each ¦, which is not part of the text.
func TestChangesEndBehindTheLastToken(t *testing.T) {
	for _, marked := range []string{
		"SET x = 1¦",
		"SET x = 1¦;",
		"SET x = 1¦ ;",
		"SET x = 1¦ /* c */ ;",
		"SET x = 1¦ -- ;",
		"SET x = 1¦ -- c\n;SELECT 1",
		"SET x = /* ; */ 'a;b'¦;",
		"SET x = E'\\';'¦ -- x",
		"SET x = -- 1\n 2¦ ; -- 3",
		"; -- a\n ; SET x = 1¦;;",
		"SELECT 1; SET x = 1¦; SELECT 1; RESET x¦; RESET ALL¦",
		"SELECT set_config('a', 'b', false), set_config('c', 'd', false)¦; SELECT 1",
		"SELECT set_config('a', 'b', false), $a$;$a$, \";\", U&';', 1.5e3¦ /* /* */ ; */",
		"SET x = 'unended¦",
	} {
		text := strings.ReplaceAll(marked, "¦", "")
		st := scan(text)
		ends := map[int]bool{}
		for _, c := range st.Changes() {
			ends[c.End] = true
		}
		var got strings.Builder
		for i := range len(text) + 1 {
			if ends[i] {
				got.WriteString("¦")
			}
			if i < len(text) {
				got.WriteByte(text[i])
			}
		}
		if st.Effects.Has(Unknown) {
			continue // it need only lie in the text, which building got has shown
		}
		if got.String() != marked {
			t.Errorf("a change ends here: %q\n\twant: %q", got.String(), marked)
		}
	}
}

func TestSingle(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT 1": true, "; SET x = 1 ;": true, "EXPLAIN SELECT 1": true,
		"": false, ";": false, "SELECT 1; SELECT 2": false, "SELECT 'x": false,
	} {
		if got := scan(text).Single(); got != want {
			t.Errorf("%q is a single statement: got %v, want %v", text, got, want)
		}
	}
	st := Statement{Truncated: true}
	if Scan([]byte("SELECT 1"), &st); st.Single() {
		t.Error("the beginning of a text is taken for a single statement")
	}
}
