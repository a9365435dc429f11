//go:build e2e

package e2e

// reportTalks is ParameterStatus, told when a setting that Postgres reports has changed.
var reportTalks = []conversation{
	{name: "of SET", script: script{
		"SET application_name = 'changed'", "SET application_name = 'changed'", ext("SET TimeZone = 'Asia/Tokyo'"),
		"SET DateStyle = 'German'", "SET IntervalStyle = 'iso_8601'",
		"SET standard_conforming_strings = off; SELECT 'a\\\\b'", "SET default_transaction_read_only = on",
		"INSERT INTO scene.t VALUES (1)", "SET search_path = scene, public",
		"SET client_encoding = 'LATIN1'", "SELECT 'ä'", "SET client_encoding = 'UTF8'", "SHOW application_name",
	}},
	{name: "of RESET", script: script{
		"SET application_name = 'changed'", "RESET application_name", "SET TimeZone = 'Asia/Tokyo'",
		"SET TimeZone TO DEFAULT", "SET DateStyle = 'German'", "SET TimeZone = 'Asia/Tokyo'",
		"RESET ALL", "SET DateStyle = 'German'", "DISCARD ALL", "SET TIME ZONE 'Asia/Tokyo'", "SET TIME ZONE LOCAL",
	}},
	{name: "in a transaction", script: script{
		"BEGIN", "SET application_name = 'amid'", "SELECT 1", "ROLLBACK", "BEGIN", "SET application_name = 'amid'", "COMMIT",
		"BEGIN; SET application_name = 'other'; ROLLBACK",
		"BEGIN; SET application_name = 'other'; SELECT 1/0", "ROLLBACK", "BEGIN; SAVEPOINT a; SET application_name = 'inner'",
		"ROLLBACK TO a", "COMMIT", "SHOW application_name",
	}},
	{name: "of SET LOCAL", script: script{
		"BEGIN", "SET LOCAL TimeZone = 'Asia/Tokyo'", "SHOW TimeZone", "COMMIT", "SHOW TimeZone",
		"BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'; COMMIT", "SET LOCAL TimeZone = 'Asia/Tokyo'",
		join(pbe("SET LOCAL TimeZone = 'Asia/Tokyo'"), pbe("SHOW TimeZone"), sync_), "SHOW TimeZone",
		"SET LOCAL TimeZone = 'Asia/Tokyo'; SHOW TimeZone", "SHOW TimeZone",
	}},
	{name: "several in one query", script: script{
		"SET application_name = 'a'; SET application_name = 'b'; SET TimeZone = 'Asia/Tokyo'; SELECT 1",
		join(pbe("SET application_name = 'c'"), pbe("SELECT 1"), pbe("SET DateStyle = 'German'"), sync_),
		join(pbe("SET application_name = 'd'"), sync_, pbe("SET application_name = 'e'"), sync_),
		"SET application_name = 'f'; SELECT 1/0", "SHOW application_name",
		join(pbe("SET application_name = 'g'"), pbe("SELECT 1/0"), sync_), "SHOW application_name",
	}},
	{name: "of set_config", script: script{
		"SELECT set_config('application_name', 'by set_config', false)",
		ext("SELECT set_config($1, $2, false)", "TimeZone", "Asia/Tokyo"), "SHOW TimeZone",
		"BEGIN; SELECT set_config('application_name', 'for now', true)", "COMMIT",
		"SELECT set_config('TimeZone', 'UTC', true)", "SHOW TimeZone",
	}},
	{name: "of a function", script: script{
		"SELECT scene.set('application_name', 'by a function')", "SHOW application_name",
		ext("SELECT scene.set('TimeZone', 'Asia/Tokyo')"), "SHOW TimeZone", "BEGIN",
		"SELECT scene.set('application_name', 'rolled back')", "ROLLBACK", "SHOW application_name",
		"DO $$ BEGIN SET DateStyle = 'German'; END $$", "SHOW DateStyle",
	}},
	{name: "of a role", script: script{"SET SESSION AUTHORIZATION app", "SHOW session_authorization",
		"RESET SESSION AUTHORIZATION", "SET ROLE app", "RESET ROLE"}},
	{name: "of a superuser's role", startup: []string{"user", "postgres"}, script: script{
		"SHOW is_superuser", "SET SESSION AUTHORIZATION app", "SHOW is_superuser", "SELECT session_user, current_user",
		"RESET SESSION AUTHORIZATION", "SET ROLE app", "SHOW is_superuser",
		"SELECT session_user, current_user", "SET ROLE NONE", "BEGIN; SET LOCAL ROLE app", "ROLLBACK",
		"SET ROLE other; SET SESSION AUTHORIZATION other", "SELECT session_user, current_user", "DISCARD ALL",
		"SELECT session_user, current_user",
	}},
	{name: "in other encodings", script: script{
		"SET client_encoding = 'LATIN1'", "SELECT 'n\xe4chst'", ext("SELECT $1::text, length($1)", "\xe4\xf6"),
		"SELECT scene.notice('\xfc')", "SELECT '\xe4'::int", "SELECT chr(8364)",
		"INSERT INTO scene.t VALUES (1, '\xe4')", "RESET client_encoding", "TABLE scene.t", "SET client_encoding = 'nosuch'",
		"SET NAMES 'LATIN1'", "TABLE scene.t", "SET NAMES DEFAULT", "TABLE scene.t",
	}},
}
