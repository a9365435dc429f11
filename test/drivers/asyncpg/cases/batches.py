"""executemany, which sends a batch in one piece and is done wholly or not at all."""

from common import connections, refusal, say


async def _table(conn):
    await conn.execute("DROP TABLE IF EXISTS batch; CREATE TABLE batch (n int UNIQUE, t text)")


async def many():
    async with connections(2) as (a, b):
        await _table(a)
        for i, c in enumerate((a, b, a, b)):
            await c.executemany("INSERT INTO batch VALUES ($1, $2)", [(n * 4 + i, "x" * 50) for n in range(1000)])
        say("rows", await a.fetchval("SELECT count(*) FROM batch"))


async def one_of_them_fails():
    async with connections(2) as (a, b):
        await _table(a)
        for c in a, b:
            rows = [(n % 90, None) for n in range(100)]
            say("error", await refusal(c.executemany("INSERT INTO batch VALUES ($1, $2)", rows)))
            say("rows", await c.fetchval("SELECT count(*) FROM batch"), c.is_in_transaction())


async def one_of_them_fails_in_a_transaction():
    async with connections() as conn:
        await _table(conn)
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute("INSERT INTO batch VALUES (1)")
        say("error", await refusal(conn.executemany("INSERT INTO batch VALUES ($1)", [(2,), (1,), (3,)])))
        say("until rolled back", await refusal(conn.fetchval("SELECT 1")))
        await transaction.rollback()
        say("rows", await conn.fetchval("SELECT count(*) FROM batch"))


async def one_is_not_sent():
    async with connections() as conn:
        await _table(conn)
        say("error", await refusal(conn.executemany("INSERT INTO batch VALUES ($1)", [(1,), (2,), ("no number",)])))
        say("rows", await conn.fetchval("SELECT count(*) FROM batch"))


async def with_a_timeout():
    async with connections() as conn:
        await _table(conn)
        many = conn.executemany("INSERT INTO batch SELECT $1 FROM pg_sleep(5)", [(n,) for n in range(9)], timeout=0.1)
        say("error", await refusal(many))
        say("rows", await conn.fetchval("SELECT count(*) FROM batch"))


async def several_statements_in_one():
    async with connections() as conn:
        await _table(conn)
        say("status", await conn.execute("INSERT INTO batch VALUES (1); INSERT INTO batch VALUES (2), (3)"))
        say("error", await refusal(conn.execute("INSERT INTO batch VALUES (4); INSERT INTO batch VALUES (1)")))
        say("rows", await conn.fetchval("SELECT array_agg(n) FROM batch"))
