"""Transactions, savepoints and cursors."""

from common import connections, refusal, say


async def characteristics():
    async with connections() as conn:
        for level in "read_committed", "repeatable_read", "serializable":
            async with conn.transaction(isolation=level):
                say(level, await conn.fetchval("SHOW transaction_isolation"))
        async with conn.transaction(isolation="serializable", readonly=True, deferrable=True):
            say("deferrable", await conn.fetchval("SHOW transaction_read_only"), await conn.fetchval("SHOW transaction_deferrable"))
        transaction = conn.transaction(readonly=True)
        await transaction.start()
        say("read only", await refusal(conn.execute("CREATE TABLE refused (n int)")))
        await transaction.rollback()
        say("default", await conn.fetchval("SHOW transaction_isolation"), await conn.fetchval("SHOW transaction_read_only"))


async def characteristics_of_the_session():
    async with connections(2) as (a, b):
        await a.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for c in a, b, a:
            async with c.transaction():
                say("level", await c.fetchval("SHOW transaction_isolation"), await c.fetchval("SHOW transaction_read_only"))


async def nested():
    async with connections() as conn:
        await conn.execute("DROP TABLE IF EXISTS nested; CREATE TABLE nested (n int)")
        async with conn.transaction():
            await conn.execute("INSERT INTO nested VALUES (1)")
            for n in 2, 3:
                inner = conn.transaction()
                await inner.start()
                await conn.execute("INSERT INTO nested VALUES ($1)", n)
                if n == 2:
                    say("error", await refusal(conn.execute("SELECT 1 / 0")))
                    await inner.rollback()
                else:
                    await inner.commit()
        say("rows", await conn.fetchval("SELECT array_agg(n) FROM nested"))


async def cursors():
    async with connections(2) as (a, b):
        async with a.transaction(), b.transaction():
            query = "SELECT generate_series($1::int, $1 + 99)"
            left, right = await a.cursor(query, 1), await b.cursor(query, 1001)
            say("in turn", [(await c.fetchrow())[0] for _ in range(3) for c in (left, right)])
            say("forward", await left.forward(10), (await left.fetchrow())[0], len(await right.fetch(1000)))
            say("iterated", sum([row[0] async for row in a.cursor(query, 1, prefetch=7)]))
        say("outside", await refusal(left.fetchrow()))


async def two_cursors_at_once():
    async with connections() as conn, conn.transaction():
        statement = await conn.prepare("SELECT generate_series(1, $1::int)")
        one, two = await statement.cursor(5), await statement.cursor(50)
        say("rows", [(await c.fetchrow())[0] for _ in range(3) for c in (one, two)])
        await conn.execute("SELECT 'a query in between'")
        say("rows", len(await one.fetch(100)), len(await two.fetch(100)))


async def temporary_tables():
    async with connections(2) as (a, b):
        for n, c in enumerate((a, b)):
            await c.execute(f"CREATE TEMP TABLE own AS SELECT {n} AS n")
        say("each its own", [await c.fetchval("SELECT n FROM own") for c in (a, b, a, b)])
        for c in a, b:
            await c.execute("DROP TABLE own")
        say("dropped", await refusal(a.fetchval("SELECT n FROM own")))


async def locks():
    async with connections(2) as (a, b):
        lock, unlock = "SELECT pg_try_advisory_lock(13)", "SELECT pg_advisory_unlock(13)"
        say("locked", await a.fetchval(lock), await b.fetchval(lock))
        say("unlocked", await b.fetchval(unlock), await a.fetchval(unlock))
        say("locked", await b.fetchval(lock), await b.fetchval(unlock))


async def two_phases():
    async with connections(2) as (a, b):
        await a.execute("DROP TABLE IF EXISTS phases; CREATE TABLE phases (n int)")
        await a.execute("BEGIN; INSERT INTO phases VALUES (1); PREPARE TRANSACTION 'asyncpg'")
        say("before", await b.fetchval("SELECT count(*) FROM phases"))
        await b.execute("COMMIT PREPARED 'asyncpg'")
        say("after", await a.fetchval("SELECT count(*) FROM phases"))
