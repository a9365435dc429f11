"""Prepared statements: the driver prepares all, and keeps a hundred of them."""

import datetime

from common import connections, refusal, say


async def every_query():
    async with connections(2) as (a, b):
        say("one", [await a.fetchval("SELECT $1::int + 1", n) for n in range(5)])
        say("another, whose names are the same", [await b.fetchval("SELECT $1::int + 2", n) for n in range(5)])
        say("in turn", [await c.fetchval(f"SELECT $1::int * {i + 2}", n) for n in range(5) for i, c in enumerate((a, b))])


async def by_the_program():
    async with connections(2) as (a, b):
        left, right = await a.prepare("SELECT $1::int + 1 AS n"), await b.prepare("SELECT $1::text AS t")
        say("described", left.get_parameters()[0].name, left.get_attributes()[0].name, right.get_attributes()[0].type.name)
        say("in turn", [(await left.fetchval(n), await right.fetchval(str(n))) for n in range(4)])
        many = [await a.prepare(f"SELECT {n}") for n in range(20)]
        say("many", sum([await statement.fetchval() for statement in many]))


async def more_than_the_driver_keeps():
    async with connections() as conn:  # which closes the oldest
        for _ in range(2):
            say("sum", sum([await conn.fetchval(f"SELECT $1::int + {n}", 1) for n in range(130)]))


async def errors():
    async with connections() as conn:
        for query, arg in ("SELECT 1 / $1::int", 0), ("SELECT $1::nosuch", 1), ("SELEC $1", 1), ("SELECT 1 / $1::int", 1):
            say(query, await refusal(conn.fetch(query, arg)))
        say("afterwards", await conn.fetchval("SELECT $1::int", 1))


async def deallocated_behind_its_back():
    async with connections() as conn:
        say("before", await conn.fetchval("SELECT $1::int", 1))
        await conn.execute("DEALLOCATE ALL")
        say("after", await refusal(conn.fetchval("SELECT $1::int", 2)))
        say("another", await conn.fetchval("SELECT $1::int + 1", 2))
        await conn.execute("DISCARD ALL")
        await conn.reload_schema_state()
        say("discarded", await conn.fetchval("SELECT $1::int + 2", 2))


async def a_column_more():
    async with connections(2) as (a, b):
        await a.execute("DROP TABLE IF EXISTS grows; CREATE TABLE grows AS SELECT 1 AS one")
        say("before", *[tuple(await c.fetchrow("SELECT * FROM grows")) for c in (a, b)])
        await b.execute("ALTER TABLE grows ADD two int DEFAULT 2")
        say("after", *[tuple(await c.fetchrow("SELECT * FROM grows")) for c in (a, b)])  # which the driver heals
        await b.execute("ALTER TABLE grows DROP one")
        say("again", *[tuple(await c.fetchrow("SELECT * FROM grows")) for c in (a, b)])


async def another_type_of_a_column():
    async with connections(2) as (a, b):
        await a.execute("DROP TABLE IF EXISTS retyped; CREATE TABLE retyped (c int)")
        for c in a, b:
            await c.execute("INSERT INTO retyped VALUES ($1)", 1)
        await a.execute("ALTER TABLE retyped ALTER c TYPE text")
        say("rows", *[[r["c"] for r in await c.fetch("SELECT c FROM retyped")] for c in (a, b)])
        # The parameter's type has changed with it, and who has prepared it before does not know yet.
        await b.reload_schema_state()
        async with connections() as fresh:
            await fresh.execute("INSERT INTO retyped VALUES ($1)", "text")
            say("count", await fresh.fetchval("SELECT count(*) FROM retyped"))


async def types_of_ones_own():
    async with connections(2) as (a, b):
        await a.execute("DROP TABLE IF EXISTS shops; DROP TYPE IF EXISTS shop; DROP TYPE IF EXISTS mood")
        await a.execute("CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TYPE shop AS (name text, moods mood[])")
        await a.execute("CREATE TABLE shops (s shop)")
        for c in a, b:  # who ask what they are, with a jit of their own
            await c.execute("INSERT INTO shops VALUES ($1)", ("corner", ["good", "bad"]))
            say("row", await c.fetchval("SELECT s FROM shops"))
            say("jit", await c.fetchval("SHOW jit"))
        await b.execute("ALTER TYPE mood ADD VALUE 'fair'")
        say("a value more", await a.fetchval("SELECT ARRAY['fair']::mood[]"))


async def codecs():
    async with connections(2) as (a, b):
        await a.set_type_codec("json", encoder=str, decoder=lambda text: text.upper(), schema="pg_catalog")
        for c in a, b:
            say("json", await c.fetchval("SELECT '{\"a\": 1}'::json"))


async def in_binary():
    async with connections(2) as (a, b):
        day = datetime.date(2026, 6, 1)
        for c in a, b, a:
            say("rows", await c.fetchval("SELECT $1::date + $2::int", day, 3), await c.fetchval("SELECT $1::int[]", [1, None, 3]),
                await c.fetchval("SELECT $1::numeric / 4", 10), await c.fetchval("SELECT $1::bytea", b"\0\xff"))


async def prepared_under_another_search_path():
    async with connections(2) as (a, b):
        for schema in "left_one", "right_one":
            await a.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
            await a.execute(f"CREATE TABLE {schema}.t AS SELECT '{schema}' AS name")
        await a.execute("SET search_path = left_one")
        await b.execute("SET search_path = right_one")
        say("in turn", [await c.fetchval("SELECT name FROM t") for _ in range(3) for c in (a, b)])
        await a.execute("SET search_path = right_one")
        say("after a change", [await c.fetchval("SELECT name FROM t") for _ in range(2) for c in (a, b)])
