//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

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

// begun is what the clients of the conversations about resets ask for at their login.
var begun = []string{"work_mem", "6MB", "DateStyle", "German", "search_path", "scene", "my.tenant", "seven", "TimeZone", "Asia/Tokyo"}

// resetTalks go back to what the client asked for by other ways than RESET of one setting.
var resetTalks = []conversation{
	{name: "set_config to NULL", script: script{"SET work_mem = '7MB'",
		"SELECT set_config('work_mem', NULL, false)", showMemory,
		"SELECT set_config('DateStyle', NULL, false), set_config('search_path', NULL::text, false), set_config('TimeZone', NULL, false)",
		"SET my.tenant = 'eight'; SELECT set_config('my.tenant', NULL, false); SELECT current_setting('my.tenant')",
		"SELECT set_config('statement_timeout', NULL, false)", "SET statement_timeout = '61s'",
		"SELECT set_config('statement_timeout', NULL, false)", "SHOW statement_timeout",
		"SET work_mem = '7MB'", "BEGIN; SELECT set_config('work_mem', NULL, false); ROLLBACK", showMemory,
		"BEGIN; SELECT set_config('work_mem', NULL, true)", showMemory, "COMMIT", showMemory, "RESET ALL", showMemory,
		"SELECT set_config('work_mem', NULL, NULL)", "SELECT set_config(NULL, NULL, false)", "SELECT set_config('nosuch', NULL, false)",
	}},
	{name: "set_config to NULL, extended", script: script{"SET work_mem = '7MB'",
		ext("SELECT set_config('work_mem', NULL, false)"), ext(showMemory),
		batch{parse("null", "SELECT set_config('work_mem', NULL, false)"), describe("null"), sync_}, "SET work_mem = '7MB'",
		batch{bind("", "null"), describePortal(""), execute(""), sync_}, showMemory, "SET work_mem = '7MB'",
		batch{bind("", "null"), execute(""), sync_}, showMemory, batch{closeStatement("null"), sync_},
		"BEGIN", "SET work_mem = '7MB'", ext("SELECT set_config('work_mem', NULL, true)"), showMemory, "COMMIT", showMemory,
		batch{parse("wrong", "SELECT set_config('work_mem', NULL, false), nosuch"), sync_},
		batch{parse("", "SELECT set_config('work_mem', NULL, false), nosuch"), sync_},
	}},
	{name: "set_config to NULL, by a parameter", script: script{"SET work_mem = '7MB'",
		batch{parse("p", "SELECT set_config('work_mem', $1, false)"), sync_}, batch{bindNull("p", 0), execute(""), sync_}, showMemory,
		batch{bind("", "p", "8MB"), execute(""), sync_}, showMemory, batch{bindNull("p", 0), describePortal(""), execute(""), sync_},
		showMemory, batch{parse("", "SELECT set_config($1, $2, $3)"), bindNull("", 1, "work_mem", "", "false"), execute(""), sync_},
		batch{parse("q", "SELECT set_config($2::text, $1::text, false), $3::int"), sync_}, "SET work_mem = '7MB'",
		batch{bindNull("q", 0, "", "Work_Mem", "42"), execute(""), sync_}, showMemory,
		batch{bindNull("q", 0, "", "statement_timeout", "42"), execute(""), sync_},
		batch{bindNull("q", 1, "8MB", "", "42"), execute(""), sync_},
	}},
	{name: "SET LOCAL to the default", script: script{
		"BEGIN; SET LOCAL work_mem TO DEFAULT", showMemory, "COMMIT", "SET work_mem = '7MB'",
		"BEGIN", "SET LOCAL work_mem TO DEFAULT", showMemory, "COMMIT", showMemory,
		"BEGIN", "SET LOCAL work_mem = DEFAULT", showMemory, "ROLLBACK", showMemory,
		"BEGIN", "SAVEPOINT a", "SET LOCAL work_mem TO DEFAULT", "ROLLBACK TO a", showMemory, "COMMIT", showMemory,
		"SET LOCAL work_mem TO DEFAULT", showMemory, "SET LOCAL work_mem TO DEFAULT; SHOW work_mem", showMemory,
		ext("SET LOCAL work_mem TO DEFAULT"), showMemory,
		join(pbe("SET LOCAL work_mem TO DEFAULT"), pbe(showMemory), sync_), showMemory,
		"BEGIN", ext("SET LOCAL work_mem TO DEFAULT"), ext(showMemory), "COMMIT", showMemory,
		"SET TimeZone = 'Europe/Paris'", "BEGIN", "SET LOCAL TIME ZONE DEFAULT", "SHOW TimeZone", "COMMIT", "SHOW TimeZone",
		"SET search_path = pg_catalog", "BEGIN", "SET LOCAL search_path TO DEFAULT", "TABLE t", "COMMIT", "SHOW search_path",
		"BEGIN", "SELECT 1/0", "SET LOCAL work_mem TO DEFAULT", "ROLLBACK",
		batch{simple("BEGIN"), simple("SET LOCAL work_mem TO DEFAULT"), simple(showMemory), simple("COMMIT"),
			simple("SET LOCAL work_mem TO DEFAULT"), simple(showMemory)},
	}},
	{name: "before the isolation level", script: script{
		"BEGIN; RESET work_mem; RESET search_path; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SHOW transaction_isolation; COMMIT",
		"BEGIN", "RESET ALL", "SET LOCAL work_mem TO DEFAULT", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "COMMIT",
	}},
	{name: "behind other portals", script: script{
		"SET work_mem = '7MB'", batch{parse("", "RESET work_mem"), bind("a", ""), parse("", "SELECT 1"), bind("b", ""), execute("b"),
			parse("", "SET work_mem = '8MB'"), bind("c", ""), execute("c"), execute("a"), parse("", showMemory), bind("", ""), execute(""), sync_},
		showMemory,
	}},
	{name: "and names of statements in one query", script: script{
		"PREPARE p AS SELECT current_setting('work_mem')", "SET work_mem = '7MB'; EXECUTE p; RESET work_mem; EXECUTE p", showMemory,
		"RESET work_mem; EXECUTE p; SELECT nosuch", "EXECUTE p; RESET work_mem; EXECUTE nosuch", "DEALLOCATE p",
	}},
	{name: "and errors that tell a place", script: script{
		"RESET work_mem; SELECT nosuch", "RESET work_mem; RESET search_path; SELECT 'ä', nosuch; RESET work_mem", "SELECT nosuch; RESET work_mem",
		"RESET work_mem; SELECT 1; RESET ALL; SELECT 'x' 'y'", "RESET work_mem; SELECT 1/0", "RESET work_mem; SELEC",
		"BEGIN; SET LOCAL work_mem TO DEFAULT; SELECT nosuch", "ROLLBACK",
		"SELECT set_config('work_mem', NULL, false), set_config('search_path', NULL, false), nosuch",
		"SELECT set_config('work_mem', NULL, false) FROM nosuch; RESET work_mem", "RESET work_mem; SELECT n FROM t WHERE nosuch()",
		"SET standard_conforming_strings = off; SET escape_string_warning = on", `RESET work_mem; SELECT 'a\\b', 'c'`,
	}},
	{name: "DISCARD ALL amid a pipeline", script: script{
		"SET work_mem = '7MB'; SET DateStyle = 'SQL'", join(pbe("DISCARD ALL"), sync_), showMemory, "SET work_mem = '7MB'",
		join(pbe("DISCARD ALL"), pbe(showMemory), sync_), showMemory, "SET work_mem = '7MB'",
		join(pbe("DISCARD ALL"), pbe("SELECT 1/0"), sync_), showMemory, "SHOW search_path", "SET work_mem = '7MB'",
		join(pbe("DISCARD ALL"), pbe("SELECT 1/0"), pbe("SET work_mem = '8MB'"), sync_, pbe(showMemory), sync_), showMemory,
		join(pbe("DISCARD ALL"), pbe("SET work_mem = '8MB'"), pbe("SELECT 1/0"), sync_), showMemory,
		join(pbe("DISCARD ALL"), pbe("SET work_mem = '8MB'"), sync_), showMemory,
		join(pbe("SELECT 1/0"), pbe("DISCARD ALL"), pbe("SELECT 1"), sync_), showMemory, "BEGIN",
		join(pbe("DISCARD ALL"), pbe("SELECT 1"), sync_), "ROLLBACK", showMemory,
		join(pbe("DISCARD ALL"), pbe("DISCARD ALL"), pbe(showMemory), sync_), showMemory,
		batch{parse("", "DISCARD ALL"), bind("", ""), execute(""), simple(showMemory)}, showMemory,
	}},
	{name: "SHOW ALL and its relatives", script: script{
		"SET work_mem = '7MB'", settingsOf("pg_settings"), settingsOf("pg_show_all_settings()"),
		"SELECT count(*) > 100 FROM pg_file_settings", "SELECT current_setting('work_mem'), current_setting('search_path')",
		"SELECT application_name, usename, datname FROM pg_stat_activity WHERE pid = pg_backend_pid()",
		"SELECT setrole::regrole, setconfig FROM pg_db_role_setting WHERE setrole <> 0 AND setdatabase = 0",
		"SELECT current_user, session_user, current_schemas(false), current_database()",
		"SELECT name, setting FROM pg_config WHERE name = 'BINDIR'",
	}},
}

// settingsOf is what a view of settings shows of some.
func settingsOf(view string) string {
	return "SELECT name, setting FROM " + view + " WHERE name IN ('work_mem', 'DateStyle', 'search_path', 'TimeZone') ORDER BY name"
}

// bindNull binds values of which one is NULL.
func bindNull(statement string, null int, values ...string) *pgproto3.Bind {
	m := &pgproto3.Bind{PreparedStatement: statement, Parameters: make([][]byte, max(len(values), null+1))}
	for i, v := range values {
		if i != null {
			m.Parameters[i] = []byte(v)
		}
	}
	return m
}

// startupTalks is settings in the startup packet.
func startupTalks() (talks []conversation) {
	for _, c := range resetTalks {
		c.startup = begun
		talks = append(talks, c)
		c.startup, c.name = nil, c.name+", nothing asked for"
		talks = append(talks, c)
	}
	return append(talks, askingTalks...)
}

// askingTalks asks for settings in many ways.
var askingTalks = []conversation{
	{name: "nothing asked for", script: resets},
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
	}, awaits: "pg_settings tells source and reset_val of startup parameters: only a server whose own login asked for the same could"},
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
	asked("switches", "-e -S 6144 -fs -fn", "DateStyle", "work_mem", "enable_seqscan", "enable_nestloop"),
	asked("every plan off", "-fs -f i -fo -f bitmap -ft -fn -fm -fh", "enable_seqscan", "enable_indexscan", "enable_indexonlyscan",
		"enable_bitmapscan", "enable_tidscan", "enable_nestloop", "enable_mergejoin", "enable_hashjoin"),
	asked("letters in one word", "-eS6MB -ec statement_timeout=61s", "DateStyle", "work_mem", "statement_timeout"),
	asked("letters that mean nothing", "-bEjnT -C x -D y -r z -v 3 --", "DateStyle"),
	asked("euro before a style", "-e -c DateStyle=SQL", "DateStyle"),
	asked("euro behind a style", "-c DateStyle=SQL -e", "DateStyle"),
	asked("styles one after the other", "-c DateStyle=German -c DateStyle=SQL -c datestyle=ymd", "DateStyle"),
	{name: "styles in options and parameter", startup: []string{"options", "-c DateStyle=German", "DateStyle", "ISO"},
		script: script{"SHOW DateStyle", "SET DateStyle = 'YMD'", "RESET DateStyle", "SHOW DateStyle"}},
	asked("a switch of superusers", "-s"), asked("another switch of superusers", "-tpa"), asked("log levels", "-d 3"),
	asked("system tables", "-O"), asked("fsync", "-F"), asked("shared buffers", "-B 16"), asked("connections", "-N 1"),
	asked("an address", "-h localhost"), asked("every address", "-i"), asked("a port", "-p 1"), asked("a socket", "-k /tmp"),
	asked("ssl", "-l"), asked("memory that is none", "-S much"), asked("a plan that is none", "-f x"), asked("statistics that are none", "-tx"),
	asked("a switch without its argument", "-e -S"), asked("an unknown switch in a word", "-c work_mem=6MB -eZf"),
	asked("what is no switch, before an unknown one", "foo -Z"), asked("what is no switch", "-e foo bar"), asked("behind the end", "-- -e"),
	{name: "a superuser's switches", startup: []string{"user", "postgres", "options", "-te -d 3 -O"}, script: script{
		"SHOW log_executor_stats", "SHOW log_min_messages", "SHOW log_statement", "SHOW debug_print_parse",
		"SHOW debug_print_plan", "SHOW allow_system_table_mods"}},
	asked("an unknown setting", "-c nosuch=1"),
	asked("a bad value", "-c work_mem=much"),
	asked("a value out of range", "-c work_mem=1"),
	asked("-c without a value", "-c work_mem", "work_mem"),
	asked("-c without anything", "-c"),
	asked("a word without a switch", "work_mem=6MB", "work_mem"),
	asked("an unknown switch", "-Z 7"),
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
		"a234567890123456789012345678901234567890123456789012345678901234567890"}, script: script{"SHOW application_name"}},
	{name: "a long application_name of letters of two bytes", startup: []string{"application_name",
		"aäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü"}, script: script{"SHOW application_name"}},
	{name: "a long application_name and no notices", startup: []string{"options", "-c client_min_messages=warning", "application_name",
		"a234567890123456789012345678901234567890123456789012345678901234567890"}, script: script{"SHOW application_name"}},
	{name: "an application_name of odd bytes", startup: []string{"application_name", "n\xc3\xa4me\x01"},
		script: script{"SHOW application_name"}},
}

// What resets settings does so too where the server knows statements by the client's own names (max_prepared_statements 0), and
// nothing that they have set is left when the server is another's.
func TestFidelityWithoutPreparedStatements(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		theater := newTheater(t, server)
		var want []string
		named := conversation{startup: begun, script: script{
			batch{parse("reset", "RESET work_mem"), parse("all", "RESET ALL"), parse("set", "SET work_mem = '7MB'"),
				parse("null", "SELECT set_config('work_mem', NULL, false)"), parse("param", "SELECT set_config('work_mem', $1, false)"),
				parse("local", "SET LOCAL work_mem TO DEFAULT"), sync_},
			bound("set"), showMemory, bound("reset"), showMemory, bound("set"), bound("all"), showMemory, bound("set"), bound("null"), showMemory,
			bound("set"), batch{bindNull("param", 0), execute(""), sync_}, showMemory, bound("set"), "BEGIN", bound("local"), showMemory, "COMMIT",
			showMemory, batch{closeStatement("reset"), parse("reset", "SELECT 'no reset'"), sync_}, bound("reset"), showMemory,
			"DEALLOCATE all", bound("all"), batch{parse("wrong", "SELECT set_config('work_mem', NULL, false), nosuch"), sync_},
			bound("set"), "DEALLOCATE ALL", showMemory, "SELECT pg_sleep(0)", showMemory,
		}}
		t.Run("directly", func(t *testing.T) { want = theater.hold(t, server.Addr(), named, nil) })
		if driver == "direct" {
			return
		}
		p := startPooler(t, driver, server, settings{Global: "event_loops 1", Pool: "pool_size 1\nmax_prepared_statements 0"})
		if diff := difference(want, theater.hold(t, p.Addr, named, nil)); diff != "" {
			t.Errorf("the client sees a pooler (-: Postgres, +: through us):\n%s", diff)
		}
		c, other := connect(t, p.Addr), connect(t, p.Addr)
		before := other.value(showMemory)
		c.ask(parse("set", "SET work_mem = '7MB'"))
		c.ask(bind("", "set"), execute(""))
		c.query("DEALLOCATE ALL")
		if got := other.value(showMemory); got != before {
			t.Errorf("another client's work_mem is %s, and was %s", got, before)
		}
		if got := c.value(showMemory); got != "7MB" {
			t.Errorf("the client has set work_mem to 7MB and finds %s", got)
		}
	})
}

// bound executes a statement that was prepared before.
func bound(statement string) batch { return batch{bind("", statement), execute(""), sync_} }

// Everybody is told that a name is cut, not only who is the first to have it.
func TestNoticesAtEveryLogin(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		for range 2 {
			for _, memory := range []string{"6MB", "7MB", "6MB"} {
				told, c := record(t, p.Addr)
				if err := c.logIn(pgproto3.ProtocolVersion30, "application_name", strings.Repeat("n", 64), "work_mem", memory); err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, line := range told.lines() {
					if strings.Contains(line, "C42622") {
						n++
					}
				}
				if n != 1 {
					t.Errorf("a client with work_mem %s is told %d times that its name is cut", memory, n)
				}
				c.leave()
			}
		}
	})
}
