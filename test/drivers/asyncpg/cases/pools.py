"""The driver's own pool, which resets a connection when it comes back: SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *;
RESET ALL."""

import asyncio

import asyncpg
from common import refusal, say


def _pool(**more):
    return asyncpg.create_pool(**{"ssl": False, "timeout": 10, "min_size": 1, "max_size": 1, **more})


async def _find(conn):
    say("work_mem", await conn.fetchval("SHOW work_mem"), await conn.fetchval("SHOW TimeZone"))
    say("role", await conn.fetchval("SELECT current_user"))
    say("my.tenant", await conn.fetchval("SELECT coalesce(current_setting('my.tenant', true), '') <> 'first'"))
    say("temporary table", await conn.fetchval("SELECT to_regclass('pg_temp.left_behind')::text"))
    say("cursors", await conn.fetchval("SELECT count(*) FROM pg_cursors WHERE name = 'left_behind'"))
    say("locks", await conn.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4712"))
    say("channels", await conn.fetch("SELECT pg_listening_channels()"))


async def _leave_everything(conn):
    await conn.execute("SET work_mem = '3MB'; SET TimeZone = 'Asia/Tokyo'; SET my.tenant = 'first'; SET ROLE colleague")
    await conn.execute("CREATE TEMP TABLE left_behind (n int)")
    await conn.execute("DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1")
    await conn.fetch("SELECT pg_advisory_lock(4712)")
    await conn.execute("LISTEN left_behind")


async def returned():
    async with _pool() as pool:
        async with pool.acquire() as conn:
            await _leave_everything(conn)
        async with pool.acquire() as conn:
            await _find(conn)


async def beside_another_pool():
    async with _pool() as one, _pool() as another:
        async with one.acquire() as conn:
            await _leave_everything(conn)
        async with another.acquire() as conn:
            await _find(conn)


async def returned_in_a_transaction():
    async with _pool() as pool:
        async with pool.acquire() as conn:
            await conn.execute("DROP TABLE IF EXISTS returned; CREATE TABLE returned (n int)")
        async with pool.acquire() as conn:
            await conn.execute("BEGIN; INSERT INTO returned VALUES (1)")
        async with pool.acquire() as conn:
            say("rows", await conn.fetchval("SELECT count(*) FROM returned"), conn.is_in_transaction())


async def returned_in_a_failed_transaction():
    async with _pool() as pool:
        async with pool.acquire() as conn:
            await conn.execute("BEGIN")
            say("error", await refusal(conn.execute("SELECT 1 / 0")))
        async with pool.acquire() as conn:
            say("next", await conn.fetchval("SELECT 'unharmed'"))


async def set_up_once_and_each_time():
    async def init(conn):
        await conn.execute("SET TimeZone = 'Asia/Tokyo'")

    async def setup(conn):
        await conn.execute("SET work_mem = '5MB'")

    async with _pool(init=init, setup=setup, server_settings={"DateStyle": "German"}) as pool:
        for _ in range(2):
            async with pool.acquire() as conn:
                say("settings", *[await conn.fetchval(f"SHOW {name}") for name in ("TimeZone", "work_mem", "DateStyle")])


async def statements_outlive_the_return():
    async with _pool() as pool:
        for n in range(3):
            say("prepared", await pool.fetchval("SELECT $1::int + 1", n))


async def more_borrowers_than_connections():
    async with _pool(max_size=4) as pool:
        async def work(n):
            async with pool.acquire() as conn, conn.transaction():
                await conn.execute(f"SET my.worker = {n}")
                return await conn.fetchval("SELECT current_setting('my.worker')::int")

        results = await asyncio.gather(*[work(n) for n in range(60)])
        say("each its own", results == list(range(60)))


async def terminated():
    async with _pool(min_size=2, max_size=2) as pool:
        async with pool.acquire() as a, pool.acquire() as b:
            async def end():
                await a.execute("BEGIN")
                pid = await a.fetchval("SELECT pg_backend_pid()")
                await b.fetchval("SELECT pg_terminate_backend($1, 10000)", pid)
                await a.fetchval("SELECT 1")

            try:
                await end()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError):
                say("error", "the connection has ended")
        say("replaced", [await pool.fetchval("SELECT 'alive'") for _ in range(3)])


async def expired_connections():
    async with _pool() as pool:
        say("before", await pool.fetchval("SELECT 'alive'"))
        await pool.expire_connections()
        say("after", await pool.fetchval("SELECT 'alive'"))
