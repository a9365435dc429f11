"""Cancels from other threads, which go over a connection of their own."""

import threading

from common import autocommit, connect, refusal, say, value

# A statement that says when it runs.
ENDLESS = "DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$"


def _canceled(conn, run, cancel):
    """What a statement ends with that another thread cancels as soon as it runs."""
    running = threading.Event()
    conn.add_notice_handler(lambda _: running.set())
    thread = threading.Thread(target=lambda: running.wait(30) and cancel())
    thread.start()
    error = refusal(run)
    thread.join()
    return error


def from_another_thread():
    with autocommit() as conn:
        for _ in range(3):
            say("error", _canceled(conn, lambda: conn.execute(ENDLESS), conn.cancel))
            say("afterwards", value(conn, "SELECT 'unharmed'"))


def in_a_transaction():
    with connect() as conn:
        conn.execute("SET LOCAL work_mem = '3MB'")
        say("error", _canceled(conn, lambda: conn.execute(ENDLESS), conn.cancel))
        say("status", conn.info.transaction_status.name)
        say("until rolled back", refusal(conn.execute, "SELECT 1"))
        conn.rollback()
        say("afterwards", value(conn, "SHOW work_mem"))


def to_a_savepoint():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT 1")

        def nested():
            with conn.transaction():
                conn.execute(ENDLESS)

        say("error", _canceled(conn, nested, conn.cancel))
        say("afterwards", value(conn, "SELECT count(*) FROM kept"))


def where_nothing_runs():
    with autocommit() as a, autocommit() as b:
        for _ in range(5):
            a.cancel()
        say("the one", value(a, "SELECT 'unharmed'"))
        say("the other", value(b, "SELECT 'unharmed'"))


def safely():
    with autocommit() as conn:
        if not hasattr(conn, "cancel_safe"):
            return print("not in this version")
        say("error", _canceled(conn, lambda: conn.execute(ENDLESS), conn.cancel_safe))
        say("afterwards", value(conn, "SELECT 'unharmed'"))


def by_another_session():
    with connect() as conn, autocommit() as other:
        pid = value(conn, "SELECT pg_backend_pid()")
        cancel = lambda: other.execute("SELECT pg_cancel_backend(%s)", [pid])
        say("error", _canceled(conn, lambda: conn.execute(ENDLESS), cancel))
        conn.rollback()
        say("afterwards", value(conn, "SELECT 'unharmed'"))


def with_settings_that_stay():
    with autocommit() as conn:
        conn.execute("SET work_mem = '6MB'")
        say("error", _canceled(conn, lambda: conn.execute("SET work_mem = '7MB'; " + ENDLESS), conn.cancel))
        say("work_mem", value(conn, "SHOW work_mem"))
