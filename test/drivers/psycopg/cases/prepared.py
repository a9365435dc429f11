"""Prepared statements, which the driver makes of whatever is run often."""

from common import autocommit, connect, refusal, say, value


def prepared_from_the_sixth_time():
    with autocommit() as a, autocommit() as b:
        say("threshold", a.prepare_threshold)
        say("one", [value(a, "SELECT %s::int + 1", n) for n in range(9)])
        say("another, whose names are the same", [value(b, "SELECT %s::int + 2", n) for n in range(9)])
        say("in turn", [value(c, "SELECT %s::int * 2", n) for n in range(9) for c in (a, b)])


def prepared_at_once():
    with autocommit(prepare_threshold=0) as a, autocommit(prepare_threshold=0) as b:
        say("in turn", [value(c, f"SELECT %s::int + {i}", n) for n in range(4) for i, c in enumerate((a, b))])
        with a.transaction():
            say("in a transaction", value(a, "SELECT %s::text", "prepared"), value(a, "SELECT %s::text", "again"))
        say("an error", refusal(a.execute, "SELECT 1 / %s::int", [0]), refusal(a.execute, "SELECT 1 / %s::int", [0]))
        say("afterwards", value(a, "SELECT 1 / %s::int", 1))


def more_than_the_driver_keeps():
    with autocommit(prepare_threshold=0) as conn:  # which deallocates the oldest, in SQL
        conn.prepared_max = 3
        say("twice", [value(conn, f"SELECT %s::int + {n}", 100) for n in list(range(8)) * 2])


def deallocated_behind_its_back():
    with autocommit(prepare_threshold=0) as conn:
        say("before", value(conn, "SELECT %s::int", 1))
        conn.execute("DEALLOCATE ALL")
        say("after", refusal(conn.execute, "SELECT %s::int", [2]))
        say("another", value(conn, "SELECT %s::int + 1", 2))
        conn.execute("DISCARD ALL")
        say("after DISCARD ALL", refusal(conn.execute, "SELECT %s::int + 1", [2]))
        say("another", value(conn, "SELECT %s::int + 2", 3))


def prepared_under_another_search_path():
    with autocommit(prepare_threshold=0) as a, autocommit(prepare_threshold=0) as b:
        for schema in "left_one", "right_one":
            a.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            a.execute(f"CREATE SCHEMA {schema}")
            a.execute(f"CREATE TABLE {schema}.t AS SELECT '{schema}' AS name")
        a.execute("SET search_path = left_one")
        b.execute("SET search_path = right_one")
        say("in turn", [value(c, "SELECT name FROM t") for _ in range(4) for c in (a, b)])
        a.execute("SET search_path = right_one")
        say("after a change", [value(c, "SELECT name FROM t") for _ in range(2) for c in (a, b)])


def other_types_of_parameters():
    with autocommit(prepare_threshold=0) as conn:
        for arg in 1, 2.5, 1 << 40, 1 << 20, 1, "1":
            say(repr(arg), value(conn, "SELECT pg_typeof(%s + 1)::text", arg))


def a_column_more():
    with autocommit() as a, connect() as b:
        a.execute("DROP TABLE IF EXISTS grows")
        a.execute("CREATE TABLE grows AS SELECT 1 AS one")
        say("before", [a.execute("SELECT * FROM grows", prepare=True).fetchone() for _ in range(2)])
        b.execute("ALTER TABLE grows ADD two int DEFAULT 2")
        b.commit()
        say("prepared anew", b.execute("SELECT * FROM grows", prepare=True).fetchone())
        b.commit()
        # Postgres refuses what it had prepared before, and a pooler may have it prepared anew.
        error = refusal(a.execute, "SELECT * FROM grows", prepare=True)
        say("after", "refused or new" if error in ("none", "FeatureNotSupported 0A000") else error)
        say("as another statement", a.execute("SELECT *, 3 FROM grows", prepare=True).fetchone())


def a_table_anew():
    with autocommit(prepare_threshold=0) as a, autocommit(prepare_threshold=0) as b:
        for n in range(3):
            a.execute("DROP TABLE IF EXISTS renewed")
            a.execute("CREATE TABLE renewed (n int)")
            a.execute("INSERT INTO renewed VALUES (%s)", [n])
            say("rows", *[value(c, "SELECT n FROM renewed") for c in (a, b)])
