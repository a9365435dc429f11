package grammar

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// writtenSchema has three rows in each table, all found by all of the statements below, and a materialized view that is not up to date.
const writtenSchema = `CREATE SCHEMA s; CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE SEQUENCE q;
	CREATE TABLE t (id int DEFAULT 9 PRIMARY KEY, a int, b int); CREATE TABLE u (LIKE t INCLUDING ALL); CREATE TABLE w (LIKE t INCLUDING ALL);
	CREATE TABLE "T" (LIKE t INCLUDING ALL); CREATE TABLE s.x (LIKE t INCLUDING ALL); CREATE TABLE late (LIKE t INCLUDING ALL);
	INSERT INTO t SELECT i, i, i FROM generate_series(1, 3) i; INSERT INTO u TABLE t; INSERT INTO w TABLE t; INSERT INTO "T" TABLE t;
	INSERT INTO s.x TABLE t; INSERT INTO late TABLE t;
	CREATE MATERIALIZED VIEW m AS SELECT * FROM late; CREATE UNIQUE INDEX ON m (id); UPDATE late SET a = 9;
	CREATE PROCEDURE p(int) LANGUAGE plpgsql AS 'BEGIN PERFORM f($1); END'`

// writingTexts are statements, some of which write. All are understood; 17: by Postgres 17 and later.
const writingTexts = `
insert into t values (4)
insert into s.x default values
insert into "T" select id + 3 from t
insert into t select id + 3 from t
insert into t (id, a) values (4, default), (5, f(6)) returning f(id)
insert into t values (1), (4) on conflict do nothing; insert into u values (4)
insert into t values (1) on conflict (id) do update set id = excluded.id, (a, b) = (select a, b from u limit 1) where t.a = f(1)
insert into t as y values (1) on conflict on constraint t_pkey do update set a = y.b + 1
with y as (select * from u) insert into t select id + 3 from y
with t as (select * from u) insert into t select id + 3 from t
insert into t with y as (select 4) select * from y
insert into t values (4); insert into u values (4)
insert into t select nextval('q') + 9
update t set a = f(b) where id = 1
update only s.x as y set a = u.b, (b, id) = row(1, y.id) from u join w using (id) where y.id = u.id returning *
update t set a = (select max(a) from t)
update t set (a, b) = (select a, b from u where u.id = t.id)
with y as (delete from u returning *) update t set a = 1 from y where y.id = t.id
update t set a = 1 from "T" where t.id = "T".id and exists (select from w for update)
delete from t
delete from only t using u, lateral f(u.a) where t.id = u.id returning f(t.a)
delete from s.x where id in (select id from t for update)
delete from t where id = any (select id from "T"); delete from "T"
select 1; delete from t; select 2
declare c cursor for select * from t for update; fetch c; update t set a = 1 where current of c
declare c cursor for select * from t; move c; delete from t where current of c; close c
merge into t using u on t.id = u.id when matched then update set b = f(u.b) when not matched then insert (id) values (9)
merge into s.x as y using (select id + 1 as id from t) z on y.id = z.id when matched then delete when not matched then insert values (z.id)
with y as (insert into w values (4) returning id) merge into t using (select id from u) z on t.id = z.id when matched then delete
17 merge into t using (select 9 as id) u on t.id = u.id when not matched by source then delete returning merge_action(), *
17 with y as (merge into t using u on t.id = u.id when matched then delete returning t.id) insert into w select id + 3 from y
with y as (insert into t values (4) returning *) select * from y
with y as (with z as (select * from u) delete from t using z where z.id = t.id returning t.*) select * from y
with a as (insert into t values (4)), b as (update u set a = 1 returning *) select f(id) from b
with recursive a as (insert into t select id + 3 from w), b as (update u set a = 1 returning *) select 1
with a as (delete from t returning id), b as (delete from u where id in (select id from a) returning id) delete from w using b where b.id = w.id
copy t from stdin
copy s.x (id, a) from stdin where f(id) < 5
copy (delete from t using u where t.id = u.id returning *) to stdout
copy (insert into t select id + 3 from "T" returning id) to stdout
copy (update t set a = 1 returning *) to stdout
truncate t
truncate table only t, s.x restart identity cascade
truncate t; insert into u values (4)
refresh materialized view m
refresh materialized view concurrently m
explain analyze insert into t select id + 3 from u
explain (analyze, costs off) update t set a = f(1)
explain analyze delete from t using u where t.id = u.id
explain analyze merge into t using u on t.id = u.id when matched then delete
explain analyze with y as (delete from t returning *) select * from y
savepoint y; insert into t values (4); rollback to y
savepoint y; insert into t values (4); release y; update u set a = 1
set local work_mem = '1MB'; delete from t; reset work_mem
lock t; delete from u
prepare y as select 1; delete from t; deallocate y
listen y; notify y; insert into t values (4); unlisten y

select * from t for update
select * from t, u for share of t nowait
select nextval('q'), f(a) from t
lock table t, s.x in exclusive mode
declare c scroll cursor with hold for select f(id) from t; fetch all in c; close all
call p(f(1))
set constraints all immediate; set local timezone = 'utc'; show timezone
explain analyze select * from t for update
copy t to stdout
copy (select * from t for update) to stdout
analyze t
discard plans
`

// TestWrittenIsWhatPostgresChanges: of statements whose tables have no triggers, Written is the tables whose rows Postgres counts as
// changed, or that have a new file.
func TestWrittenIsWhatPostgresChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	if len(pgtest.Versions()) == 0 {
		t.Skip(pgtest.ErrNoServer)
	}
	for _, version := range pgtest.Versions() {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			server := pgtest.Start(t, pgtest.Options{Version: version, Databases: []string{"app"}})
			conn, err := pgconn.Connect(context.Background(), server.SuperDSN("app"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			postgres := changes{t, conn}
			postgres.run(writtenSchema)
			for text := range strings.Lines(writingTexts[1:]) {
				text, later := strings.CutPrefix(strings.TrimSpace(text), "17 ")
				if text == "" || later && version < 17 {
					continue
				}
				f, err := Classify(text)
				if changed := postgres.changed(text); err != nil || !f.Traits.Has(sql.Understood) || !slices.Equal(f.Written, changed) {
					t.Errorf("%s\n    %s %v; Postgres changes %v", text, describe(f), err, changed)
				}
			}
		})
	}
}

// changes asks a Postgres what statements change.
type changes struct {
	*testing.T
	conn *pgconn.PgConn
}

// changed is the tables that a text changes, sorted. It is rolled back.
func (c changes) changed(text string) (names []string) {
	c.Helper()
	c.run("BEGIN")
	before := c.states()
	c.run(text)
	after := c.states()
	c.run("ROLLBACK")
	for name, state := range after {
		if before[name] != state {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// states is how many rows of each table this session has changed, as far as it has not reported that yet, and where the table is.
func (c changes) states() map[string]string {
	c.Helper()
	results := c.run(`SELECT relname, concat_ws(' ', n_tup_ins, n_tup_upd, n_tup_del, relfilenode)
		FROM pg_stat_xact_user_tables s JOIN pg_class USING (relname) WHERE oid = s.relid`)
	all := map[string]string{}
	for _, row := range results[0].Rows {
		all[string(row[0])] = string(row[1])
	}
	if len(all) < 7 {
		c.Fatalf("only the tables %v are there", all)
	}
	return all
}

// run runs a text; a COPY FROM STDIN is given a row.
func (c changes) run(text string) []*pgconn.Result {
	c.Helper()
	var results []*pgconn.Result
	var err error
	switch ctx := context.Background(); {
	case strings.Contains(text, "from stdin"):
		_, err = c.conn.CopyFrom(ctx, strings.NewReader("4\t4"+strings.Repeat("\t4", strings.Count(text, "copy t"))+"\n"), text)
	case strings.Contains(text, "to stdout"):
		_, err = c.conn.CopyTo(ctx, new(bytes.Buffer), text)
	default:
		results, err = c.conn.Exec(ctx, text).ReadAll()
	}
	if err != nil {
		c.Fatalf("%s: %v", text, err)
	}
	return results
}
