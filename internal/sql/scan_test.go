package sql

import (
	"strings"
	"testing"
)

type scanCase struct {
	text    string
	effects Effects
	kind    Kind
}

func scan(text string) *Statement {
	st := new(Statement)
	Scan([]byte(text), st)
	return st
}

func checkScans(t *testing.T, cases []scanCase) {
	t.Helper()
	for _, c := range cases {
		st := scan(c.text)
		if st.Effects != c.effects {
			t.Errorf("%q\n\thas effects  %v\n\twant         %v", c.text, st.Effects, c.effects)
		}
		if st.Kind != c.kind {
			t.Errorf("%q is of kind %v, want %v", c.text, st.Kind, c.kind)
		}
	}
}

func TestKinds(t *testing.T) {
	checkScans(t, []scanCase{
		{"", 0, Empty},
		{" \t\r\n\f", 0, Empty},
		{";", 0, Empty},
		{";;;  ;", 0, Empty},
		{"-- only a comment", 0, Empty},
		{"-- only a comment\n;", 0, Empty},
		{"/* a /* nested */ one */", 0, Empty},
		{"SELECT 1", 0, Select},
		{"select 1;", 0, Select},
		{"select 1; -- done", 0, Select},
		{"select 1; ; /* */ ;", 0, Select},
		{"SeLeCt/**/1", 0, Select},
		{"/* hint */ SELECT 1", 0, Select},
		{"-- hint\nSELECT 1", 0, Select},
		{"-- hint\rSELECT 1", 0, Select},
		{";SELECT 1", 0, Select},
		{"(SELECT 1)", 0, Select},
		{"((SELECT 1) UNION (SELECT 2))", 0, Select},
		{"( /* c */ ( VALUES (1)))", 0, Select},
		{"VALUES (1), (2)", 0, Select},
		{"TABLE accounts", 0, Select},
		{"SELECT*FROM t", 0, Select},
		{"SELECT'x'", 0, Select},
		{`SELECT"x"FROM t`, 0, Select},
		{"SELECT$1", 0, Other}, // one word to Postgres, too
		{"WITH x AS (SELECT 1) SELECT * FROM x", 0, With},
		{"(WITH x AS (SELECT 1) SELECT * FROM x)", 0, With},
		{"INSERT INTO t VALUES (1)", 0, Insert},
		{"insert into t select 1", 0, Insert},
		{"UPDATE t SET a = 1", 0, Update},
		{"DELETE FROM t", 0, Delete},
		{"MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", 0, Merge},
		{"COPY t FROM '/tmp/x'", 0, Copy},
		{"EXPLAIN SELECT 1", 0, Explain},
		{"EXPLAIN (ANALYZE, BUFFERS) SELECT 1", 0, Explain},
		{"SHOW search_path", 0, Show},
		{"SAVEPOINT a", 0, Transaction},
		{"RELEASE SAVEPOINT a", 0, Transaction},
		{"RELEASE a", 0, Transaction},
		{"CREATE TABLE t (a int)", 0, Definition},
		{"ALTER TABLE t ADD b int", 0, Definition},
		{"DROP TABLE t", Drops, Definition},
		{"TRUNCATE t", 0, Other},
		{"VACUUM", 0, Other},
		{"NOTIFY x, 'y'", Notifies, Other},
		{"LOCK TABLE t", 0, Lock},
		{"FETCH ALL FROM c", 0, Other},
		{"CLOSE ALL", Closes, Other},
		{"GRANT EXECUTE ON FUNCTION f() TO u", 0, Other},
		{"REVOKE EXECUTE ON FUNCTION f() FROM u", 0, Other},
		{"COMMENT ON TABLE t IS 'x'", 0, Other},
		{"selec 1", 0, Other},
		{"selects 1", 0, Other},
		{"1", 0, Other},
		{"'x'", 0, Other},
		{`"x"`, 0, Other},
		{"$1", 0, Other},
		{"=", 0, Other},
		{"x", 0, Other},
		{"é", 0, Other},
	})
}

func TestSettings(t *testing.T) {
	checkScans(t, []scanCase{
		{"SET x = 1", SetsSession, Other},
		{"SET x TO 1", SetsSession, Other},
		{"set\tx.y\n=1", SetsSession, Other},
		{"SET/**/x=1", SetsSession, Other},
		{"SET SESSION x = 1", SetsSession, Other},
		{"SET TIME ZONE 'UTC'", SetsSession, Other},
		{"SET TIME ZONE LOCAL", SetsSession, Other},
		{"SET ROLE bob", SetsSession, Other},
		{"SET SESSION AUTHORIZATION bob", SetsSession, Other},
		{"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", SetsSession, Other},
		{"SET SCHEMA 'x'", SetsSession, Other},
		{"SET NAMES 'utf8'", SetsSession, Other},
		{"SET search_path = a, pg_temp", SetsSession, Other},
		{`SET "local" = 1`, SetsSession, Other},
		{"SET LOCAL x = 1", SetsLocal, Other},
		{"set local/* */x = 1", SetsLocal, Other},
		{"SET LOCAL ROLE bob", SetsLocal, Other},
		{"SET LOCAL TIME ZONE 'UTC'", SetsLocal, Other},
		{"SET TRANSACTION READ ONLY", SetsLocal, Other},
		{"SET TRANSACTION SNAPSHOT '00000003-0000001B-1'", SetsLocal, Other},
		{"SET CONSTRAINTS ALL DEFERRED", SetsLocal, Other},
		{"SET local.x = 1", SetsSession, Other},
		{"SET transaction . x = 1", SetsSession, Other},
		{"SET constraints.x = 1", SetsSession, Other},
		{"SET LOCAL = 1", SetsSession, Other},
		{"SET transaction_isolation = 'serializable'", SetsLocal, Other},
		{"SET", SetsSession | SetsUnknown, Other},
		{"RESET x", Resets, Other},
		{"RESET ALL", Resets, Other},
		{"RESET SESSION AUTHORIZATION", Resets, Other},
		{"BEGIN; SET LOCAL x = 1; COMMIT", Begins | SetsLocal | Ends | Multi, Transaction},
		{"SELECT 1; SET x = 1", SetsSession | Multi, Select},
		{"SELECT 1 -- ;\n; SET x = 1", SetsSession | Multi, Select},
		{"UPDATE t SET x = 1", 0, Update},
		{"ALTER SYSTEM SET x = 1", AltersDefaults, Definition},
		{"ALTER ROLE r SET x = 1", AltersDefaults, Definition},
		{"ALTER ROLE r RESET ALL", AltersDefaults, Definition},
		{`ALTER USER "set" SET x = 1`, AltersDefaults, Definition},
		{"ALTER ROLE ALL IN DATABASE d SET x TO DEFAULT", AltersDefaults, Definition},
		{"ALTER ROLE in IN DATABASE set RESET x", AltersDefaults, Definition},
		{"ALTER DATABASE d SET x FROM CURRENT", AltersDefaults, Definition},
		{"ALTER /* */ DATABASE d -- \n RESET ALL", AltersDefaults, Definition},
		{"ALTER SYSTEM RESET ALL", AltersDefaults, Definition},
		{"ALTER ROLE r PASSWORD 'x'", 0, Definition},
		{"ALTER ROLE set RENAME TO reset", 0, Definition},
		{"ALTER GROUP g ADD USER set", 0, Definition},
		{"ALTER USER MAPPING FOR u SERVER s OPTIONS (SET user 'x')", 0, Definition},
		{"ALTER TABLE t SET (fillfactor = 70)", 0, Definition},
		{"ALTER FUNCTION f() SET x = 1", 0, Definition},
		{"CREATE ROLE set", 0, Definition},
		{"CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = a, pg_temp AS 'select 1'", 0, Definition},
		{"INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET x = 1", 0, Insert},
		{"SELECT set FROM t", 0, Select},

		{"SELECT set_config('a', 'b', false)", CallsSetConfig, Select},
		{"SELECT set_config('a', 'b', true)", SetsLocal, Select},
		{"SELECT SET_CONFIG('a', 'b', TRUE)", SetsLocal, Select},
		{"SELECT set_config($1, $2, true)", SetsLocal, Select},
		{"SELECT set_config($1, $2, $3)", CallsSetConfig | SetsUnknown, Select},
		{"SELECT set_config('a', 'b', 't')", CallsSetConfig, Select},
		{"SELECT set_config('a', 'b', true AND false)", CallsSetConfig, Select},
		{"SELECT set_config('a', 'b', not true)", CallsSetConfig, Select},
		{"SELECT set_config('a', 'b', true::bool)", CallsSetConfig, Select},
		{"SELECT set_config('a', concat('b', ',', true), false)", CallsSetConfig, Select},
		{"SELECT set_config('a', concat('b', ',', ')'), true)", SetsLocal, Select},
		{"SELECT set_config('a', (ARRAY['b', 'c'])[1], true)", SetsLocal, Select},
		{"SELECT set_config('a', ARRAY['b', true]::text, false)", CallsSetConfig, Select},
		{"SELECT set_config('a', e'\\',true)', false)", CallsSetConfig, Select},
		{"SELECT set_config('a', $$',true)$$, false)", CallsSetConfig, Select},
		{"SELECT set_config(setting_name => 'a', new_value => 'b', is_local => true)", CallsSetConfig | SetsUnknown, Select},
		{"SELECT set_config('a', 'b' /* , true) */, false)", CallsSetConfig, Select},
		{"SELECT set_config('a', 'b', true), set_config('c', 'd', false)", SetsLocal | CallsSetConfig, Select},
		{"SELECT set_config('a', set_config('c', 'd', false), true)", SetsLocal | CallsSetConfig, Select},
		{"SELECT set_config('a', set_config('c', 'd', true), true)", SetsLocal, Select},
		{"SELECT set_config(", CallsSetConfig | SetsUnknown, Select},
		{"SELECT set_config('a', 'b', true", CallsSetConfig, Select},
		{"SELECT pg_catalog.set_config('a', 'b', false)", CallsSetConfig, Select},
		{"SELECT pg_catalog . set_config /* x */ ('a', 'b', false)", CallsSetConfig, Select},
		{"SELECT set_config -- x\n ('a', 'b', false)", CallsSetConfig, Select},
		{`SELECT "set_config"('a', 'b', false)`, CallsSetConfig, Select},
		{`SELECT pg_catalog."set_config" ('a', 'b', false)`, CallsSetConfig, Select},
		{`SELECT U&"set\005fconfig"('a', 'b', false)`, Unknown, Select},
		{"SELECT set_config FROM t", 0, Select},
		{"SELECT 'set_config(1)'", 0, Select},
		{"SELECT my_set_config('a', 'b', false)", 0, Select},
		{"PREPARE p AS SELECT set_config('a', 'b', false)", SQLPrepare | CallsSetConfig, Other},
	})
}

func TestSessionObjects(t *testing.T) {
	checkScans(t, []scanCase{
		{"LISTEN x", Listens, Other},
		{`LISTEN "X"`, Listens, Other},
		{"UNLISTEN x", Unlistens, Other},
		{"UNLISTEN *", Unlistens, Other},
		{"SELECT listen FROM t", 0, Select},
		{"LOAD 'auto_explain'", Loads, Other},
		{"NOTIFY x", Notifies, Other},
		{"SELECT pg_notify('x', 'y')", Notifies, Select},
		{`SELECT pg_catalog."pg_notify" ('x', 'y')`, Notifies, Select},
		{"SELECT pg_notify FROM t", 0, Select},
		{"SELECT pg_listening_channels()", ListsChannels, Select},
		{"SELECT * FROM PG_CATALOG.PG_LISTENING_CHANNELS ()", ListsChannels, Select},
		{"SELECT pg_listening_channels FROM t", 0, Select},
		{"SELECT * FROM pg_prepared_statements", ListsStatements, Select},
		{"TABLE PG_Prepared_Statements", ListsStatements, Select},
		{`SELECT count(*) FROM "pg_prepared_statements" p`, ListsStatements, Select},
		{"CREATE VIEW v AS SELECT * FROM pg_catalog.pg_prepared_statements", ListsStatements, Definition},
		{"SELECT name FROM pg_prepared_statement()", ListsStatements, Select},
		{"SELECT pg_prepared_statement FROM t", 0, Select},
		{"SELECT 'pg_prepared_statements'", 0, Select},
		{"SELECT * FROM pg_prepared_xacts", 0, Select},
		{"CLOSE c", Closes, Other},
		{`CLOSE "all"`, Closes, Other},
		{"DROP TABLE IF EXISTS t, u CASCADE", Drops, Definition},
		{"DROP OWNED BY CURRENT_USER", Drops, Definition},
		{"ALTER TABLE t DROP COLUMN a", 0, Definition},
		{"DO $$ BEGIN PERFORM 1; END $$", DoBlock, Other},
		{"DO LANGUAGE plpgsql 'begin end'", DoBlock, Other},
		{"CALL p(1)", DoBlock, Other},

		{"CREATE TEMP TABLE t (a int)", Temp, Definition},
		{"create temporary table t as select 1", Temp, Definition},
		{"CREATE LOCAL TEMP TABLE t (a int)", Temp, Definition},
		{"CREATE GLOBAL TEMPORARY TABLE t (a int)", Temp, Definition},
		{"CREATE TEMP SEQUENCE s", Temp, Definition},
		{"CREATE TEMP VIEW v AS SELECT 1", Temp, Definition},
		{"CREATE OR REPLACE TEMP VIEW v AS SELECT 1", Temp, Definition},
		{"CREATE OR REPLACE LOCAL TEMPORARY VIEW v AS SELECT 1", Temp, Definition},
		{"CREATE /* x */ TEMP -- y\n TABLE t (a int)", Temp, Definition},
		{"CREATE TABLE pg_temp.t (a int)", Temp, Definition},
		{"CREATE TABLE PG_TEMP . t (a int)", Temp, Definition},
		{`CREATE TABLE "pg_temp".t (a int)`, Temp, Definition},
		{"CREATE TABLE pg_temp_3.t (a int)", Temp, Definition},
		{"CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'select 1'", Temp, Definition},
		{"SELECT 1 INTO TEMP t", Temp, Select},
		{"SELECT 1 INTO TEMPORARY TABLE t", Temp, Select},
		{"SELECT * INTO LOCAL TEMP t FROM x", Temp, Select},
		{"WITH x AS (SELECT 1) SELECT * INTO TEMP t FROM x", Temp, With},
		{"SELECT insert INTO TEMP t FROM x", Temp, Select},
		{"EXPLAIN ANALYZE CREATE TEMP TABLE t AS SELECT 1", Temp, Explain},
		{"EXPLAIN (ANALYZE) CREATE TEMP TABLE t AS SELECT 1", Temp, Explain},
		{"EXPLAIN ANALYZE SELECT 1 INTO TEMP t", Temp, Explain},
		{"PREPARE p AS SELECT 1 INTO TEMP t", SQLPrepare | Temp, Other},
		{"CREATE TABLE temp (a int)", 0, Definition},
		{"CREATE TABLE t (temp int, temporary int)", 0, Definition},
		{"INSERT INTO temp VALUES (1)", 0, Insert},
		{"INSERT /* x */ INTO temp SELECT 1", 0, Insert},
		{"SELECT temp FROM weather", 0, Select},
		{"SELECT a AS temp FROM weather", 0, Select},
		{"SELECT pg_temp FROM t", 0, Select},
		{"SELECT template.a FROM template", 0, Select},

		{"SELECT pg_advisory_lock(1)", AdvisoryLock, Select},
		{"SELECT pg_advisory_lock_shared(1, 2)", AdvisoryLock, Select},
		{"SELECT pg_try_advisory_lock(1)", AdvisoryLock, Select},
		{"SELECT pg_try_advisory_lock_shared(1)", AdvisoryLock, Select},
		{"SELECT PG_CATALOG.PG_ADVISORY_LOCK (1)", AdvisoryLock, Select},
		{`SELECT "pg_advisory_lock"(1)`, AdvisoryLock, Select},
		{"SELECT pg_advisory_xact_lock(1)", 0, Select},
		{"SELECT pg_advisory_xact_lock_shared(1)", 0, Select},
		{"SELECT pg_try_advisory_xact_lock(1)", 0, Select},
		{"SELECT pg_try_advisory_xact_lock_shared(1)", 0, Select},
		{"SELECT pg_advisory_unlock(1)", AdvisoryUnlock, Select},
		{"SELECT pg_advisory_unlock_shared(1)", AdvisoryUnlock, Select},
		{"SELECT pg_advisory_unlock_all()", AdvisoryUnlock, Select},
		{"SELECT pg_terminate_backend($1)", Terminates, Select},
		{"SELECT pg_cancel_backend(pid) FROM pg_stat_activity", Cancels, Select},
		{"SELECT * FROM t WHERE pg_try_advisory_lock(t.id)", AdvisoryLock, Select},
		{"UPDATE t SET a = 1 WHERE pg_advisory_lock(1) IS NULL", AdvisoryLock, Update},

		{"DECLARE c CURSOR WITH HOLD FOR SELECT 1", HoldCursor, Other},
		{"DECLARE c SCROLL CURSOR WITH /* x */ HOLD FOR SELECT 1", HoldCursor, Other},
		{`declare "C" binary insensitive no scroll cursor with hold for select 1`, HoldCursor, Other},
		{"DECLARE c CURSOR WITHOUT HOLD FOR SELECT 1", 0, Other},
		{"DECLARE c CURSOR FOR SELECT hold FROM t", 0, Other},
		{"SELECT 1 FROM t WITH hold", 0, Select},

		{"SELECT currval('s')", SequenceState, Select},
		{"SELECT lastval()", SequenceState, Select},
		{"SELECT setval('s', 1)", Nextval, Select},
		{"SELECT setval('s', currval('s'))", Nextval | SequenceState, Select},
		{"SELECT nextval('s')", Nextval, Select},
		{"INSERT INTO t VALUES (nextval('s')) RETURNING currval('s')", Nextval | SequenceState, Insert},
		{"CREATE TABLE t (a int DEFAULT nextval('s'))", Nextval, Definition},
		{"SELECT setseed(0.5)", Seeds, Select},
		{"SET SEED = 0.5", Seeds, Other},
		{"SET SESSION seed TO 0.5", Seeds, Other},
		{"SET LOCAL Seed = 0.5", SetsLocal | Seeds, Other},
		{`SET "seed" = 0.5`, Seeds, Other},
		{"SELECT set_config('seed', '0.5', false)", Seeds, Select},
		{"SELECT set_config('seed', '0.5', true)", SetsLocal | Seeds, Select},
		{"SET LOCAL seed.x = 0.5", SetsLocal, Other},
		{"SET seed.x = 0.5", SetsSession, Other},
		{"UPDATE pg_settings SET setting = '1' WHERE name = 'x'", SetsSession | SetsUnknown, Update},
		{`UPDATE ONLY pg_catalog."pg_settings" AS s SET setting = '1'`, SetsSession | SetsUnknown, Update},
		{"WITH w AS (UPDATE pg_settings SET setting = '1' RETURNING 1) SELECT 1", SetsSession | SetsUnknown, With},
		{"EXPLAIN ANALYZE UPDATE pg_settings SET setting = '1'", SetsSession | SetsUnknown, Explain},
		{"SELECT 1; UPDATE pg_settings SET setting = '1'", SetsSession | SetsUnknown | Multi, Select},
		{"SELECT setting FROM pg_settings", 0, Select},
		{"(SELECT setting FROM pg_settings)", 0, Select},
		{"SELECT lastval FROM t", 0, Select},

		{"COPY t FROM STDIN", Copies, Copy},
		{"COPY t (a, b) FROM stdin WITH (FORMAT csv)", Copies, Copy},
		{"COPY (SELECT 1) TO STDOUT", Copies, Copy},
		{"COPY t TO '/tmp/stdout'", 0, Copy},
		{"COPY t FROM PROGRAM 'cat'", 0, Copy},
		{"SELECT stdin FROM t", 0, Select},

		{"DISCARD ALL", DiscardsAll, Other},
		{"discard all;", DiscardsAll, Other},
		{"LOCK TABLE discards IN SHARE MODE", 0, Lock},
		{"lock;", 0, Lock},
		{"locks", 0, Other},
		{"DISCARD PLANS", Discards, Other},
		{"DISCARD TEMP", Discards, Other},
		{"DISCARD SEQUENCES", Discards, Other},
	})
}

func TestTransactions(t *testing.T) {
	checkScans(t, []scanCase{
		{"BEGIN", Begins, Transaction},
		{"begin work;", Begins, Transaction},
		{"BEGIN ISOLATION LEVEL SERIALIZABLE", Begins, Transaction},
		{"START TRANSACTION READ ONLY", Begins, Transaction},
		{"COMMIT", Ends, Transaction},
		{"COMMIT AND CHAIN", Ends, Transaction},
		{"END", Ends, Transaction},
		{"END TRANSACTION", Ends, Transaction},
		{"ABORT", Ends, Transaction},
		{"ROLLBACK", Ends, Transaction},
		{"ROLLBACK WORK", Ends, Transaction},
		{"ROLLBACK TRANSACTION AND CHAIN", Ends, Transaction},
		{"ROLLBACK TO a", 0, Transaction},
		{"ROLLBACK TO SAVEPOINT a", 0, Transaction},
		{"ROLLBACK WORK TO a", 0, Transaction},
		{"ROLLBACK TRANSACTION TO SAVEPOINT a", 0, Transaction},
		{"ROLLBACK /* x */ TO a", 0, Transaction},
		{"COMMIT PREPARED 'x'", 0, Transaction},
		{"ROLLBACK PREPARED 'x'", 0, Transaction},
		{"PREPARE TRANSACTION 'x'", Ends, Other},
		{"SELECT 1; COMMIT", Ends | Multi, Select},
		{"SELECT 1; SELECT 2", Multi, Select},
		{"SELECT ';'; -- ;", 0, Select},
		{"SELECT $$;$$", 0, Select},
		{`SELECT ";"`, 0, Select},
		{"SELECT CASE WHEN true THEN 1 END", 0, Select},
		{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", Ends | Multi, Definition},
		{"CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); DELETE FROM b)", Multi, Definition},
		{"CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN; SET x = 1; END $$", 0, Definition},
	})
}

func TestTokens(t *testing.T) {
	checkScans(t, []scanCase{
		// Each of these ends where Postgres ends it: if not, SET is hidden or shown by mistake.
		{"SELECT 'a''b'; SET x=1", SetsSession | Multi, Select},
		{"SELECT 'a;SET x=1'", 0, Select},
		{`SELECT 'a\'; SET x=1`, SetsSession | Multi, Select},
		{`SELECT 'a\'; SET x=1 --'`, SetsSession | Multi, Select},
		{`SELECT E'a\'; SET x=1'`, 0, Select},
		{`SELECT e'a\\'; SET x=1`, SetsSession | Multi, Select},
		{`SELECT E'a''\'; SET x=1'`, 0, Select},
		{"SELECT E'a'\n'\\'; SET x=1'", 0, Select},
		{"SELECT E'a' -- c\n '\\'; SET x=1'", 0, Select},
		{"SELECT E'a' '\\'; SET x=1 --'", SetsSession | Multi, Select},
		{"SELECT E'a' /*\n*/ '\\'; SET x=1 --'", SetsSession | Multi, Select},
		{`SELECT some'\'; SET x=1 --'`, SetsSession | Multi, Select},
		{`SELECT N'\'; SET x=1 --'`, SetsSession | Multi, Select},
		{`SELECT B'1'; SET x=1`, SetsSession | Multi, Select},
		{`SELECT X'1F'; SET x=1`, SetsSession | Multi, Select},
		{`SELECT U&'\0041'; SET x=1`, SetsSession | Multi, Select},
		{`SELECT u&'\'; SET x=1 --'`, SetsSession | Multi, Select},
		{`SELECT u & 'x'; SET x=1`, SetsSession | Multi, Select},
		{`SELECT u&a; SET x=1`, SetsSession | Multi, Select},
		{`SELECT U&"d\0061t"`, Unknown, Select},
		{`SELECT "a""b;SET"; SET x=1`, SetsSession | Multi, Select},
		{`SELECT "a\"; SET x=1`, SetsSession | Multi, Select},
		{"SELECT $$a;SET x=1$$", 0, Select},
		{"SELECT $a$b$$;SET x=1;$b$c$a$", 0, Select},
		{"SELECT $a$$a$; SET x=1", SetsSession | Multi, Select},
		{"SELECT $a$ $b$ $a$; SET x=1", SetsSession | Multi, Select},
		{"SELECT $a$ $aa$a$; SET x=1", SetsSession | Multi, Select},
		{"SELECT $é$;SET x=1$é$", 0, Select},
		{"SELECT $1; SET x=1", SetsSession | Multi, Select},
		{"SELECT $1$a$;SET x=1$a$", 0, Select},
		{"SELECT a$b$; SET x=1 --$b$", SetsSession | Multi, Select},
		{"SELECT $a b$; SET x=1", SetsSession | Multi, Select},
		{"SELECT 1$a$;SET x=1$a$", 0, Select},
		{"SELECT 1e5$a$;SET x=1$a$", Unknown | SetsSession | Multi, Select},
		{"SELECT 1.5e-3, .5, 0xff, 1_000; SET x=1", SetsSession | Multi, Select},
		{"SELECT 1e'\\'; SET x=1'", 0, Select},
		{"SELECT /* ; SET x=1 */ 1", 0, Select},
		{"SELECT /* /* */ ; SET x=1 */ 1", 0, Select},
		{"SELECT /* */ ; SET x=1 -- */", SetsSession | Multi, Select},
		{"SELECT /***/ 1; SET x=1 -- */", SetsSession | Multi, Select},
		{"SELECT /*/ ; SET x=1 */ 1", 0, Select},
		{"SELECT 1 +-- ; \n 1; SET x=1", SetsSession | Multi, Select},
		{"SELECT 1 */* ; */ 1; SET x=1", SetsSession | Multi, Select},
		{"SELECT 1 - - 1 / 2; SET x=1", SetsSession | Multi, Select},
		{"SELECT a::text; SET x=1", SetsSession | Multi, Select},
		{"SELECT a->>'b'; SET x=1", SetsSession | Multi, Select},
		{"SELECT a[1:2]; SET x=1", SetsSession | Multi, Select},
		{"SELECT täble.é; SET x=1", SetsSession | Multi, Select},
		{"SELECT éset_config('a','b',false)", 0, Select},
		// What does not end is not known.
		{"SELECT 'a", Unknown, Select},
		{`SELECT E'a\'`, Unknown, Select},
		{`SELECT E'a\`, Unknown, Select},
		{`SELECT "a`, Unknown, Select},
		{"SELECT $a$ $b$", Unknown, Select},
		{"SELECT /* x", Unknown, Select},
		{"SELECT /* /* x */", Unknown, Select},
		{"SET x = 'a", SetsSession | Unknown, Other},
		{"-", 0, Other},
		{"/", 0, Other},
	})
}

func TestBackslashQuotes(t *testing.T) {
	st := Statement{BackslashQuotes: true}
	Scan([]byte(`SELECT 'a\'; SET x=1'`), &st)
	if st.Effects != 0 {
		t.Errorf("a backslash did not escape: %v", st.Effects)
	}
}

func TestTruncatedIsUnknown(t *testing.T) {
	st := Statement{Truncated: true}
	Scan([]byte("SELECT 1"), &st)
	if st.Effects != Unknown || st.Kind != Select {
		t.Errorf("got %v, %v", st.Effects, st.Kind)
	}
}

// Every keyword alone and in every case is what the table says it is.
func TestKeywordsArePackedRight(t *testing.T) {
	for word, packed := range map[string]uint64{
		"select": kwSelect, "values": kwValues, "table": kwTable, "with": kwWith, "insert": kwInsert,
		"update": kwUpdate, "delete": kwDelete, "merge": kwMerge, "copy": kwCopy, "explain": kwExplain,
		"analyze": kwAnalyze, "analyse": kwAnalyse, "verbose": kwVerbose, "show": kwShow, "begin": kwBegin,
		"start": kwStart, "commit": kwCommit, "end": kwEnd, "rollback": kwRollback, "abort": kwAbort,
		"release": kwRelease, "create": kwCreate, "alter": kwAlter, "drop": kwDrop, "set": kwSet, "reset": kwReset,
		"listen": kwListen, "unlisten": kwUnlisten, "load": kwLoad, "do": kwDo, "call": kwCall,
		"declare": kwDeclare, "prepare": kwPrepare, "prepared": kwPrepared, "execute": kwExecute,
		"discard": kwDiscard, "all": kwAll, "lock": kwLock, "local": kwLocal, "global": kwGlobal, "replace": kwReplace,
		"into": kwInto, "as": kwAs, "to": kwTo, "work": kwWork, "temp": kwTemp, "hold": kwHold,
		"stdin": kwStdin, "stdout": kwStdout, "true": kwTrue, "close": kwClose,
		"notify": kwNotify, "default": kwDefault, "from": kwFrom, "currval": kwCurrval, "lastval": kwLastval, "nextval": kwNextval, "setval": kwSetval,
		"setseed": kwSetseed,
	} {
		for _, text := range []string{word, strings.ToUpper(word), word + "        ", strings.ToUpper(word) + " x = 12345678"} {
			if got := pack([]byte(text), 0, len(word)); got != packed {
				t.Errorf("%q packs to %#x, want %#x", text, got, packed)
			}
		}
	}
}

// A text that makes the scan look ahead again and again is still read in linear time.
func TestLookAheadIsBounded(t *testing.T) {
	text := "SELECT " + strings.Repeat("set_config('a', ", 50_000) + "'b'" + strings.Repeat(", true)", 50_000)
	if st := scan(text); !st.Effects.Has(CallsSetConfig | Unknown) {
		t.Errorf("got %v", st.Effects)
	}
	if st := scan("SELECT " + strings.Repeat("lastval /* x */ ", 50_000)); st.Effects.Has(^(Unknown | SequenceState)) {
		t.Errorf("got %v", st.Effects)
	}
}
