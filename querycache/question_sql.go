package querycache

// questionSQL is the [Question], before names of ours are put in. The numbers are those of catalogs and schemas, which are the same in all
// versions: 11 pg_catalog, 1247 pg_type, 1255 pg_proc, 1259 pg_class, 2603 pg_amproc, 2604 pg_attrdef, 2605 pg_cast, 2606 pg_constraint,
// 2617 pg_operator, 2618 pg_rewrite, 2620 pg_trigger, 3079 pg_extension, 3256 pg_policy.
//
// In order: who there is (relation, code, own), what is written in code (word) and in expressions (tree), the edges that follow from these
// (mention) and from what Postgres knows (dependency, link), and the rows.
const questionSQL = `WITH space AS MATERIALIZED (
 SELECT oid, oid=11 OR nspname='information_schema' AS own, oid<>11 AND nspname='information_schema' AS standard FROM pg_namespace
 WHERE left(nspname::text,8)<>'pg_temp_'
), relation AS MATERIALIZED (
 SELECT oid, name, key, flags, kind, guarded, standard, dense_rank() OVER (ORDER BY name) AS id FROM (
  SELECT c.oid, $NAME AS name, $KEY AS key, relkind AS kind, relrowsecurity AS guarded, standard,
   CASE WHEN own THEN 16 WHEN relkind IN ('r','p','m') THEN 1 WHEN relkind='v' THEN 2 WHEN relkind='f' THEN 4 ELSE 8 END AS flags
  FROM (SELECT *, relname::text AS n FROM pg_class) c JOIN space s ON s.oid=relnamespace
  WHERE relkind IN ('r','p','m','v','f','S') AND relpersistence<>'t') r
), code AS MATERIALIZED (
 SELECT oid, name, key, src, hash, dense_rank() OVER (ORDER BY name) AS id, attribute,
  CASE WHEN provolatile='v' THEN 1 ELSE 0 END
  + CASE WHEN provolatile<>'i' AND lanname IN ('c','internal') AND NOT steady OR foreign_code OR dynamic THEN 2 ELSE 0 END
  + CASE WHEN provolatile<>'i' AND NOT quiet AND (lanname IN ('c','internal') OR foreign_code OR dynamic)
     OR provolatile='v' AND NOT atomic AND src ~ '$DEFINES' AND regexp_replace(src,'$BUT',' ','g') ~ '$DEFINES' THEN 4 ELSE 0 END
  + CASE WHEN provolatile='v' AND strpos(src,'truncate')>0 THEN 8 ELSE 0 END
  + CASE WHEN attribute THEN 16 ELSE 0 END AS flags
 FROM (SELECT *, lanname NOT IN ('sql','plpgsql','c','internal') AS foreign_code,
   strpos(src,'execute')>0 AND src ~ '$DYNAMIC' OR strpos(src,'u&"')>0 AS dynamic
  FROM (SELECT p.oid, $NAME AS name, $KEY AS key, p.provolatile, l.lanname, p.prosrc='' AS atomic,
    p.pronargs>=1 AND p.pronargs-p.pronargdefaults<=1 AS attribute, hashtextextended(concat(p.prosrc,p.proargdefaults),0) AS hash,
    coalesce(x.extname IN ($QUIET),false) AS quiet, coalesce(x.extname IN ($STEADY),false) AS steady,
    CASE WHEN l.lanname NOT IN ('sql','plpgsql') THEN '' ELSE lower((CASE WHEN l.lanname='sql' AND p.prosrc='' AND p.prokind IN ('f','p')
     THEN regexp_replace(pg_get_functiondef(p.oid),'^CREATE OR REPLACE','') ELSE p.prosrc END) COLLATE "C") END AS src
   FROM (SELECT *, proname::text AS n FROM pg_proc) p JOIN pg_language l ON l.oid=p.prolang
   JOIN space s ON s.oid=p.pronamespace AND NOT s.own
   LEFT JOIN pg_depend e ON e.classid=1255 AND e.objid=p.oid AND e.refclassid=3079 AND e.deptype='e'
   LEFT JOIN pg_extension x ON x.oid=e.refobjid
   WHERE NOT ($NOTCALLED)) p) p
), own AS MATERIALIZED (
 SELECT p.oid, p.proname::text COLLATE "C" AS name FROM pg_proc p JOIN space s ON s.oid=p.pronamespace AND s.own
 WHERE p.provolatile<>'i' AND NOT ($NOTCALLED) AND p.prorettype<>'trigger'::regtype
), node AS MATERIALIZED (
 SELECT 1259::oid AS class, oid, 'r'||id AS node FROM relation UNION ALL SELECT 1255::oid, oid, 'f'||id FROM code
), word AS MATERIALIZED (
 SELECT DISTINCT c.id, w COLLATE "C" AS w FROM (SELECT id, src FROM code WHERE src<>'') c CROSS JOIN LATERAL
  (SELECT w FROM regexp_split_to_table(c.src,'[^a-z0-9_]+') w WHERE w<>'' UNION ALL SELECT '?') w
), tree AS MATERIALIZED (
 SELECT CASE WHEN r.kind='m' OR w.ev_type<>'1' THEN 'u' ELSE 'r' END AS how, 'r'||r.id AS node, concat(w.ev_action::text,w.ev_qual::text) AS tree
  FROM pg_rewrite w JOIN relation r ON r.oid=w.ev_class AND r.flags<>16
 UNION ALL SELECT 'r', 'r'||r.id, concat(polqual::text,polwithcheck::text) FROM pg_policy JOIN relation r ON r.oid=polrelid AND r.guarded
 UNION ALL SELECT 'u', 'r'||r.id, adbin::text FROM pg_attrdef JOIN relation r ON r.oid=adrelid
 UNION ALL SELECT 'u', 'r'||r.id, tgqual::text FROM pg_trigger JOIN relation r ON r.oid=tgrelid WHERE tgqual IS NOT NULL
 UNION ALL SELECT CASE WHEN r.id IS NULL THEN 'r' ELSE 'u' END, coalesce('r'||r.id,'x0'), conbin::text
  FROM pg_constraint LEFT JOIN relation r ON r.oid=conrelid WHERE conbin IS NOT NULL AND (r.oid IS NOT NULL AND r.flags<>16 OR contypid>=16384)
 UNION ALL SELECT 'r', 'f'||c.id, p.proargdefaults::text FROM pg_proc p JOIN code c ON c.oid=p.oid WHERE p.proargdefaults IS NOT NULL
), call AS MATERIALIZED (
 SELECT how, node, m[1] AS of, m[2]::oid AS oid FROM tree CROSS JOIN LATERAL regexp_matches(tree,':(funcid|relid) ([0-9]+)','g') m WHERE how='r'
), runner AS MATERIALIZED (
 SELECT ' :funcid ('||string_agg(oid::text,'|')||') ' AS calls FROM own WHERE name ~ '$RUNNING'
), mention AS MATERIALIZED (
 SELECT 'r' AS how, 'f'||id AS node, w AS name FROM word WHERE w IN (SELECT name FROM own) OR w IN ($SPECIAL)
 UNION SELECT how, node, o.name FROM call c JOIN own o ON c.of='funcid' AND o.oid=c.oid
 UNION SELECT how, node, $CATALOGWORD FROM call c JOIN relation r ON c.of='relid' AND r.oid=c.oid AND r.flags=16
 UNION SELECT how, node, $RUNS FROM tree, runner WHERE how='u' AND strpos(tree,':funcid ')>0 AND tree COLLATE "C" ~ calls
 UNION SELECT how, node, v.name FROM tree JOIN (VALUES ($LOCKING,':hasForUpdate true'), ($SAMPLE,'TABLESAMPLECLAUSE')) v(name, sign)
  ON how='r' AND strpos(tree,sign)>0
 UNION SELECT how, node, $CLOCK FROM tree WHERE how='r' AND strpos(tree,'SQLVALUEFUNCTION')>0 AND tree ~ 'SQLVALUEFUNCTION :op [0-8] '
), told AS MATERIALIZED (
 SELECT name, dense_rank() OVER (ORDER BY name COLLATE "C") AS id FROM (SELECT DISTINCT name FROM mention) m
), dependency AS MATERIALIZED (
 SELECT d.classid, d.objid, d.refclassid, n.node FROM pg_depend d JOIN node n ON n.class=d.refclassid AND n.oid=d.refobjid
 WHERE d.classid IN (2618,3256,1255) OR d.refclassid=1255 AND d.classid IN (1247,1259,2603,2604,2605,2606,2617,2620)
), link AS MATERIALIZED (
 SELECT CASE WHEN r.kind='m' THEN 'u' WHEN d.refclassid=1255 THEN CASE WHEN w.ev_type='1' THEN 'r' ELSE 'u' END
   WHEN w.ev_type='1' THEN 'rw' ELSE 'w' END AS how, 'r'||r.id AS node, d.node AS target
  FROM dependency d JOIN pg_rewrite w ON d.classid=2618 AND w.oid=d.objid JOIN relation r ON r.oid=w.ev_class
 UNION SELECT 'r', 'r'||r.id, d.node FROM dependency d JOIN pg_policy p ON d.classid=3256 AND p.oid=d.objid JOIN relation r ON r.oid=p.polrelid AND r.guarded
 UNION SELECT 'r', 'f'||c.id, d.node FROM dependency d JOIN code c ON d.classid=1255 AND c.oid=d.objid
 UNION SELECT 'u', 'r'||r.id, d.node FROM dependency d JOIN pg_attrdef a ON d.classid=2604 AND a.oid=d.objid JOIN relation r ON r.oid=a.adrelid
 UNION SELECT 'u', 'r'||r.id, d.node FROM dependency d JOIN pg_trigger t ON d.classid=2620 AND t.oid=d.objid JOIN relation r ON r.oid=t.tgrelid
 UNION SELECT 'u', 'r'||r.id, d.node FROM dependency d JOIN pg_index i ON d.classid=1259 AND i.indexrelid=d.objid JOIN relation r ON r.oid=i.indrelid
 UNION SELECT CASE WHEN r.id IS NULL THEN 'r' ELSE 'u' END, coalesce('r'||r.id,'x0'), d.node
  FROM dependency d JOIN pg_constraint k ON d.classid=2606 AND k.oid=d.objid LEFT JOIN relation r ON r.oid=k.conrelid
 UNION SELECT CASE WHEN t.typtype='d' THEN 'u' ELSE 'r' END, 'x0', d.node FROM dependency d LEFT JOIN pg_type t ON d.classid=1247 AND t.oid=d.objid
  WHERE d.classid IN (1247,2603,2605,2617)
 UNION SELECT 'rwt', 'r'||a.id, 'r'||b.id FROM pg_inherits JOIN relation a ON a.oid=inhparent JOIN relation b ON b.oid=inhrelid
 UNION SELECT CASE WHEN k.confdeltype IN ('c','n','d') OR k.confupdtype IN ('c','n','d') THEN 'wt' ELSE 't' END, 'r'||a.id, 'r'||b.id
  FROM pg_constraint k JOIN relation a ON a.oid=k.confrelid JOIN relation b ON b.oid=k.conrelid WHERE k.contype='f'
 UNION SELECT 'r', 'f'||w.id, 'r'||r.id FROM word w JOIN relation r ON r.key=w.w AND NOT r.standard
 UNION SELECT 'r', 'f'||w.id, 'f'||c.id FROM word w JOIN code c ON c.key=w.w AND c.id<>w.id
 UNION SELECT how, m.node, 'o'||t.id FROM mention m JOIN told t ON t.name=m.name
), edge AS MATERIALIZED (
 SELECT how, node||' '||target AS ends, row_number() OVER (PARTITION BY how ORDER BY node, target) / $EDGES AS part FROM link WHERE node<>target
), name AS MATERIALIZED (
 SELECT 'relation' AS sort, r.id, r.name, bit_or(r.flags) AS flags, coalesce(sum(t.hash),0) AS hash FROM relation r
  LEFT JOIN (SELECT node, sum(hashtextextended(tree,0)) AS hash FROM tree WHERE how='r' GROUP BY node) t ON t.node='r'||r.id GROUP BY 2,3
 UNION ALL SELECT 'function', id, name, bit_or(flags), sum(hash) FROM code GROUP BY 2,3
 UNION ALL SELECT 'own', id, name, 0, 0 FROM told
), size AS MATERIALIZED (
 SELECT (SELECT coalesce(sum(octet_length(name)+4),0) FROM name)+(SELECT coalesce(sum(octet_length(ends)+1),0) FROM edge)<=$BYTES AS fits
)
SELECT sort, min(id)::text, string_agg(name,chr(10) ORDER BY id), string_agg(flags::text,',' ORDER BY id), sum(hash)::text
 FROM name, size WHERE fits GROUP BY sort, (id-1) / $TOGETHER
UNION ALL
SELECT 'edges', how, string_agg(ends,' ' ORDER BY ends), '', '' FROM edge, size WHERE fits GROUP BY how, part
UNION ALL
SELECT 'lineage', (SELECT count(DISTINCT id) FROM relation)::text, (SELECT count(DISTINCT id) FROM code)::text, (SELECT count(*) FROM told)::text,
 (SELECT count(*) FROM edge)::text FROM size WHERE fits`
