package engine

import (
	"strconv"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/session"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// maxReaders bounds the names that the catalog tells of who only reads and who may not, in bytes of all together. With more, no text that
// calls a function of a user, or mentions anything that might be one, is known to read: none is. Of functions of PostGIS there are 15 KiB.
const maxReaders = 96 << 10

// readersTogether is how many of those names come in one row.
const readersTogether = 16

// readersQuestion asks a database what of it lets a text be a read; see session.Suspects.ReadsOnly. Each row is a sort and names, a line
// each:
//
//   - 'reader': functions of users that are immutable or stable, whatever their arguments, and whose source mentions nothing of what follows.
//   - 'writer': the other functions of users.
//   - 'unread relation': what makes a text that reads from it no read: views that call writers, or lock rows, tables whose policies do,
//     unlogged tables, which a standby does not have, and sequences (of those whose names end in _seq, nothing is told).
//   - 'unread': what makes a text no read by being mentioned: writers that can be called like a column is named. The empty name is that of
//     everything: operators, casts, types or domains run writers.
//   - 'reads': the answer is complete.
//
// It begins with volatile functions, Postgres's own among them, and goes on to what calls those: functions whose source has such a word, and
// what Postgres knows to depend on them. How expressions call functions of Postgres is in no pg_depend, so their trees are looked
// through.
var readersQuestion = buildReadersQuestion()

func buildReadersQuestion() string {
	views := "'" + strings.Join(sql.UncertainRelations(), "','") + "'"
	return strings.NewReplacer("$VIEWS", views, "$BYTES", strconv.Itoa(maxReaders), "$TOGETHER", strconv.Itoa(readersTogether)).Replace(readersSQL)
}

// learnReader takes a row of the answer, and reports whether it is one.
func learnReader(x *session.Suspects, sort, names []byte) bool {
	add := x.AddReader
	switch string(sort) {
	case "reads":
		x.KnowReaders()
		return true
	case "reader":
	case "writer":
		add = x.AddWriter
	case "unread":
		add = x.AddUnread
	case "unread relation":
		add = x.AddUnreadRelation
	default:
		return false
	}
	for name := range strings.SplitSeq(string(names), "\n") {
		add(name)
	}
	return true
}

const readersSQL = `WITH RECURSIVE f AS MATERIALIZED (
 SELECT p.oid, p.proname::text AS name, p.provolatile='v' AS volatile,
  p.pronargs>=1 AND p.pronargs-p.pronargdefaults<=1 AS attribute,
  CASE WHEN p.provolatile='v' OR l.lanname IN ('c','internal') THEN '' ELSE lower((CASE WHEN l.lanname='sql' AND p.prosrc='' AND p.prokind='f'
   THEN pg_get_functiondef(p.oid) ELSE p.prosrc END) COLLATE "C") END AS src
 FROM pg_proc p JOIN pg_language l ON l.oid=p.prolang
 WHERE p.pronamespace NOT IN ('pg_catalog'::regnamespace,'information_schema'::regnamespace) AND p.prokind<>'p'
 AND p.prorettype NOT IN ('internal'::regtype,'trigger'::regtype,'event_trigger'::regtype,'language_handler'::regtype,'fdw_handler'::regtype,
  'index_am_handler'::regtype,'table_am_handler'::regtype,'tsm_handler'::regtype) AND 'internal'::regtype<>ALL(p.proargtypes)
), word AS MATERIALIZED (
 SELECT DISTINCT f.oid, w COLLATE "C" AS w FROM f CROSS JOIN LATERAL regexp_split_to_table(f.src, E'[^a-z0-9_]+') w WHERE f.src<>'' AND w<>''
), own AS MATERIALIZED (
 SELECT oid, proname::text COLLATE "C" AS name FROM pg_proc WHERE pronamespace='pg_catalog'::regnamespace
 AND (provolatile='v' OR proname IN ('txid_current','pg_current_xact_id')) AND 'internal'::regtype<>ALL(proargtypes)
 AND prorettype NOT IN ('trigger'::regtype,'event_trigger'::regtype)
), tree AS MATERIALIZED (
 SELECT 'r' AS kind, ev_class AS oid, concat(ev_action::text,ev_qual::text) AS tree FROM pg_rewrite r JOIN pg_class c ON c.oid=ev_class
  WHERE r.oid>=16384 AND relkind='v' AND ev_type='1'
 UNION ALL SELECT 'r', polrelid, polqual::text FROM pg_policy WHERE polqual IS NOT NULL
 UNION ALL SELECT 'x', 0, conbin::text FROM pg_constraint WHERE contypid<>0 AND conbin IS NOT NULL AND oid>=16384
), edge AS MATERIALIZED (
 SELECT k.kind AS from_kind, k.oid AS from_oid, 'f' AS kind, w.oid AS oid FROM (SELECT 'f' AS kind, oid, substring(lower(name COLLATE "C"), '[a-z0-9_]+') AS name FROM f
   UNION ALL SELECT 'r', oid, substring(lower(relname::text COLLATE "C"), '[a-z0-9_]+') FROM pg_class WHERE oid>=16384 AND relkind IN ('r','p','v','S','f')) k
  JOIN word w ON w.w = k.name
 UNION
 SELECT CASE WHEN d.refclassid='pg_proc'::regclass THEN 'f' ELSE 'r' END, d.refobjid,
  CASE WHEN w.oid IS NOT NULL OR p.oid IS NOT NULL THEN 'r' WHEN d.classid='pg_proc'::regclass THEN 'f' ELSE 'x' END,
  coalesce(w.ev_class,p.polrelid,CASE WHEN d.classid='pg_proc'::regclass THEN d.objid ELSE 0 END)
 FROM pg_depend d
 LEFT JOIN pg_rewrite w ON d.classid='pg_rewrite'::regclass AND w.oid=d.objid AND w.ev_type='1' AND EXISTS (SELECT FROM pg_class WHERE oid=w.ev_class AND relkind='v')
 LEFT JOIN pg_policy p ON d.classid='pg_policy'::regclass AND p.oid=d.objid
 LEFT JOIN pg_constraint c ON d.classid='pg_constraint'::regclass AND c.oid=d.objid AND c.contypid<>0
 WHERE d.refclassid IN ('pg_proc'::regclass,'pg_class'::regclass) AND (w.oid IS NOT NULL OR p.oid IS NOT NULL OR c.oid IS NOT NULL
  OR d.classid='pg_proc'::regclass OR d.refclassid='pg_proc'::regclass
  AND d.classid IN ('pg_operator'::regclass,'pg_cast'::regclass,'pg_type'::regclass,'pg_amproc'::regclass))
 UNION
 SELECT 'r', inhrelid, 'r', inhparent FROM pg_inherits
), bad(kind, oid) AS (
 SELECT 'f', oid FROM f WHERE volatile
 UNION
 SELECT 'f', w.oid FROM word w JOIN own o ON o.name=w.w
 UNION
 SELECT kind, oid FROM tree WHERE strpos(tree,':hasForUpdate true')>0
  OR strpos(tree,':funcid ')>0 AND tree COLLATE "C" ~ (SELECT ' :funcid ('||string_agg(oid::text,'|')||') ' FROM own)
 UNION
 SELECT 'r', oid FROM pg_class WHERE relkind='S' OR relpersistence='u' AND relkind IN ('r','p','m')
 UNION
 SELECT 'r', oid FROM pg_class WHERE relnamespace='pg_catalog'::regnamespace AND relname IN ($VIEWS)
 UNION
 SELECT e.kind, e.oid FROM bad b JOIN edge e ON e.from_kind=b.kind AND e.from_oid=b.oid
), list AS MATERIALIZED (
 SELECT 'unread' AS sort, '' AS name WHERE EXISTS (SELECT FROM bad WHERE kind='x')
 UNION
 SELECT 'unread', f.name FROM f JOIN bad b ON b.kind='f' AND b.oid=f.oid WHERE f.attribute
 UNION
 SELECT 'unread relation', c.relname::text FROM pg_class c JOIN bad b ON b.kind='r' AND b.oid=c.oid
 WHERE c.oid>=16384 AND (c.relkind<>'S' OR right(c.relname,4)<>'_seq')
 UNION
 SELECT CASE WHEN bool_or(b.oid IS NOT NULL) THEN 'writer' ELSE 'reader' END, name
 FROM f LEFT JOIN bad b ON b.kind='f' AND b.oid=f.oid GROUP BY name
), size AS MATERIALIZED (SELECT coalesce(sum(octet_length(name)+1),0)<=$BYTES AND coalesce(bool_and(strpos(name,E'\n')=0),true) AS fits FROM list)
SELECT 'reads', '', 0 FROM size WHERE fits
UNION ALL
SELECT sort, string_agg(name,E'\n'), 0 FROM (SELECT sort, name, row_number() OVER (PARTITION BY sort) / $TOGETHER AS part FROM list, size WHERE fits) l
GROUP BY sort, part`
