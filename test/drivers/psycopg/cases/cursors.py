"""Cursors in the server, and what else keeps to a session."""

from common import autocommit, connect, refusal, say, value


def named():
    with connect() as a, connect() as b:
        for conn in a, b:
            conn.execute("SELECT 1")
        with a.cursor("rows") as left, b.cursor("rows") as right:  # the same name
            left.itersize = right.itersize = 7
            left.execute("SELECT generate_series(1, 30)")
            right.execute("SELECT generate_series(101, 130)")
            say("in turn", sum(l[0] for l in left), sum(r[0] for r in right))


def scrolled():
    with connect() as conn, conn.cursor("scrolled", scrollable=True) as cur:
        cur.execute("SELECT generate_series(1, 10)")
        said = [cur.fetchone()]
        cur.scroll(5, mode="absolute")
        said.append(cur.fetchone())
        cur.scroll(-2)
        said.append(cur.fetchone())
        say("rows", said)


def held_after_the_transaction():
    with connect() as conn, autocommit() as other:
        cur = conn.cursor("held", withhold=True)
        cur.execute("SELECT n FROM generate_series(1, 6) n")
        say("inside", cur.fetchmany(2))
        conn.commit()
        say("not another's", value(other, "SELECT count(*) FROM pg_cursors WHERE name = 'held'"))
        say("outside", cur.fetchmany(2))
        conn.commit()
        say("a query in between", value(conn, "SELECT 'unharmed'"))
        say("outside", cur.fetchall())
        cur.close()
        conn.commit()
        say("closed", value(conn, "SELECT count(*) FROM pg_cursors WHERE name = 'held'"))


def gone_with_the_transaction():
    with connect() as conn:
        cur = conn.cursor("gone")
        cur.execute("SELECT generate_series(1, 6)")
        say("inside", cur.fetchone())
        conn.commit()
        say("outside", refusal(cur.fetchone))
        conn.rollback()


def in_binary():
    with connect() as conn, conn.cursor("binary") as cur:
        cur.execute("SELECT n, n * interval '1 day' FROM generate_series(1, 3) n", binary=True)
        rows = cur.fetchall()
        say("rows", [str(row[1]) for row in rows], cur.pgresult.fformat(0))


def streamed():
    with autocommit() as conn:
        rows = conn.cursor().stream("SELECT repeat('x', 100) FROM generate_series(1, 1000)")
        say("length", sum(len(r[0]) for r in rows))
        rows = conn.cursor().stream("SELECT 1 / (50 - n) FROM generate_series(1, 100) n")
        say("error", refusal(list, rows))
        for n, _ in enumerate(conn.cursor().stream("SELECT generate_series(1, 10000)")):
            if n == 10:
                break
        say("afterwards", value(conn, "SELECT 'in step'"))


def temporary_tables():
    with autocommit() as a, autocommit() as b:
        for n, conn in enumerate((a, b)):
            conn.execute(f"CREATE TEMP TABLE own AS SELECT {n} AS n")
        say("each its own", *[value(conn, "SELECT n FROM own") for conn in (a, b, a, b)])
        for conn in a, b:
            conn.execute("DROP TABLE own")
        say("dropped", refusal(a.execute, "SELECT n FROM own"), refusal(b.execute, "SELECT n FROM own"))


def locks():
    with autocommit() as a, autocommit() as b:
        say("locked", value(a, "SELECT pg_try_advisory_lock(12)"), value(b, "SELECT pg_try_advisory_lock(12)"))
        a.execute("SELECT 1")
        say("unlocked", value(b, "SELECT pg_advisory_unlock(12)"), value(a, "SELECT pg_advisory_unlock(12)"))
        say("locked", value(b, "SELECT pg_try_advisory_lock(12)"), value(b, "SELECT pg_advisory_unlock(12)"))


def sequences():
    with autocommit() as a, autocommit() as b:
        a.execute("DROP SEQUENCE IF EXISTS drawn")
        a.execute("CREATE SEQUENCE drawn")
        # Who asks before it has drawn is known to ask: the server then waits for its question, for a moment.
        say("before", *[refusal(conn.execute, "SELECT currval('drawn')") for conn in (a, b)])
        say("drawn", *[value(conn, "SELECT nextval('drawn')") for conn in (a, b)])
        say("own", *[value(conn, "SELECT currval('drawn')") for conn in (a, b, a)])
