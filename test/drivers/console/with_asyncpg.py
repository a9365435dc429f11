"""The console by asyncpg, which prepares everything, and reads binary values only."""

import asyncio
import asyncpg


async def main():
    conn = await asyncpg.connect(ssl=False)
    print("simple:", await conn.fetchval("SHOW VERSION"))
    statement = await conn.prepare("SHOW VERSION")
    print("prepared:", await statement.fetchval())
    print("columns:", len((await conn.prepare("SHOW STATS")).get_attributes()))
    print("binary:", tuple((await conn.fetch("SHOW LISTS"))[2]))
    try:
        await conn.fetch("SELECT * FROM pg_class")
    except asyncpg.PostgresSyntaxError as e:
        print("error:", e.sqlstate)
    await conn.close()


asyncio.run(main())
