"""asyncpg as applications use it. PGHOST and the other variables of libpq say where to; what it must print is in
want.txt: the first half, or with TLS_CA, the file of an authority, the second. TLS_OTHER_CA has signed nothing here."""

import asyncio
import os
import ssl

import asyncpg

CA, OTHER_CA = os.environ.get("TLS_CA"), os.environ.get("TLS_OTHER_CA")


def connect(**more):
    return asyncpg.connect(**{"ssl": False, "timeout": 60, **more})


async def refusal(attempt):
    """The error an attempt ends with: its class, and its SQLSTATE if it has one."""
    try:
        await attempt
    except (asyncpg.PostgresError, asyncio.TimeoutError) as e:
        return f"{type(e).__name__} {getattr(e, 'sqlstate', '')}".strip()
    return "none"


async def queries(conn):
    print("query:", await conn.fetchval("SELECT $1::int + 1", 41))
    statement = await conn.prepare("SELECT $1::int * 2")
    for n in range(3):
        print("prepared:", await statement.fetchval(n))
    print("error:", await refusal(conn.fetch("SELECT 1 / $1::int", 0)))


async def transactions(conn):
    async with conn.transaction():
        await conn.execute("CREATE TEMP TABLE fruit (name text) ON COMMIT DROP")
        await conn.copy_records_to_table("fruit", records=[("apple",), ("fig",)])
        await conn.executemany("INSERT INTO fruit VALUES ($1)", [("plum",), ("quince",)])
        inner = conn.transaction()
        await inner.start()
        await conn.execute("INSERT INTO fruit VALUES ('pear')")
        await inner.rollback()
        print("transaction:", [row["name"] async for row in conn.cursor("SELECT name FROM fruit ORDER BY name", prefetch=1)])


async def interruptions(conn):
    print("cancel:", await refusal(conn.fetch("SELECT pg_sleep(5)", timeout=0.2)))
    await conn.execute("SET statement_timeout = '400ms'")
    print("timeout:", await refusal(conn.fetch("SELECT pg_sleep(60)")))
    await conn.execute("RESET statement_timeout")
    print("afterwards:", await conn.fetchval("SHOW statement_timeout"))


async def in_clear():
    settings = {"application_name": "asyncpg", "statement_timeout": "4321", "search_path": "a, b"}
    conn = await connect(server_settings=settings)
    print("user:", await conn.fetchval("SELECT current_user"))
    for name in settings:
        print(f"{name}:", await conn.fetchval(f"SHOW {name}"))
    other = await connect()  # whose statements have the same names
    print("prepared by another:", await other.fetchval("SELECT $1::text", "b"))
    await queries(conn)
    print("prepared by another:", await other.fetchval("SELECT $1::text", "c"))
    await transactions(conn)
    await interruptions(conn)
    await conn.reset()
    await other.close()
    await conn.close()
    print("wrong password:", await refusal(connect(password="wrong")))
    print("unknown database:", await refusal(connect(database="nosuch")))


def verifying(ca):
    """What sslmode=verify-full is elsewhere. asyncpg leaves ALPN, which direct TLS needs, to its caller."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["postgresql"])
    return context


async def encrypted():
    async def tls(name, **more):
        """Says whether a connection is encrypted, and lives through a prepared statement, a cancel and much data."""
        conn = await connect(**more)
        statement = await conn.prepare("SELECT $1::int")
        rows = [await statement.fetchval(n) for n in range(3)]
        canceled = await refusal(conn.fetch("SELECT pg_sleep(5)", timeout=0.2))
        channel = conn._transport.get_extra_info("ssl_object")
        print(f"{name}:", channel is not None, rows, canceled, len(await conn.fetchval("SELECT repeat('x', 100000)")))
        await conn.close()

    await tls("require", ssl="require")
    await tls("verify-full", ssl=verifying(CA))
    await tls("direct", ssl=verifying(CA), direct_tls=True)
    try:
        await connect(ssl=verifying(OTHER_CA))
    except ssl.SSLCertVerificationError as e:
        print("another authority:", e.reason)
    print("wrong password:", await refusal(connect(ssl="require", password="wrong")))
    print("in clear:", await refusal(connect()))


asyncio.run(encrypted() if CA else in_clear())
