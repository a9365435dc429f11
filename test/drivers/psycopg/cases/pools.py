"""The driver's own pool: what a borrower leaves, and what the next one finds."""

from contextlib import contextmanager

from common import refusal, say, value
from psycopg_pool import ConnectionPool


@contextmanager
def _pool(**more):
    """Two connections, the first of which goes out again first."""
    kwargs = {"sslmode": "disable", **more.pop("kwargs", {})}
    with ConnectionPool(kwargs=kwargs, **{"min_size": 1, "max_size": 1, **more}) as pool:
        pool.wait(20)
        yield pool


def _leave_everything(conn):
    conn.execute("SET work_mem = '3MB'")
    conn.execute("SET my.tenant = 'first'")
    conn.execute("CREATE TEMP TABLE left_behind (n int)")
    conn.execute("SELECT pg_advisory_lock(4711)")
    conn.execute("LISTEN left_behind")
    conn.execute("PREPARE left_behind AS SELECT 1")
    conn.commit()


def _find(conn):
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    say("work_mem", value(conn, "SHOW work_mem"))
    say("my.tenant", repr(value(conn, "SELECT coalesce(current_setting('my.tenant', true), '')")))
    say("temporary table", value(conn, "SELECT to_regclass('pg_temp.left_behind')"))
    say("locks", value(conn, locks))
    say("channels", conn.execute("SELECT pg_listening_channels()").fetchall())
    say("prepared", value(conn, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'"))


def returned_and_discarded():
    def reset(conn):
        conn.autocommit = True
        conn.execute("DISCARD ALL")
        conn.autocommit = False

    with _pool(reset=reset) as pool:
        with pool.connection() as conn:
            _leave_everything(conn)
        with pool.connection() as conn:
            _find(conn)


def returned_as_it_is():
    with _pool() as pool:
        with pool.connection() as conn:
            _leave_everything(conn)
        with pool.connection() as conn:
            _find(conn)


def beside_another_pool():
    with _pool() as one, _pool() as another:
        with one.connection() as conn:
            _leave_everything(conn)
            conn.execute("SELECT pg_advisory_unlock_all()")
        with another.connection() as conn:
            _find(conn)


def configured_once():
    def configure(conn):
        conn.execute("SET TimeZone = 'Asia/Tokyo'")
        conn.execute("SET statement_timeout = '9s'")
        conn.commit()

    with _pool(configure=configure, min_size=2, max_size=2) as pool:
        with pool.connection() as a, pool.connection() as b:
            for conn in a, b:
                say("settings", value(conn, "SHOW TimeZone"), value(conn, "SHOW statement_timeout"))


def returned_in_a_transaction():
    with _pool() as pool:
        with pool.connection() as conn:
            conn.execute("DROP TABLE IF EXISTS returned")
            conn.execute("CREATE TABLE returned (n int)")
        conn = pool.getconn()
        conn.execute("INSERT INTO returned VALUES (1)")
        conn.execute("SET my.tenant = 'rolled back'")
        pool.putconn(conn)  # which rolls it back, with a warning
        with pool.connection() as conn:
            say("rows", value(conn, "SELECT count(*) FROM returned"))
            say("my.tenant", repr(value(conn, "SELECT current_setting('my.tenant', true)")))


def failed_and_returned():
    with _pool() as pool:
        def fail():
            with pool.connection() as conn:
                conn.execute("SELECT 1 / 0")

        say("error", refusal(fail))
        with pool.connection() as conn:
            say("status", conn.info.transaction_status.name, value(conn, "SELECT 'unharmed'"))
        pool.check()
        with pool.connection() as conn:
            say("checked", value(conn, "SELECT 'unharmed'"))


def terminated():
    with _pool(min_size=2, max_size=2) as pool:
        def end():
            with pool.connection() as a, pool.connection() as b:
                pid = value(a, "SELECT pg_backend_pid()")
                b.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
                b.commit()
                a.execute("SELECT 1")

        say("error", refusal(end))
        with pool.connection() as a, pool.connection() as b:
            say("replaced", value(a, "SELECT 'alive'"), value(b, "SELECT 'alive'"))


def more_borrowers_than_connections():
    import threading

    with _pool(max_size=2) as pool:
        results = []

        def work(n):
            with pool.connection() as conn:
                conn.execute("SET my.worker = %d" % n)
                conn.commit()
                results.append(value(conn, "SHOW my.worker") == str(n))

        threads = [threading.Thread(target=work, args=[n]) for n in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        say("each its own", len(results), all(results))
