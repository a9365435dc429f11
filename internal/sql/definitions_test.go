package sql

import "testing"

func TestDefines(t *testing.T) {
	for text, want := range map[string]Defines{
		"select 1": 0, "drop function f()": 0, "select 'create function'": 0, "comment on table t is 'x'": 0,
		"create table t (a int)": DefinesAnything, "alter table t rename to u": DefinesAnything, "CREATE VIEW v AS SELECT 1": DefinesAnything,
		"create trigger x before insert on t execute function f()": DefinesAnything,
		"select 1; create policy p on t":                           DefinesAnything, "explain create table t as select 1": DefinesAnything,
		"create or replace function f() returns int language sql as 'select 1'": DefinesAnything | DefinesCode,
		"create procedure f() language sql as ''":                               DefinesAnything | DefinesCode, "create /* x */ RULE r as on insert to t do nothing": DefinesAnything | DefinesCode,
		"create extension x": DefinesAnything | DefinesCode, "alter extension x update": DefinesAnything | DefinesCode,
		"begin; create schema s create table t (a int)": DefinesAnything | DefinesCode,
	} {
		var st Statement
		Scan([]byte(text), &st)
		if st.Defines != want {
			t.Errorf("%q: %b, want %b", text, st.Defines, want)
		}
	}
}
