"""executemany and pipelines: many statements without waiting for each."""

import psycopg
from common import autocommit, connect, refusal, say, value


def _table(conn):
    conn.execute("DROP TABLE IF EXISTS batch")
    conn.execute("CREATE TABLE batch (id serial, n int UNIQUE)")
    conn.commit()


def many_with_results():
    with connect() as conn:
        _table(conn)
        with conn.cursor() as cur:
            cur.executemany("INSERT INTO batch (n) VALUES (%s) RETURNING id", [(n,) for n in range(300)], returning=True)
            ids = [cur.fetchone()[0]]
            while cur.nextset():
                ids.append(cur.fetchone()[0])
        conn.commit()
        say("ids", len(ids), ids == list(range(1, 301)))
        say("rows", value(conn, "SELECT count(*) FROM batch"))


def many_of_which_one_fails():
    with autocommit() as conn, connect() as other:
        _table(conn)
        with conn.cursor() as cur:
            rows = [(1,), (2,), (1,), (4,)]
            say("error", refusal(cur.executemany, "INSERT INTO batch (n) VALUES (%s)", rows))
        say("rows", value(other, "SELECT count(*) FROM batch"))
        say("status", conn.info.transaction_status.name)


def many_in_a_failed_transaction():
    with connect() as conn:
        _table(conn)
        with conn.cursor() as cur:
            cur.execute("INSERT INTO batch (n) VALUES (10)")
            say("error", refusal(cur.executemany, "INSERT INTO batch (n) VALUES (%s)", [(1,), (1,), (3,)]))
            say("status", conn.info.transaction_status.name)
            say("until rolled back", refusal(cur.execute, "SELECT 1"))
        conn.rollback()
        say("rows", value(conn, "SELECT count(*) FROM batch"))


def a_pipeline():
    with autocommit() as conn, conn.pipeline() as p:
        cursors = [conn.execute("SELECT %s::int * 2", [n]) for n in range(50)]
        say("results", sum(c.fetchone()[0] for c in cursors))
        first = conn.execute("SELECT 'before a sync'")
        p.sync()
        say("synced", first.fetchone()[0])


def an_error_in_a_pipeline():
    with autocommit() as conn:
        _table(conn)
        with conn.pipeline() as p:
            conn.execute("INSERT INTO batch (n) VALUES (1)")
            p.sync()

            def fail():  # at once or at the sync: that is a matter of time
                for n in 2, 1, 3:
                    conn.execute("INSERT INTO batch (n) VALUES (%s)", [n])
                p.sync()

            say("error", refusal(fail))
            refusal(p.sync)
            say("next", conn.execute("SELECT 'in step'").fetchone()[0])
        say("rows", value(conn, "SELECT array_agg(n) FROM batch"))
        say("status", conn.info.transaction_status.name)


def transactions_in_a_pipeline():
    with connect() as conn:
        _table(conn)
        with conn.pipeline():
            with conn.transaction():
                conn.execute("INSERT INTO batch (n) VALUES (1)")
                with conn.transaction(force_rollback=True):
                    conn.execute("INSERT INTO batch (n) VALUES (2)")
            try:
                with conn.transaction():
                    conn.execute("INSERT INTO batch (n) VALUES (3)")
                    conn.execute("INSERT INTO batch (n) VALUES (1)")
            except psycopg.Error as e:
                say("error", e.sqlstate)
        say("rows", value(conn, "SELECT array_agg(n) FROM batch"))


def prepared_in_a_pipeline():
    with autocommit(prepare_threshold=0) as a, autocommit(prepare_threshold=0) as b:
        with a.pipeline(), b.pipeline():
            cursors = [c.execute("SELECT %s::text", [f"{i} {n}"]) for n in range(4) for i, c in enumerate((a, b))]
            say("results", *[c.fetchone()[0] + "," for c in cursors])


def settings_in_a_pipeline():
    with autocommit() as conn:
        with conn.pipeline():
            conn.execute("SET work_mem = '5MB'")
            inside = conn.execute("SHOW work_mem")
            conn.execute("SET my.batch = 'kept'")
            say("inside", inside.fetchone()[0])
        say("afterwards", value(conn, "SHOW work_mem"), value(conn, "SHOW my.batch"))
