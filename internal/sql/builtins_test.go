package sql

import (
	"context"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

var updateBuiltins = flag.Bool("update-builtins", false, "write builtins.txt anew, from the servers at hand, which should be the oldest and the newest")

// different is the functions that are immutable or stable to Postgres, and still no part of a read, by regular expression.
var different = []struct{ why, name string }{
	{"what has happened on this server", `^pg_stat_`},
	{"what the server or the session is set to: transaction_read_only, in_hot_standby", `^pg_show_all_settings$`},
	{"what this server and this connection are", `^pg_backend_pid$|^pg_conf_load_time$|^pg_postmaster_start_time$|^inet_(client|server)_(addr|port)$|^pg_tablespace_location$`},
	{"what the session has", `^pg_cursor$|^pg_prepared_statement$|^pg_listening_channels$`},
	{"it runs a query of its own, or reads a relation that is a string to us", `^(database|schema|table|query|cursor)_to_xml|^ts_stat$`},
	{"it needs a transaction ID, or tells those of the server that is asked", `^txid_current|^pg_current_(xact_id|snapshot)`},
	{"it fails during recovery", `^pg_walfile_name`},
	{"replication", `^pg_get_replication_slots$|^pg_replication_`},
	{"pg_upgrade", `^binary_upgrade_`},
}

// madeOf is the versions that builtins.txt was made from.
var madeOf = []int{15, 18}

// seen is what Postgres says of all functions of a name.
type seen struct{ reads, immutable bool }

// builtinFunctions is every function of Postgres that SQL can call, and whether it reads, and is immutable.
const builtinFunctions = `SELECT proname::text, bool_and(provolatile IN ('i','s') AND proname !~ $1), bool_and(provolatile = 'i') FROM pg_proc
	WHERE pronamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND prokind <> 'p'
	AND prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype) AND NOT 'internal'::regtype = ANY (proargtypes)
	GROUP BY 1`

// builtinViews is the views of Postgres that call what does not read, or read such views.
const builtinViews = `WITH RECURSIVE view AS (
	SELECT ev_class AS oid, ev_action::text AS tree FROM pg_rewrite WHERE oid < 16384
), calls AS (
	SELECT DISTINCT v.oid FROM view v CROSS JOIN LATERAL regexp_matches(v.tree, ':(?:op)?funcid (\d+)', 'g') m
	JOIN pg_proc p ON p.oid = m[1]::oid WHERE p.proname::text = ANY ($1)
	UNION
	SELECT v.oid FROM calls c JOIN view v ON v.tree ~ (':relid ' || c.oid || ' ')
) SELECT relname::text FROM calls JOIN pg_class USING (oid)`

// TestBuiltins takes names from every Postgres at hand: a function reads if it does in every version that has it.
func TestBuiltins(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	if len(pgtest.Versions()) == 0 {
		t.Skip(pgtest.ErrNoServer)
	}
	functions, views := map[string]seen{}, map[string]bool{}
	for _, version := range pgtest.Versions() {
		server := pgtest.Start(t, pgtest.Options{Version: version})
		conn, err := server.Super(context.Background(), "postgres")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		uncertain := askFunctions(t, conn, functions)
		rows, _ := conn.Query(context.Background(), builtinViews, uncertain)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			views[name] = true
		}
		checkBuiltinOperators(t, conn.PgConn())
	}
	if *updateBuiltins {
		if err := os.WriteFile("builtins.txt", listBuiltins(functions, views), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name, f := range functions {
		if Reads(name) && !f.reads || !Uncertain(name) && !f.reads {
			t.Errorf("function %s reads, says builtins.txt; Postgres says no: run with -update-builtins", name)
		}
		if Repeats(name) && !repeats(name, f) {
			t.Errorf("function %s repeats, says builtins.txt; Postgres says no: run with -update-builtins", name)
		}
	}
	for name := range views {
		if !UncertainRelation(name) {
			t.Errorf("view %s is not in builtins.txt: run with -update-builtins", name)
		}
	}
	if slices.Equal(pgtest.Versions(), madeOf) && builtinsText != string(listBuiltins(functions, views)) {
		t.Error("builtins.txt is not what these servers make of it: run with -update-builtins")
	}
	checkRepeating(t, functions)
}

// askFunctions adds those of a server, and returns those that do not read.
func askFunctions(t *testing.T, conn *pgx.Conn, all map[string]seen) (uncertain []string) {
	t.Helper()
	var but []string
	for _, d := range different {
		but = append(but, d.name)
	}
	rows, _ := conn.Query(context.Background(), builtinFunctions, strings.Join(but, "|"))
	var name string
	var f seen
	if _, err := pgx.ForEachRow(rows, []any{&name, &f.reads, &f.immutable}, func() error {
		was, known := all[name]
		all[name] = seen{f.reads && (was.reads || !known), f.immutable && (was.immutable || !known)}
		if !f.reads {
			uncertain = append(uncertain, name)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return uncertain
}

// checkBuiltinOperators checks that Postgres's own operators, casts and types are not volatile, nor what aggregates are made of: texts are not
// looked through for them.
func checkBuiltinOperators(t *testing.T, conn *pgconn.PgConn) {
	t.Helper()
	for _, question := range []string{
		"SELECT aggfnoid::regproc FROM pg_aggregate JOIN pg_proc p ON p.oid IN (aggtransfn, aggfinalfn, aggcombinefn) WHERE provolatile = 'v'",
		"SELECT oprname FROM pg_operator JOIN pg_proc p ON p.oid = oprcode WHERE provolatile = 'v'",
		"SELECT castsource::regtype FROM pg_cast JOIN pg_proc p ON p.oid = castfunc WHERE provolatile = 'v'",
		"SELECT typname FROM pg_type JOIN pg_proc p ON p.oid IN (typinput, typoutput, typreceive, typsend) WHERE provolatile = 'v'",
	} {
		for _, row := range run(t, conn, question)[0].Rows {
			t.Errorf("%s is volatile: %s", row[0], question)
		}
	}
}

// listBuiltins is builtins.txt.
func listBuiltins(functions map[string]seen, views map[string]bool) []byte {
	var repeating, reading, uncertain []string
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		switch f := functions[name]; {
		case repeats(name, f):
			repeating = append(repeating, name)
		case f.reads:
			reading = append(reading, name)
		default:
			uncertain = append(uncertain, name)
		}
	}
	var b strings.Builder
	for _, section := range []struct {
		title string
		names []string
	}{
		{"functions that repeat", repeating}, {"functions that read", reading}, {"functions that may not", uncertain},
		{"views that may not", slices.Sorted(maps.Keys(views))},
	} {
		b.WriteString("[" + section.title + "]\n" + strings.Join(section.names, "\n") + "\n")
	}
	return []byte(b.String())
}

func TestKnownBuiltins(t *testing.T) {
	for _, name := range strings.Fields("lower count now current_database to_char jsonb_agg row_number generate_series format_type pg_get_expr extract timezone") {
		if !Reads(name) || Uncertain(name) {
			t.Errorf("%s does not read", name)
		}
	}
	for _, name := range strings.Fields("random nextval setval pg_advisory_lock pg_try_advisory_xact_lock txid_current pg_notify set_config " +
		"clock_timestamp gen_random_uuid pg_sleep pg_is_in_recovery pg_last_wal_replay_lsn query_to_xml lo_get pg_backend_pid") {
		if Reads(name) || !Uncertain(name) {
			t.Errorf("%s reads", name)
		}
	}
	for _, name := range strings.Fields("pg_settings pg_stat_activity pg_locks pg_sequences pg_stat_user_tables pg_replication_slots") {
		if !UncertainRelation(name) {
			t.Errorf("%s reads", name)
		}
	}
	for _, name := range strings.Fields("pg_class pg_tables pg_indexes pg_stats pg_roles columns tables table_constraints") {
		if UncertainRelation(name) {
			t.Errorf("%s does not read", name)
		}
	}
	if Reads("") || Reads("no_such_function") || Reads("pg_settings") {
		t.Error("what is no function reads")
	}
}
