"""Settings by the driver's own means, transactions and their characteristics."""

import psycopg
from common import autocommit, connect, refusal, say, value
from psycopg import IsolationLevel


def reported():
    with autocommit() as a, autocommit() as b:
        names = "TimeZone", "DateStyle", "application_name", "standard_conforming_strings", "client_encoding"
        a.execute("SET TimeZone = 'America/Lima'")
        a.execute("SET DateStyle = 'German'")
        a.execute("SET application_name = 'reported'")
        for conn in a, b, a:
            say("reported", *[repr(conn.info.parameter_status(name)) for name in names])
            say("asked", *[repr(value(conn, f"SHOW {name}")) for name in names])
        say("time zone", a.info.timezone, value(a, "SELECT '2026-06-01 12:00Z'::timestamptz::text"))
        a.execute("RESET ALL")
        say("reset", a.info.parameter_status("TimeZone"), repr(a.info.parameter_status("application_name")))


def with_the_transaction():
    with connect() as conn:
        conn.execute("SET TimeZone = 'Asia/Tokyo'")
        say("inside", conn.info.parameter_status("TimeZone"))
        conn.rollback()
        say("rolled back", conn.info.parameter_status("TimeZone"), value(conn, "SHOW TimeZone"))
        conn.execute("SET LOCAL TimeZone = 'Asia/Tokyo'")
        say("local", conn.info.parameter_status("TimeZone"))
        conn.commit()
        say("committed", conn.info.parameter_status("TimeZone"), value(conn, "SHOW TimeZone"))


def encodings():
    with autocommit() as a, autocommit() as b:
        a.execute("SET client_encoding = 'LATIN1'")
        for conn in a, b, a:
            say(conn.info.encoding, value(conn, "SELECT 'ü' || %s", "ä"))
        with connect(client_encoding="latin1") as c:
            say(c.info.encoding, value(c, "SELECT 'ß' || %s", "ö"))


def a_role():
    with autocommit() as a, autocommit() as b:
        a.execute("SET ROLE colleague")
        for conn in a, b, a:
            say("who", value(conn, "SELECT current_user"), value(conn, "SELECT session_user"))
        say("refused", refusal(a.execute, "CREATE SCHEMA forbidden"))
        a.execute("RESET ROLE")
        say("reset", value(a, "SELECT current_user"))


def characteristics():
    with connect() as conn:
        for level in IsolationLevel:
            conn.isolation_level = level
            say(level.name, value(conn, "SHOW transaction_isolation"))
            conn.rollback()
        conn.read_only = True
        say("read only", refusal(conn.execute, "CREATE TABLE refused (n int)"))
        conn.rollback()
        conn.read_only, conn.deferrable = False, True
        say("deferrable", value(conn, "SHOW transaction_read_only"), value(conn, "SHOW transaction_deferrable"))
        conn.rollback()
        conn.read_only = conn.deferrable = conn.isolation_level = None
        say("default", value(conn, "SHOW transaction_isolation"), value(conn, "SHOW transaction_read_only"))


def characteristics_of_the_session():
    with connect() as a, connect() as b:
        a.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY")
        a.commit()
        for conn in a, b, a:
            say("level", value(conn, "SHOW transaction_isolation"), value(conn, "SHOW transaction_read_only"))
            conn.commit()


def nested():
    with connect() as conn:
        conn.execute("DROP TABLE IF EXISTS nested")
        conn.execute("CREATE TABLE nested (n int)")
        conn.commit()
        with conn.transaction():
            conn.execute("INSERT INTO nested VALUES (1)")
            for n in 2, 3:
                try:
                    with conn.transaction(f"savepoint_{n}"):
                        conn.execute("INSERT INTO nested VALUES (%s)", [n])
                        if n == 2:
                            conn.execute("SELECT 1 / 0")
                except psycopg.errors.DivisionByZero:
                    say("rolled back to", n)
            with conn.transaction() as inner:
                conn.execute("INSERT INTO nested VALUES (4)")
                raise psycopg.Rollback(inner)
        say("rows", value(conn, "SELECT array_agg(n) FROM nested"))


def in_two_phases():
    with connect() as a, connect() as b:
        a.execute("DROP TABLE IF EXISTS phases")
        a.execute("CREATE TABLE phases (n int)")
        a.commit()
        for n, end in (1, "commit"), (2, "rollback"), (3, "commit elsewhere"):
            xid = a.xid(1, f"phases {n}", "branch")
            a.tpc_begin(xid)
            a.execute("INSERT INTO phases VALUES (%s)", [n])
            a.tpc_prepare()
            if end == "commit":
                a.tpc_commit()
            elif end == "rollback":
                a.tpc_rollback()
            else:
                a.close()
                mine = [x for x in b.tpc_recover() if x.gtrid.startswith("phases ")]
                say("recovered", [x.gtrid for x in mine])
                b.rollback()
                b.tpc_commit(mine[0])
        say("rows", value(b, "SELECT array_agg(n) FROM phases"))


def status():
    with connect() as conn:
        told = [conn.info.transaction_status.name]
        conn.execute("SELECT 1")
        told.append(conn.info.transaction_status.name)
        refusal(conn.execute, "SELECT 1 / 0")
        told.append(conn.info.transaction_status.name)
        conn.rollback()
        told.append(conn.info.transaction_status.name)
        say("status", *told)


def notices():
    with autocommit() as a, autocommit() as b:
        heard = []
        for name, conn in ("a", a), ("b", b):
            conn.add_notice_handler(lambda d, name=name: heard.append((name, d.severity, d.message_primary)))
        a.execute("SET client_min_messages = 'debug1'")
        for conn in a, b:
            conn.execute("DO $$ BEGIN RAISE DEBUG 'debug'; RAISE NOTICE 'notice'; END $$")
        say("heard", *[h for h in heard if h[2] in ("debug", "notice")])
