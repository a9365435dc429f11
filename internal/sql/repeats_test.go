package sql

import (
	"slices"
	"strings"
	"testing"
)

// repeating is the functions that are stable to Postgres and still answer the same as long as data, catalog and settings do. What
// tells the time, the state of the server or of the session, or what others may do, is not here; nor is what takes SQL, or the name of a table,
// as a string, or makes values of strings that may say 'now'.
var repeating = []struct{ why, names string }{
	{"TimeZone, lc_time, lc_numeric", `to_char to_timestamp to_date to_number date_trunc date_part extract date time timestamp timestamptz
		make_timestamptz timezone date_add date_subtract overlaps generate_series`},
	{"how values of any type are written: DateStyle, IntervalStyle, extra_float_digits", `concat concat_ws format quote_literal quote_nullable
		array_to_string`},
	{"how they are written as JSON: the same settings", `to_json to_jsonb row_to_json array_to_json json_build_object json_build_array
		jsonb_build_object jsonb_build_array json_agg jsonb_agg json_object_agg json_agg_strict jsonb_agg_strict
		json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict`},
	{"default_text_search_config, and the catalog's dictionaries", `to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery
		json_to_tsvector jsonb_to_tsvector ts_headline`},
	{"the user, the database, search_path", "current_database current_schema current_schemas"},
	{"length in an encoding that is named", "length"},
	{"the catalog's types", "enum_first enum_last enum_range pg_typeof"},
}

// repeats reports whether a function belongs to those that repeat.
func repeats(name string, f seen) bool {
	listed := func(group struct{ why, names string }) bool {
		return slices.Contains(strings.Fields(group.names), name)
	}
	return f.reads && (f.immutable || slices.ContainsFunc(repeating, listed))
}

// checkRepeating checks that what is listed is there, is needed, and has come into builtins.txt.
func checkRepeating(t *testing.T, functions map[string]seen) {
	t.Helper()
	for _, group := range repeating {
		for _, name := range strings.Fields(group.names) {
			switch f, known := functions[name]; {
			case !known && Repeats(name):
				// of a version that is not at hand
			case !known:
				t.Errorf("%s (%s) is no function of Postgres", name, group.why)
			case !f.reads:
				t.Errorf("%s (%s) may not read", name, group.why)
			case f.immutable:
				t.Errorf("%s (%s) is immutable, and need not be listed", name, group.why)
			case !Repeats(name):
				t.Errorf("%s (%s) is not in builtins.txt: run with -update-builtins", name, group.why)
			}
		}
	}
}

func TestRepeats(t *testing.T) {
	for _, name := range strings.Fields(`lower upper count sum avg max string_agg array_agg json_agg row_number lag rank unnest generate_series
		to_char date_trunc date_part extract timezone date concat format to_jsonb to_tsvector btrim substring like_escape md5 abs round make_date
		jsonb_array_elements jsonb_each_text regexp_matches xpath current_database current_schema pg_typeof percentile_cont`) {
		if !Repeats(name) || !Reads(name) {
			t.Errorf("%s does not repeat", name)
		}
	}
	for _, group := range []struct{ why, names string }{
		{"the time", "now transaction_timestamp statement_timestamp clock_timestamp timeofday age timetz date_in timestamp_in timestamptz_in timetz_in"},
		{"chance, sequences, locks", "random gen_random_uuid nextval currval lastval setval pg_advisory_lock pg_sleep setseed"},
		{"the server's state", `pg_is_in_recovery pg_postmaster_start_time pg_conf_load_time pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
			inet_server_addr inet_client_port pg_backend_pid version pg_stat_get_numscans pg_relation_size pg_database_size`},
		{"transactions", "txid_current txid_current_snapshot pg_current_xact_id pg_current_snapshot txid_status"},
		{"the session", "current_setting set_config pg_my_temp_schema pg_listening_channels pg_trigger_depth"},
		{"files and large objects", "pg_read_file pg_ls_dir lo_get lo_open loread"},
		{"privileges", "has_table_privilege has_schema_privilege pg_has_role row_security_active"},
		{"SQL in a string", `query_to_xml table_to_xml schema_to_xml database_to_xml cursor_to_xml query_to_xmlschema ts_stat ts_rewrite`},
		{"no function", "dblink no_such_function pg_settings [functions"},
	} {
		for _, name := range strings.Fields(group.names) {
			if Repeats(name) {
				t.Errorf("%s repeats: %s", name, group.why)
			}
		}
	}
}
