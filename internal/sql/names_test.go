package sql

import (
	"fmt"
	"strings"
	"testing"
)

// mentions writes the names of a text as verb:token:value.
func mentions(st *Statement, text string) string {
	var list []string
	for _, n := range st.Names() {
		list = append(list, fmt.Sprintf("%v %s %s", n.Effect, text[n.Start:n.End], n.Value))
	}
	return strings.Join(list, ", ")
}

func TestNames(t *testing.T) {
	long := strings.Repeat("n", 70)
	for _, c := range []struct {
		text    string
		effects Effects
		names   string
	}{
		{"PREPARE p AS SELECT 1", SQLPrepare, "SQLPrepare p p"},
		{"PREPARE Plan (int, text) AS SELECT $1", SQLPrepare, "SQLPrepare Plan plan"},
		{`PREPARE "Plan"(int) AS SELECT $1`, SQLPrepare, `SQLPrepare "Plan" Plan`},
		{`PREPARE/**/"a""b"/**/AS SELECT 1`, SQLPrepare, `SQLPrepare "a""b" a"b`},
		{"PREPARE transaction AS SELECT 1", SQLPrepare, "SQLPrepare transaction transaction"},
		{"PREPARE transaction (int) AS SELECT 1", SQLPrepare, "SQLPrepare transaction transaction"},
		{"PREPARE TRANSACTION E'x'", Ends, ""},
		{"EXECUTE p", SQLExecute, "SQLExecute p p"},
		{"EXECUTE p(1, 'x');", SQLExecute, "SQLExecute p p"},
		{"execute É", SQLExecute, "SQLExecute É É"},
		{"EXPLAIN EXECUTE p", SQLExecute, "SQLExecute p p"},
		{"EXPLAIN ANALYZE VERBOSE EXECUTE p(1)", SQLExecute, "SQLExecute p p"},
		{"EXPLAIN (ANALYZE, FORMAT 'json') EXECUTE p(1)", SQLExecute, "SQLExecute p p"},
		{"CREATE TABLE t AS EXECUTE p(1)", SQLExecute, "SQLExecute p p"},
		{"CREATE TEMP TABLE t (a) WITH (fillfactor = 70) AS EXECUTE p(1)", SQLExecute | Temp, "SQLExecute p p"},
		{"EXPLAIN ANALYZE CREATE TABLE t AS EXECUTE p(1)", SQLExecute, "SQLExecute p p"},
		{"CREATE VIEW v AS SELECT x AS execute FROM t", 0, ""},
		{"CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()", 0, ""},
		{"SELECT execute FROM t", 0, ""},
		{"DEALLOCATE p", Deallocates, "Deallocates p p"},
		{"DEALLOCATE PREPARE p", Deallocates, "Deallocates p p"},
		{"DEALLOCATE prepare", Deallocates, "Deallocates prepare prepare"},
		{"DEALLOCATE prepare;", Deallocates, "Deallocates prepare prepare"},
		{"DEALLOCATE PREPARE prepare", Deallocates, "Deallocates prepare prepare"},
		{"DEALLOCATE ALL", DeallocatesAll, ""},
		{"deallocate prepare all", DeallocatesAll, ""},
		{`DEALLOCATE "all"`, Deallocates, `Deallocates "all" all`},
		{`DEALLOCATE PREPARE "all"`, Deallocates, `Deallocates "all" all`},
		{"DEALLOCATE /* a */ p -- b", Deallocates, "Deallocates p p"},
		{`DEALLOCATE U&"p"`, Deallocates | Unknown, ""},
		{"DEALLOCATE", Deallocates | Unknown, ""},
		{"EXECUTE", SQLExecute | Unknown, ""},
		{`EXECUTE ""`, SQLExecute, `SQLExecute "" `},
		{"EXECUTE a; EXECUTE b; DEALLOCATE c; EXECUTE D", SQLExecute | Deallocates | Multi,
			"SQLExecute a a, SQLExecute b b, Deallocates c c, SQLExecute D d"},
		{"EXECUTE a; EXECUTE b; EXECUTE c; EXECUTE d; EXECUTE e", SQLExecute | Multi | Unknown,
			"SQLExecute a a, SQLExecute b b, SQLExecute c c, SQLExecute d d"},
		{"EXECUTE " + long, SQLExecute, "SQLExecute " + long + " " + long[:63]},
		{"EXECUTE " + long[:62] + "éx", SQLExecute | Unknown, "SQLExecute " + long[:62] + "éx " + long[:62]},
		{`EXECUTE "unended`, SQLExecute | Unknown, ""},
	} {
		st := scan(c.text)
		if st.Effects != c.effects {
			t.Errorf("%q\n\thas effects  %v\n\twant         %v", c.text, st.Effects, c.effects)
		}
		if got := mentions(st, c.text); got != c.names {
			t.Errorf("%q\n\tmentions  %s\n\twant      %s", c.text, got, c.names)
		}
	}
}
