//go:build e2e

package e2e

import "fmt"

// setting is a way to change the session, and how it is seen.
type setting struct {
	name, change, show string
	// before makes the change one, undo takes it back.
	before, undo string
}

const showMemory = "SHOW work_mem"

var settingWays = []setting{
	{name: "SET", change: "SET work_mem = '7MB'", show: showMemory, undo: "RESET work_mem"},
	{name: "SET SESSION", change: "SET SESSION search_path TO scene, public", show: "SHOW search_path",
		undo: "RESET search_path"},
	{name: "SET of a reported one", change: "SET DateStyle = 'German'", show: "SHOW DateStyle", undo: "RESET DateStyle"},
	{name: "SET TIME ZONE", change: "SET TIME ZONE 'Asia/Tokyo'", show: "SHOW TimeZone", undo: "SET TIME ZONE DEFAULT"},
	{name: "SET of one's own", change: "SET my.tenant = 'seven'", show: "SELECT current_setting('my.tenant', true)",
		undo: "RESET my.tenant"},
	{name: "SET LOCAL", change: "SET LOCAL work_mem = '7MB'", show: showMemory, undo: "RESET work_mem"},
	{name: "SET LOCAL over SET", before: "SET work_mem = '6MB'", change: "SET LOCAL work_mem = '7MB'", show: showMemory,
		undo: "RESET work_mem"},
	{name: "SET under SET LOCAL", change: "SET work_mem = '7MB'; SET LOCAL work_mem = '8MB'", show: showMemory,
		undo: "RESET work_mem"},
	{name: "SET twice", before: "SET work_mem = '6MB'", change: "SET work_mem = '7MB'", show: showMemory,
		undo: "RESET work_mem"},
	{name: "SET TO DEFAULT", before: "SET work_mem = '6MB'", change: "SET work_mem TO DEFAULT", show: showMemory,
		undo: "RESET work_mem"},
	{name: "RESET", before: "SET work_mem = '6MB'", change: "RESET work_mem", show: showMemory, undo: "RESET ALL"},
	{name: "RESET ALL", before: "SET work_mem = '6MB'", change: "RESET ALL", show: showMemory, undo: "RESET ALL"},
	{name: "set_config", change: "SELECT set_config('work_mem', '7MB', false)", show: showMemory, undo: "RESET work_mem"},
	{name: "set_config for a transaction", change: "SELECT set_config('work_mem', '7MB', true)", show: showMemory,
		undo: "RESET work_mem"},
	{name: "UPDATE pg_settings", change: "UPDATE pg_settings SET setting = '7168' WHERE name = 'work_mem'", show: showMemory,
		undo: "RESET work_mem"},
	{name: "characteristics", change: "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY",
		show: "SELECT current_setting('transaction_isolation'), current_setting('default_transaction_isolation'), current_setting('transaction_read_only')",
		undo: "RESET default_transaction_isolation; RESET default_transaction_read_only"},
	{name: "a bad value", change: "SET work_mem = 'much'", show: showMemory, undo: "RESET work_mem"},
	{name: "an unknown one", change: "SET nosuch = 1", show: "SHOW nosuch", undo: "RESET nosuch"},
	{name: "one that nobody may set", change: "SET shared_buffers = '1MB'", show: "SHOW shared_buffers",
		undo: "RESET shared_buffers"},
	{name: "a function", change: "SELECT scene.set('work_mem', '7MB')", show: showMemory,
		undo: "SELECT scene.set('work_mem', '4MB')"},
	{name: "a DO block", change: "DO $$ BEGIN SET work_mem = '7MB'; END $$", show: showMemory,
		undo: "DO $$ BEGIN RESET work_mem; END $$"},
}

// settingTalks changes settings by every way in every outcome of a transaction, by both protocols.
func settingTalks() (talks []conversation) {
	protocols := map[string]func(sql string) any{
		"simple":   func(sql string) any { return sql },
		"extended": func(sql string) any { return ext(sql) },
	}
	for _, w := range settingWays {
		for name, say := range protocols {
			talks = append(talks, conversation{name: w.name + ", " + name, script: w.outcomes(say)})
		}
	}
	return append(talks, settingSequences...)
}

// outcomes changes the session in transactions of every outcome.
func (w setting) outcomes(say func(sql string) any) (s script) {
	for _, o := range [][]string{
		{"change"},
		{"BEGIN", "change", "COMMIT"},
		{"BEGIN", "change", "ROLLBACK"},
		{"BEGIN", "change", "SELECT 1/0", "COMMIT"},
		{"BEGIN", "SAVEPOINT a", "change", "ROLLBACK TO a", "show", "COMMIT"},
		{"BEGIN", "SAVEPOINT a", "change", "RELEASE a", "show", "COMMIT"},
		{"BEGIN", "SAVEPOINT a", "change", "RELEASE a", "ROLLBACK"},
		{"BEGIN", "SAVEPOINT a", "change", "SELECT 1/0", "ROLLBACK TO a", "show", "change", "COMMIT"},
		{"BEGIN", "change", "COMMIT AND CHAIN", "show", "ROLLBACK"},
		{"BEGIN", "change", "ROLLBACK AND CHAIN", "show", "COMMIT"},
	} {
		if w.before != "" {
			s = append(s, w.before)
		}
		for _, sql := range o {
			switch sql {
			case "change":
				s = append(s, say(w.change), say(w.show))
			case "show":
				s = append(s, say(w.show))
			default:
				s = append(s, say(sql))
			}
		}
		s = append(s, say(w.show), w.show, w.undo, w.show)
	}
	for _, several := range []string{"%s; SELECT 1/0", "SELECT 1; %s", "BEGIN; %s; COMMIT", "%s; COMMIT; SELECT 1/0",
		"BEGIN; %s; ROLLBACK; SELECT 1"} {
		if w.before != "" {
			s = append(s, w.before)
		}
		s = append(s, fmt.Sprintf(several, w.change), w.show, w.undo)
	}
	return append(s, join(pbe(w.change), pbe("SELECT 1/0"), sync_), w.show, join(pbe(w.change), sync_, pbe(w.show), sync_),
		w.undo)
}

// settingSequences is what no table of outcomes has.
var settingSequences = []conversation{
	{name: "prepared before another SET", script: script{
		batch{parse("set", "SET work_mem = '7MB'"), parse("other", "SELECT set_config($1, $2, false)"), sync_},
		"SET work_mem = '6MB'", batch{bind("", "set"), execute(""), sync_}, showMemory,
		batch{bind("", "other", "work_mem", "8MB"), execute(""), sync_}, showMemory,
		batch{bind("", "other", "search_path", "scene"), execute(""), sync_}, "TABLE t", "RESET ALL", "TABLE t",
	}},
	{name: "statements under another search_path", script: script{
		batch{parse("s", "SELECT count(*) FROM t"), sync_}, "SET search_path = scene",
		batch{parse("s", "SELECT count(*) FROM t"), bind("", "s"), execute(""), sync_},
		"SET search_path = public", batch{bind("", "s"), execute(""), sync_}, "RESET search_path",
		batch{bind("", "s"), execute(""), sync_},
		"BEGIN; SET LOCAL search_path = scene", batch{bind("", "s"), execute(""), sync_}, "COMMIT",
		batch{bind("", "s"), execute(""), sync_},
	}},
	{name: "planned under another plan_cache_mode", script: script{
		"SET plan_cache_mode = force_generic_plan", batch{parse("p", "SELECT n FROM scene.t WHERE n = $1"), sync_},
		"EXPLAIN (COSTS OFF) EXECUTE p(1)",
		"SET plan_cache_mode = force_custom_plan", "EXPLAIN (COSTS OFF) EXECUTE p(1)", "RESET plan_cache_mode",
	}},
	{name: "statement_timeout", script: script{
		"SET statement_timeout = '300ms'", "SELECT pg_sleep(60)", ext("SELECT pg_sleep(60)"), "RESET statement_timeout",
		"SELECT 'in step'",
		"BEGIN; SET LOCAL statement_timeout = '300ms'", "SELECT pg_sleep(60)", "ROLLBACK", "SHOW statement_timeout",
	}},
	{name: "discarded", script: script{
		"SET work_mem = '7MB'; SET my.tenant = 'seven'", "DISCARD PLANS; DISCARD TEMP", showMemory, "DISCARD ALL", showMemory,
		"SELECT current_setting('my.tenant', true)",
		"BEGIN; SET work_mem = '7MB'", "DISCARD ALL", "ROLLBACK", showMemory, ext("DISCARD ALL"),
		"BEGIN; DISCARD TEMP; ROLLBACK", "SELECT 1; DISCARD ALL",
	}},
	{name: "SHOW of what was never set", script: script{"SHOW nosuch", "SHOW my.tenant",
		"SELECT current_setting('my.tenant')", "SELECT current_setting('my.tenant', true)", "RESET my.tenant",
		"RESET nosuch"}, awaits: "settings of one's own leave no empty one of the name on a server for others"},
	{name: "forms of SET", script: script{
		"SET work_mem TO 7000", showMemory, "SET work_mem = DEFAULT", showMemory, `SET "work_mem" = '6 MB'`, showMemory,
		"SET search_path = a, \"B c\", 'd'", "SHOW search_path",
		"SET search_path = ''", "SHOW search_path", "SET SCHEMA 'scene'", "SHOW search_path", "SET TIME ZONE -5",
		"SHOW TimeZone", "SET TIME ZONE INTERVAL '+02:30' HOUR TO MINUTE", "SHOW TimeZone",
		"SELECT '2020-02-01 12:00+00'::timestamptz", "SET TIME ZONE LOCAL", "SHOW TimeZone", "SET XML OPTION DOCUMENT",
		"SHOW xmloption", "SET enable_seqscan TO off", "SHOW enable_seqscan", "SET geqo = 'yes'",
		"SET extra_float_digits = -3; SELECT 1.23456789012345678::float8", "SELECT 1.23456789012345678::float8",
		"SET my.text = 'it''s \\ \"quoted\"'", "SHOW my.text", "SET my.text = E'a\\nb'", "SHOW my.text",
		"SET bytea_output = escape", "SELECT '\\x00ff'::bytea", "SET SESSION my.\"odd\" = 1", "SET SEED = 0.5",
		"SELECT random() < 2", "RESET ALL",
	}},
	{name: "a procedure's SET clause and its own SET", script: script{
		"CREATE FUNCTION scene.within() RETURNS text LANGUAGE sql SET work_mem = '9MB' AS 'SELECT current_setting(''work_mem'')'", "SELECT scene.within()", showMemory, ext("SELECT scene.within()"), showMemory,
		"DROP FUNCTION scene.within()",
	}},
}
