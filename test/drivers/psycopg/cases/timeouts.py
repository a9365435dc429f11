"""Timeouts of the server's, which belong to the session that asked for them."""

import select

from common import autocommit, connect, refusal, say, value

NAMES = "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"


def _shown(conn):
    return [value(conn, f"SHOW {name}") for name in NAMES]


def by_set():
    with autocommit() as a, autocommit() as b:
        a.execute("SET statement_timeout = '400ms'")
        say("the one", refusal(a.execute, "SELECT pg_sleep(60)"))
        say("the other", refusal(b.execute, "SELECT pg_sleep(0.5)"), _shown(b))
        a.execute("SET statement_timeout TO DEFAULT")
        say("not any more", refusal(a.execute, "SELECT pg_sleep(0.5)"))


def by_startup_options():
    options = "-c statement_timeout=400 -c lock_timeout=1s -c idle_in_transaction_session_timeout=2min"
    with autocommit(options=options) as a, autocommit() as b:
        say("the one", _shown(a), refusal(a.execute, "SELECT pg_sleep(60)"))
        say("the other", _shown(b), refusal(b.execute, "SELECT pg_sleep(0.5)"))
        a.execute("SET statement_timeout = 0")
        say("longer", refusal(a.execute, "SELECT pg_sleep(0.5)"))
        a.execute("RESET ALL")
        say("as it began", _shown(a), refusal(a.execute, "SELECT pg_sleep(60)"))


def for_one_transaction():
    with connect() as conn:
        conn.execute("SET LOCAL statement_timeout = '400ms'")
        say("inside", refusal(conn.execute, "SELECT pg_sleep(60)"))
        conn.rollback()
        say("outside", refusal(conn.execute, "SELECT pg_sleep(0.5)"), _shown(conn))


def rolled_back():
    with connect() as conn:
        conn.execute("SET statement_timeout = '400ms'")
        conn.rollback()
        say("outside", refusal(conn.execute, "SELECT pg_sleep(0.5)"), _shown(conn))


def for_locks():
    with connect() as holder, connect() as waiter:
        holder.execute("CREATE TABLE IF NOT EXISTS locked (n int)")
        holder.commit()
        holder.execute("LOCK TABLE locked")
        waiter.execute("SET lock_timeout = '50ms'")
        waiter.commit()
        say("error", refusal(waiter.execute, "LOCK TABLE locked"))
        waiter.rollback()
        say("the other's", value(holder, "SHOW lock_timeout"))


def idle_in_a_transaction():
    with connect() as other:
        conn = autocommit(options="-c idle_in_transaction_session_timeout=50ms")
        conn.execute("BEGIN")
        say("cut off", refusal(_await_the_end, conn))
        say("closed", conn.closed, refusal(conn.execute, "SELECT 1"))
        conn.close()
        say("the other", value(other, "SELECT 'unharmed'"))


def _await_the_end(conn):
    """Waits until the server says something, which can only be that it is the end."""
    select.select([conn], [], [], 30)
    conn.execute("SELECT 1")
