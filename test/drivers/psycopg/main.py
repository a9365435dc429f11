"""Psycopg 3 as applications use it. PGHOST and the other variables of libpq say where to; what it must print is in
want.txt: the first half, or with TLS_CA, the file of an authority, the second. TLS_OTHER_CA has signed nothing here."""

import os

import psycopg

# A statement that says when it runs.
ENDLESS = "DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$"
CA, OTHER_CA = os.environ.get("TLS_CA"), os.environ.get("TLS_OTHER_CA")


def connect(**more):
    return psycopg.connect(**{"sslmode": "disable", "connect_timeout": 60, "autocommit": True, **more})


def value(conn, query, *args, **more):
    return conn.execute(query, args or None, **more).fetchone()[0]


def refusal(attempt, *args, **more):
    """The error an attempt ends with: its class and its SQLSTATE, or the server's words: libpq gives a login no SQLSTATE."""
    try:
        attempt(*args, **more)
    except psycopg.Error as e:
        return f"{type(e).__name__} {e.sqlstate or str(e).rpartition('FATAL:')[2].splitlines()[0].strip()}"
    return "none"


def canceled(conn):
    """Cancels a statement as soon as it says that it runs."""
    cancel = lambda _: conn.cancel()
    conn.add_notice_handler(cancel)
    error = refusal(conn.execute, ENDLESS)
    conn.remove_notice_handler(cancel)
    return error


def queries(conn):
    print("query:", value(conn, "SELECT %s::int + 1", 41))
    for n in range(3):  # the first prepares it
        print("prepared:", value(conn, "SELECT %s::int * 2", n, prepare=True))
    print("error:", refusal(conn.execute, "SELECT 1 / %s::int", [0]))


def transactions(conn):
    with conn.transaction():
        conn.execute("CREATE TEMP TABLE fruit (name text) ON COMMIT DROP")
        conn.execute("INSERT INTO fruit VALUES ('apple')")
        with conn.transaction(force_rollback=True):
            conn.execute("INSERT INTO fruit VALUES ('pear')")
        print("transaction:", value(conn, "SELECT string_agg(name, ',') FROM fruit"))
    with conn.pipeline():
        cursors = [conn.execute("SELECT %s::int", [n]) for n in range(5)]
        print("pipeline:", [c.fetchone()[0] for c in cursors])


def interruptions(conn):
    print("cancel:", canceled(conn))
    conn.execute("SET statement_timeout = '400ms'")
    print("timeout:", refusal(conn.execute, "SELECT pg_sleep(60)"))
    conn.execute("RESET statement_timeout")
    print("afterwards:", value(conn, "SHOW statement_timeout"))


def in_clear():
    with connect(application_name="psycopg", options=r"-c statement_timeout=4321 -c search_path=a,\ b") as conn:
        print("user:", value(conn, "SELECT current_user"))
        for name in "application_name", "statement_timeout", "search_path":
            print(f"{name}:", value(conn, f"SHOW {name}"))
        with connect() as other:  # whose statements have the same names
            print("prepared by another:", value(other, "SELECT %s::text", "b", prepare=True))
            queries(conn)
            print("prepared by another:", value(other, "SELECT %s::text", "c", prepare=True))
        transactions(conn)
        interruptions(conn)
    print("wrong password:", refusal(connect, password="wrong"))
    print("unknown database:", refusal(connect, dbname="nosuch"))


def encrypted():
    def tls(name, libpq=0, **more):
        """Says whether a connection is encrypted, and lives through a prepared statement, a cancel and much data."""
        if psycopg.pq.version() < libpq * 10000:
            return print(f"{name}: not in this version")
        with connect(**{"sslmode": "verify-full", "sslrootcert": CA, **more}) as conn:
            rows = [value(conn, "SELECT %s::int", n, prepare=True) for n in range(3)]
            error, much = canceled(conn), value(conn, "SELECT repeat('x', 100000)")
            print(f"{name}:", bool(conn.pgconn.ssl_in_use), rows, error, len(much))

    tls("require", sslmode="require", sslrootcert="")
    tls("verify-full")
    tls("channel binding", channel_binding="require")
    tls("direct", 17, sslnegotiation="direct")
    tls("direct with channel binding", 17, sslnegotiation="direct", channel_binding="require")
    tls("protocol 3.2", 18, min_protocol_version="3.2", max_protocol_version="3.2")
    try:
        connect(sslmode="verify-full", sslrootcert=OTHER_CA)
    except psycopg.OperationalError as e:
        print("another authority:", "certificate verify failed" if "certificate verify failed" in str(e) else e)
    print("wrong password:", refusal(connect, sslmode="require", sslrootcert="", password="wrong"))
    print("in clear:", refusal(connect).split()[0])


if CA:
    encrypted()
else:
    in_clear()
