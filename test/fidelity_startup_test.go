//go:build e2e

package e2e

// resets is every way back to what the client asked for at its login, each after a change.
var resets = script{
	showMemory, "SHOW DateStyle", "SET work_mem = '7MB'", showMemory, "RESET work_mem", showMemory, "SET work_mem = '7MB'",
	"SET work_mem TO DEFAULT", showMemory,
	"SET work_mem = '7MB'; SET DateStyle = 'SQL'", "RESET ALL", showMemory, "SHOW DateStyle", "SET work_mem = '7MB'",
	ext("DISCARD ALL"), showMemory, "SHOW DateStyle",
	"BEGIN; SET work_mem = '7MB'; RESET work_mem", showMemory, "ROLLBACK", showMemory,
	"SHOW application_name", "SET TIME ZONE DEFAULT",
	"SHOW TimeZone",
	"SELECT 'in step'",
}

// asked is a conversation of one who asks for options at its login, and looks what it got.
func asked(name, options string, shows ...string) conversation {
	c := conversation{name: name, startup: []string{"options", options}}
	for _, s := range shows {
		c.script = append(c.script, "SHOW "+s)
	}
	return c
}

// switches is one who writes options as letters.
func switches(name, options string, shows ...string) conversation {
	c := asked(name, options, shows...)
	c.awaits = "options has switches other than -c and --name"
	return c
}

// startupTalks is settings in the startup packet.
var startupTalks = []conversation{
	{name: "nothing asked for", script: resets},
	{name: "set_config to NULL", startup: []string{"work_mem", "6MB"}, script: script{"SET work_mem = '7MB'",
		"SELECT set_config('work_mem', NULL, false)", showMemory}, awaits: "set_config(…, NULL, …) goes back to the startup value"},
	{name: "SET LOCAL to the default", startup: []string{"work_mem", "6MB"}, script: script{
		"BEGIN; SET LOCAL work_mem TO DEFAULT", showMemory, "COMMIT"}, awaits: "SET LOCAL … TO DEFAULT goes back to the startup value"},
	{name: "parameters", startup: []string{"work_mem", "6MB", "DateStyle", "German", "application_name", "asked", "TimeZone",
		"Asia/Tokyo"}, script: resets},
	{name: "options", startup: []string{"options", `-c work_mem=6MB --datestyle=SQL,\ DMY -c TimeZone=Asia/Tokyo`},
		script: resets},
	{name: "parameters beat options", startup: []string{"options", "-c work_mem=5MB", "work_mem", "6MB"},
		script: script{showMemory}},
	{name: "before anything is changed", startup: []string{"work_mem", "6MB", "DateStyle", "German", "search_path", "scene",
		"my.tenant", "seven"}, script: script{
		showMemory, "SHOW DateStyle", "SHOW search_path", "SHOW my.tenant", "TABLE t", "BEGIN; SET LOCAL work_mem = '7MB'",
		showMemory, "COMMIT", showMemory,
	}},
	{name: "as pg_settings shows them", startup: []string{"work_mem", "6MB", "enable_seqscan", "off"}, script: script{
		"SELECT name, setting, source, reset_val, sourcefile FROM pg_settings WHERE name IN ('work_mem', 'enable_seqscan', 'DateStyle') ORDER BY name",
	}, awaits: "pg_settings tells source and reset_val of startup parameters"},
	asked("-c with a space", "-c work_mem=6MB", "work_mem"),
	asked("-c without a space", "-cwork_mem=6MB", "work_mem"),
	asked("two dashes", "--work_mem=6MB", "work_mem"),
	asked("dashes for underscores", "--work-mem=6MB -c statement-timeout=61s", "work_mem", "statement_timeout"),
	asked("spaces around", "   -c   work_mem=6MB\t--statement_timeout=61s  ", "work_mem", "statement_timeout"),
	asked("escaped spaces", `-c search_path=a,\ public -c application_name=two\ words`, "search_path", "application_name"),
	asked("escaped backslashes", `-c application_name=back\\slash -c my.text=\\\ x`, "application_name", "my.text"),
	asked("a backslash at the end", `-c application_name=x\`, "application_name"),
	asked("escaped letters", `-c application_name=\a\b`, "application_name"),
	asked("quotes are no quotes", `-c application_name='x' -c my.text="y"`, "application_name", "my.text"),
	asked("equal signs in the value", "-c application_name=a=b=c", "application_name"),
	asked("an empty value", "-c application_name=", "application_name"),
	asked("the last one counts", "-c work_mem=5MB -c work_mem=6MB -c WORK_MEM=8MB", "work_mem"),
	asked("letters of any case", "-c Work_Mem=6MB --DATESTYLE=German", "work_mem", "DateStyle"),
	asked("one's own", "-c my.tenant=seven -c my.other=\\ ", "my.tenant", "my.other"),
	asked("no options", "", "work_mem"),
	asked("only spaces", "   ", "work_mem"),
	switches("switches", "-e -S 6144 -fs -fn", "DateStyle", "work_mem", "enable_seqscan", "enable_nestloop"),
	asked("an unknown setting", "-c nosuch=1"),
	asked("a bad value", "-c work_mem=much"),
	asked("a value out of range", "-c work_mem=1"),
	asked("-c without a value", "-c work_mem", "work_mem"),
	asked("-c without anything", "-c"),
	asked("a word without a switch", "work_mem=6MB", "work_mem"),
	switches("an unknown switch", "-Z 7"),
	asked("what needs a restart", "-c shared_buffers=1MB"),
	asked("what needs a superuser", "-c log_statement=all"),
	asked("a role that is not the user's", "-c role=other"),
	{name: "an unknown setting as a parameter", startup: []string{"nosuch", "1"}},
	{name: "a bad value as a parameter", startup: []string{"work_mem", "much"}},
	{name: "a bad encoding", startup: []string{"client_encoding", "nosuch"}},
	{name: "an encoding", startup: []string{"client_encoding", "LATIN1"},
		script: script{"SHOW client_encoding", "SELECT 'n\xe4chst'", ext("SELECT $1::text", "\xe4"), "SELECT '\xe4'::int"}},
	{name: "a time zone that is none", startup: []string{"TimeZone", "Nowhere/Land"}},
	{name: "an unknown database", startup: []string{"database", "nosuch"}},
	{name: "a long application_name", startup: []string{"application_name",
		"a234567890123456789012345678901234567890123456789012345678901234567890"}, script: script{"SHOW application_name"},
		awaits: "notices at the login are passed on"},
	{name: "an application_name of odd bytes", startup: []string{"application_name", "n\xc3\xa4me\x01"},
		script: script{"SHOW application_name"}},
}
