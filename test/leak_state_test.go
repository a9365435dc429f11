//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

// moreLeftovers is state beside leftovers, which it takes a portrait to miss.
var moreLeftovers = []leftover{
	{name: "SET client_encoding", leave: []string{"SET client_encoding = 'LATIN1'"}, probe: "SHOW client_encoding",
		there: "LATIN1"},
	{name: "SET statement_timeout", leave: []string{"SET statement_timeout = '61s'"}, probe: "SHOW statement_timeout",
		there: "61s"},
	{name: "SET DateStyle", leave: []string{"SET DateStyle = 'German'"}, probe: "SHOW DateStyle", there: "German, DMY"},
	{name: "SET of several", leave: []string{"SET IntervalStyle = 'iso_8601'", "SET bytea_output = escape",
		"SET extra_float_digits = -5"},
		probe: "SHOW extra_float_digits", there: "-5"},
	{name: "SET plan_cache_mode", leave: []string{"SET plan_cache_mode = force_generic_plan"}, probe: "SHOW plan_cache_mode",
		there: "force_generic_plan"},
	{name: "SET session_replication_role", leave: []string{"SET session_replication_role = replica"},
		probe: "SHOW session_replication_role", there: "replica"},
	{name: "SET default_transaction_read_only", leave: []string{"SET default_transaction_read_only = on"},
		probe: "SHOW default_transaction_read_only", there: "on"},
	{name: "SET application_name", leave: []string{"SET application_name = 'the owner'"}, probe: "SHOW application_name",
		there: "the owner"},
	{name: "set_config of a role", leave: []string{"SELECT set_config('role', 'other', false)"}, probe: "SELECT current_user",
		there: "other"},
	{name: "temporary view", leave: []string{"CREATE TEMP VIEW mine AS SELECT 1 AS n"}, probe: "TABLE mine", there: "1"},
	{name: "temporary sequence", leave: []string{"CREATE TEMP SEQUENCE mine"}, probe: "SELECT last_value FROM mine",
		there: "1"},
	{name: "temporary function", leave: []string{"CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 7'"},
		probe: "SELECT pg_temp.mine()", there: "7"},
	{name: "temporary type", leave: []string{"CREATE TYPE pg_temp.mine AS (n int)"},
		probe: "SELECT count(*) FROM pg_type WHERE typnamespace = pg_my_temp_schema() AND typname = 'mine'", there: "1"},
	{name: "table in pg_temp", leave: []string{"CREATE TABLE pg_temp.mine AS SELECT 7 AS n"}, probe: "TABLE mine",
		there: "7"},
	{name: "temporary table that empties itself", leave: []string{"CREATE TEMP TABLE mine (n int) ON COMMIT DELETE ROWS"},
		probe: "SELECT count(*) FROM mine", there: "0"},
	{name: "advisory lock of two keys", leave: []string{"SELECT pg_advisory_lock(4, 6)"},
		probe: "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND pid = pg_backend_pid()",
		there: "1"},
	{name: "advisory lock taken twice", leave: []string{"SELECT pg_try_advisory_lock(46)", "SELECT pg_try_advisory_lock(46)",
		"SELECT pg_advisory_unlock(46)"},
		probe: "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()", there: "1"},
	{name: "LISTEN to several", leave: []string{"LISTEN mine", "LISTEN yours", "UNLISTEN mine"},
		probe: "SELECT pg_listening_channels()", there: "yours"},
	{name: "LOAD", leave: []string{"LOAD 'auto_explain'"}, probe: "SHOW auto_explain.log_min_duration", there: "-1"},
	{name: "large objects", leave: []string{"SELECT lo_open(lo_create(0), 131072)"}},
	{name: "SET LOCAL", leave: []string{"SELECT set_config('work_mem', '7MB', true)"}, probe: "SHOW work_mem", there: "4MB"},
}

// sequenceState is what nextval and setval leave in the session.
var sequenceState = []leftover{
	{name: "nextval", leave: []string{"SELECT setval('leak.seq', 76, true)", "SELECT nextval('leak.seq')"},
		probe: "SELECT currval('leak.seq')", there: "77"},
	{name: "lastval", leave: []string{"SELECT setval('leak.seq', 77, true)", "SELECT nextval('leak.seq')"},
		probe: "SELECT lastval()", there: "78"},
	{name: "setval", leave: []string{"SELECT setval('leak.seq', 79)"}, probe: "SELECT currval('leak.seq')", there: "79"},
	{name: "a column's default", leave: []string{"CREATE TABLE IF NOT EXISTS leak.serial (n serial, t text)",
		"ALTER SEQUENCE leak.serial_n_seq RESTART 7",
		"INSERT INTO leak.serial (t) VALUES ('x')"}, probe: "SELECT lastval()", there: "7"},
}

func TestLeakOfEveryState(t *testing.T) {
	eachSitting(t, func(t *testing.T, s *sitting) {
		for _, l := range slices.Concat(leftovers, moreLeftovers) {
			t.Run(l.name, func(t *testing.T) {
				s.leak(t, l, func(owner *client) { mustNotContain(t, simply(owner, l.leave...), "ErrorResponse") })
			})
			t.Run(l.name+"/"+"rolled back", func(t *testing.T) {
				s.leak(t, leftover{}, func(owner *client) {
					simply(owner, "BEGIN")
					simply(owner, l.leave...)
					simply(owner, "SELECT 1/0", "ROLLBACK")
				})
			})
		}
	})
}

// Numbers are their owner's for as long as nobody else has had the server, and never another's.
func TestLeakOfSequences(t *testing.T) {
	eachSitting(t, func(t *testing.T, s *sitting) {
		for _, l := range sequenceState {
			for _, r := range slices.Concat(roads, s.hiddenRoads()) {
				t.Run(l.name+"/"+r.name, func(t *testing.T) {
					owner, other := superuser(t, s.pooler), superuser(t, s.pooler)
					defer s.after(t, owner, other)
					mustNotContain(t, r.travel(owner, l.leave...), "ErrorResponse")
					s.owns(t, l, owner)
					s.mustBeFresh(t, "another", <-takePortrait(other))
					if heard := owner.query(l.probe); !contains(heard, "DataRow", `"text":"`+l.there+`"`) {
						mustContain(t, heard, "55000")
					}
					owner.leave()
					s.mustBeFresh(t, "who comes after its owner", <-takePortrait(other))
				})
			}
		}
	})
}

// A setting of one's own leaves not even its name.
func TestLeakOfTheNamesOfSettings(t *testing.T) {
	eachSitting(t, func(t *testing.T, s *sitting) {
		awaits(t, "settings of one's own leave no empty one of the name on a server for others")
		owner, other := superuser(t, s.pooler), superuser(t, s.pooler)
		owner.query("SET leak.tenant = 'seven'")
		owner.query("RESET leak.tenant")
		if got := owner.value("SELECT coalesce(current_setting('leak.tenant', true), 'NULL')"); got != "" {
			t.Errorf("its owner sees %q", got)
		}
		owner.leave()
		if got := other.value("SELECT coalesce(current_setting('leak.tenant', true), 'NULL')"); got != "NULL" {
			t.Errorf("another sees %q", got)
		}
	})
}
