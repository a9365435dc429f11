"""COPY, which the driver does in binary unless it is told otherwise."""

import io

from common import connections, refusal, say


async def _table(conn):
    await conn.execute("DROP TABLE IF EXISTS copied; CREATE TABLE copied (n int, t text)")


async def records_in():
    async with connections(2) as (a, b):
        await _table(a)
        for c in a, b:
            say("copied", await c.copy_records_to_table("copied", records=[(n, "x" * 40) for n in range(3000)]))
        say("rows", tuple(await a.fetchrow("SELECT count(*), sum(n) FROM copied")))


async def in_and_out_again():
    async with connections(2) as (a, b):
        for form in "text", "csv", "binary":
            await _table(a)
            await a.copy_records_to_table("copied", records=[(n, "a,b\t\n") for n in range(500)])
            data = io.BytesIO()
            say(form, await a.copy_from_table("copied", output=data, format=form))
            data.seek(0)
            say(form, await b.copy_to_table("copied", source=data, format=form))
            say("rows", await a.fetchval("SELECT count(*) FROM copied"))


async def out_of_a_query():
    async with connections() as conn:
        sizes = []

        async def output(data):
            sizes.append(len(data))

        query = "SELECT n, repeat('x', 200) FROM generate_series(1, $1::int) n"
        say("copied", await conn.copy_from_query(query, 5000, output=output), sum(sizes))


async def in_with_a_bad_row():
    async with connections() as conn:
        await _table(conn)
        data = io.BytesIO("".join(f"{n}\tx\n" if n != 900 else "no number\tx\n" for n in range(2000)).encode())
        say("error", await refusal(conn.copy_to_table("copied", source=data)))
        say("rows", await conn.fetchval("SELECT count(*) FROM copied"))


async def in_that_the_program_breaks_off():
    async with connections() as conn:
        await _table(conn)

        async def rows():
            for n in range(500):
                yield f"{n}\tx\n".encode()
            raise ValueError("the source is gone")

        try:
            await conn.copy_to_table("copied", source=rows())
        except ValueError as e:
            say("error", e)
        say("rows", await conn.fetchval("SELECT count(*) FROM copied"))


async def out_that_fails_in_the_middle():
    async with connections() as conn:
        query = "SELECT 1 / (5000 - n) FROM generate_series(1, 9000) n"
        say("error", await refusal(conn.copy_from_query(query, output=io.BytesIO())))
        say("afterwards", await conn.fetchval("SELECT 'in step'"))


async def out_that_the_program_breaks_off():
    async with connections() as conn:

        async def output(data):
            raise ValueError("enough")

        try:
            await conn.copy_from_query("SELECT repeat('x', 1000) FROM generate_series(1, 5000)", output=output)
        except ValueError as e:
            say("error", e)
        say("afterwards", await conn.fetchval("SELECT 'in step'"))


async def with_a_timeout():
    async with connections() as conn:
        slow = conn.copy_from_query("SELECT pg_sleep(0.1) FROM generate_series(1, 100)", output=io.BytesIO(), timeout=0.2)
        say("error", await refusal(slow))
        say("afterwards", await conn.fetchval("SELECT 'in step'"))


async def in_a_transaction():
    async with connections() as conn:
        await _table(conn)
        transaction = conn.transaction()
        await transaction.start()
        await conn.copy_records_to_table("copied", records=[(1, "x")])
        say("inside", await conn.fetchval("SELECT count(*) FROM copied"))
        await transaction.rollback()
        say("outside", await conn.fetchval("SELECT count(*) FROM copied"))
