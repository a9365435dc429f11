package engine

import (
	"strconv"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// maxSuspects bounds the names that the catalog may tell; with more, every text is suspected.
const maxSuspects = 10_000

// maxDrawers bounds those of them that may draw from sequences; with more, everything may.
const maxDrawers = 1000

// maxOwnSettings bounds the settings of one's own that functions are known to set.
const maxOwnSettings = 64

// tells is how the source of a function, in lower case, shows that it leaves state. What word must be in it is looked for
// first, because that costs next to nothing. \y is the beginning or the end of a word.
var tells = []struct {
	pins session.Pins
	word string
	// source is a regular expression; without those parts of the source that match but, where that is given.
	source, but string
}{
	{session.PinSettings, "set", `(^|[;'$/>]|\y(begin|then|else|loop|do|as)\y|--[^\n]*)\s*(re)?set\s|"(re)?set\s|set_limit|update\s+(pg_catalog\.)?pg_settings`,
		`\yset\s+(local|transaction|constraints)\y`},
	{session.PinSettings, "set_config", `set_config`, `set_config\s*\([^;()]*,\s*true\s*\)`},
	{session.PinLock, "advisory_", `advisory_(un)?lock`, ``},
	{session.PinTemp, "temp", `\ytemp(orary)?\s+(table|view|sequence|recursive)\y|\yinto\s+(local\s+|global\s+)?temp|pg_temp`, ``},
	{session.PinTemp, "drop", `\ydrop\s+(table|view|sequence)\y`, ``},
	{session.PinListen, "listen", `\y(un)?listen\y`, ``},
	{session.PinCursor, "hold", `\ywith\s+hold\y`, ``},
	{session.PinSeed, "seed", `setseed|\yseed\s+(to\y|=)`, ``},
	{session.PinPrepare, "prepare", `\yprepare\s+\S+\s*(\([^)]*\)\s*)?as\y|\ydeallocate\y`, ``},
	{session.AsksSequence, "val", `\y(curr|last)val\y`, ``},
	{session.PinLoad, "load", `\yload\s+'`, ``},
	{session.PinLoad, "dblink_", `dblink_(dis)?connect`, ``},
	{session.Notifying, "notif", `\y(pg_)?notify\y|triggered_change_notification`, ``},
	{hiddenInDynamic, "execute", `\yexecute\y(?!\s+(function|procedure))`, ``},
}

// hiddenInDynamic is what SQL may leave, or ask for, of which a source shows nothing: all of it that Postgres can be asked for. And it
// may notify.
const hiddenInDynamic = session.PinSettings | session.PinListen | session.PinTemp | session.PinLock | session.PinCursor |
	session.PinPrepare | session.AsksSequence | session.MayNotify

// setters is the functions of Postgres that leave state, by name.
var setters = []struct {
	pins  session.Pins
	names string
}{
	{session.PinSettings, "'set_config'"},
	{session.PinLock, "'pg_advisory_lock','pg_advisory_lock_shared','pg_try_advisory_lock','pg_try_advisory_lock_shared'," +
		"'pg_advisory_unlock','pg_advisory_unlock_shared','pg_advisory_unlock_all'"},
	{session.PinSeed, "'setseed'"},
	{session.Notifying, "'pg_notify'"},
	{session.AsksSequence, "'currval','lastval'"},
}

// notifyInRule is NOTIFY itself as the action of a rule.
const notifyInRule = `\{NOTIFY(STMT)? `

// suspectsQuestion asks a database for what leaves state in the session of whoever mentions it, or notifies. Each row is a sort ('name',
// 'any', 'definition'), a name, and kinds of state; or it is of the sort 'setting', and the name is that of a setting of one's
// own, which Postgres lists nowhere; or 'two-phase': transactions can be prepared; or 'drawer', and the name is that of a function
// or view that may draw from a sequence; or 'writers': changes of tables may. One row is of the sort 'changes': its name is a number
// that grows when somebody makes, changes or drops columns or functions, temporary ones included. Before them come rows about what new
// sessions begin with; see elsewhere.go; and about what only reads; see readers_question.go.
//
// Who may draw is told roughly, for it costs little to be wrong: every volatile function, what views call such, and all tables,
// if any has a trigger or a rule. INSERT does not have to be told.
//
// The session may be any client's: its search_path, limits and JIT are set aside while the question runs, and backslashes stand in
// strings of kind E only, because standard_conforming_strings may be off. It begins with the
// functions whose source tells, and with expressions that call functions of Postgres that leave state (such calls are not
// in pg_depend), and goes on to what uses those: functions that mention them, and what Postgres knows to depend on them.
var suspectsQuestion = buildSuspectsQuestion()

func buildSuspectsQuestion() string {
	var kinds, by strings.Builder
	for i, t := range tells {
		but := ""
		if t.but != "" {
			but = " AND regexp_replace(src," + literal(t.but) + ",' ','g') ~ " + literal(t.source)
		}
		if i > 0 {
			kinds.WriteString("\n | ")
		}
		kinds.WriteString("CASE WHEN strpos(src,'" + t.word + "')>0 AND src ~ " + literal(t.source) + but + " THEN " + number(t.pins) + " ELSE 0 END")
	}
	for i, q := range setters {
		if i > 0 {
			by.WriteString(" UNION ALL ")
		}
		by.WriteString("SELECT " + number(q.pins) + " AS kinds,' :funcid (' || string_agg(oid::text,'|') || ') ' AS call FROM pg_proc" +
			" WHERE pronamespace='pg_catalog'::regnamespace AND proname IN (" + q.names + ")")
	}
	by.WriteString(" UNION ALL SELECT " + number(session.Notifying) + "," + literal(notifyInRule))
	r := strings.NewReplacer("$BEGINNINGS", beginningsSQL, "$READERS", readersQuestion, "$KINDS", kinds.String(), "$SETTERS", by.String(), "$ANY", number(hiddenInDynamic),
		"$MOST", strconv.Itoa(maxSuspects+maxDrawers+maxOwnSettings+1), "$DRAWERS", strconv.Itoa(maxDrawers))
	return r.Replace(suspectsSQL)
}

func number(p session.Pins) string { return strconv.FormatUint(uint64(p), 10) }

// literal is a string of SQL for text of ours.
func literal(v string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(v) + "'"
}

const suspectsSQL = `SET LOCAL search_path TO pg_catalog,pg_temp;SET LOCAL jit TO off;SET LOCAL join_collapse_limit TO 1;SET LOCAL statement_timeout TO '20s';
$BEGINNINGS;
$READERS;
WITH RECURSIVE code AS MATERIALIZED (
 SELECT p.oid, l.lanname, lower((CASE WHEN l.lanname='sql' AND p.prosrc='' AND p.prokind IN ('f','p')
   THEN pg_get_functiondef(p.oid) ELSE p.prosrc END) COLLATE "C") AS src
 FROM pg_proc p JOIN pg_language l ON l.oid=p.prolang
 WHERE p.pronamespace NOT IN ('pg_catalog'::regnamespace,'information_schema'::regnamespace)
 AND l.lanname<>'internal' AND (l.lanname<>'c' OR p.prosrc IN ('dblink_connect','dblink_disconnect','set_limit','triggered_change_notification'))
), told AS MATERIALIZED (
 SELECT oid, $KINDS AS kinds FROM code
), setter AS MATERIALIZED ($SETTERS
), expression AS MATERIALIZED (
 SELECT 'pg_class'::regclass::oid AS class, ev_class AS oid, ev_action::text || ev_qual::text AS tree FROM pg_rewrite WHERE oid>=16384
 UNION ALL SELECT 'pg_class'::regclass, adrelid, adbin::text FROM pg_attrdef
 UNION ALL SELECT 'pg_class'::regclass, polrelid, concat(polqual::text, polwithcheck::text) FROM pg_policy
 UNION ALL SELECT CASE conrelid WHEN 0 THEN 0 ELSE 'pg_class'::regclass::oid END, conrelid, conbin::text FROM pg_constraint
  WHERE conbin IS NOT NULL AND oid>=16384
 UNION ALL SELECT 'pg_class'::regclass, tgrelid, tgqual::text FROM pg_trigger WHERE tgqual IS NOT NULL
), caller AS MATERIALIZED (
 SELECT class, oid, tree COLLATE "C" AS tree FROM expression WHERE (strpos(tree,':funcid ')>0 OR strpos(tree,'{NOTIFY')>0)
 AND tree COLLATE "C" ~ (SELECT string_agg(call,'|') FROM setter)
), suspect(class, oid, kinds) AS (
 SELECT 'pg_proc'::regclass::oid, oid, kinds FROM told WHERE kinds<>0
 UNION
 SELECT e.class, e.oid, s.kinds FROM caller e JOIN setter s ON e.tree ~ s.call
 UNION
 SELECT n.class, n.oid, s.kinds
 FROM (SELECT x.*, x.class='pg_class'::regclass AS relation, x.class='pg_proc'::regclass AS function FROM suspect x) s
 CROSS JOIN LATERAL (
  SELECT 'pg_proc'::regclass::oid AS class, c.oid
  FROM (SELECT lower((CASE WHEN s.function THEN (SELECT proname FROM pg_proc WHERE oid=s.oid)
    ELSE (SELECT relname FROM pg_class WHERE oid=s.oid) END)::text COLLATE "C") AS name WHERE s.relation OR s.function OFFSET 0) k
  JOIN code c ON strpos(c.src, k.name)>0 AND (k.name ~ '[^a-z0-9_]' OR c.src ~ (E'\\y' || k.name || E'\\y'))
  WHERE c.lanname<>'c'
  UNION ALL
  SELECT CASE WHEN d.classid IN ('pg_proc'::regclass,'pg_event_trigger'::regclass) THEN d.classid
    WHEN coalesce(w.ev_class,t.tgrelid,a.adrelid,p.polrelid,nullif(c.conrelid,0),i.indrelid) IS NOT NULL OR d.classid='pg_class'::regclass
    THEN 'pg_class'::regclass::oid ELSE 0 END,
   coalesce(w.ev_class,t.tgrelid,a.adrelid,p.polrelid,nullif(c.conrelid,0),i.indrelid,d.objid)
  FROM pg_depend d
  LEFT JOIN pg_rewrite w ON d.classid='pg_rewrite'::regclass AND w.oid=d.objid
  LEFT JOIN pg_trigger t ON d.classid='pg_trigger'::regclass AND t.oid=d.objid
  LEFT JOIN pg_attrdef a ON d.classid='pg_attrdef'::regclass AND a.oid=d.objid
  LEFT JOIN pg_policy p ON d.classid='pg_policy'::regclass AND p.oid=d.objid
  LEFT JOIN pg_constraint c ON d.classid='pg_constraint'::regclass AND c.oid=d.objid
  LEFT JOIN pg_index i ON d.classid='pg_class'::regclass AND i.indexrelid=d.objid
  WHERE d.refclassid=s.class AND d.refobjid=s.oid AND (s.function OR
   s.relation AND d.classid IN ('pg_rewrite'::regclass,'pg_policy'::regclass,'pg_proc'::regclass))
  UNION ALL
  SELECT s.class, inhparent FROM pg_inherits WHERE s.relation AND inhrelid=s.oid
  UNION ALL
  SELECT s.class, confrelid FROM pg_constraint WHERE s.relation AND conrelid=s.oid AND contype='f' AND (confdeltype<>'a' OR confupdtype<>'a')
 ) n
), drawer AS MATERIALIZED (
 SELECT p.oid, p.proname FROM code c JOIN pg_proc p ON p.oid=c.oid
 WHERE p.provolatile='v' AND c.lanname<>'c' AND p.prorettype NOT IN ('trigger'::regtype,'event_trigger'::regtype)
), view(oid) AS (
 SELECT w.ev_class FROM drawer f JOIN pg_depend d ON d.refclassid='pg_proc'::regclass AND d.refobjid=f.oid AND d.classid='pg_rewrite'::regclass
 JOIN pg_rewrite w ON w.oid=d.objid
 UNION
 SELECT e.oid FROM expression e JOIN pg_class r ON r.oid=e.oid AND r.relkind='v' WHERE e.class='pg_class'::regclass
 AND (strpos(e.tree,':funcid 1574 ')>0 OR strpos(e.tree,':funcid 1576 ')>0 OR strpos(e.tree,':funcid 1765 ')>0)
 UNION
 SELECT w.ev_class FROM view v JOIN pg_depend d ON d.refclassid='pg_class'::regclass AND d.refobjid=v.oid AND d.classid='pg_rewrite'::regclass
 JOIN pg_rewrite w ON w.oid=d.objid
)
SELECT 'changes', sum(pg_stat_get_tuples_inserted(c)+pg_stat_get_tuples_updated(c)+pg_stat_get_tuples_deleted(c))::text, 0
FROM unnest(ARRAY['pg_attribute'::regclass::oid,'pg_proc'::regclass::oid]) c
UNION ALL
(SELECT CASE s.class WHEN 'pg_proc'::regclass THEN 'name' WHEN 'pg_class'::regclass THEN 'name'
  WHEN 'pg_event_trigger'::regclass THEN 'definition' ELSE 'any' END, coalesce(p.proname,r.relname,''), bit_or(s.kinds)
FROM suspect s
LEFT JOIN pg_proc p ON s.class='pg_proc'::regclass AND p.oid=s.oid
LEFT JOIN pg_class r ON s.class='pg_class'::regclass AND r.oid=s.oid
GROUP BY 1,2)
UNION ALL
SELECT 'two-phase', '', 0 WHERE current_setting('max_prepared_transactions')::int > 0
UNION ALL
(SELECT DISTINCT 'setting', m[1], 0 FROM (SELECT c.src FROM code c JOIN told t ON t.oid=c.oid WHERE t.kinds & 1 <> 0 OFFSET 0) f
CROSS JOIN LATERAL regexp_matches(f.src, E'(?:set_config\\s*\\(\\s*''|\\yset\\s+(?:session\\s+)?)([a-z_][a-z0-9_$]*(?:\\.[a-z_][a-z0-9_$]*)+)','g') m)
UNION ALL
(SELECT DISTINCT 'drawer', CASE WHEN count(*) OVER ()>$DRAWERS THEN '' ELSE name END, 0
FROM (SELECT proname::text AS name FROM drawer UNION SELECT r.relname::text FROM view v JOIN pg_class r ON r.oid=v.oid) n)
UNION ALL
SELECT 'writers', '', 0 WHERE EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal)
 OR EXISTS (SELECT FROM pg_rewrite WHERE oid>=16384 AND ev_type IN ('2','4'))
LIMIT $MOST`
