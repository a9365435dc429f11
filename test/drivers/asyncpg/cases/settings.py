"""Settings, and what the driver knows of them."""

from common import connections, refusal, say


async def reported():
    async with connections(2) as (a, b):
        await a.execute("SET TimeZone = 'America/Lima'; SET application_name = 'reported'; SET DateStyle = 'German'")
        for c in a, b, a:
            known = c.get_settings()
            say("reported", known.TimeZone, repr(known.application_name), known.DateStyle, known.client_encoding)
            say("asked", await c.fetchval("SHOW TimeZone"), await c.fetchval("SHOW application_name"))
        await a.execute("RESET ALL")
        say("reset", a.get_settings().TimeZone, repr(a.get_settings().application_name))


async def of_the_startup_packet():
    settings = {"application_name": "startup", "TimeZone": "Asia/Tokyo", "search_path": "a, b", "jit": "off", "my.tenant": "first"}
    async with connections(server_settings=settings) as a, connections() as b:
        for name in settings:
            say(name, await a.fetchval("SELECT current_setting($1)", name), await b.fetchval("SELECT coalesce(current_setting($1, true), '')", name))
        say("reported", a.get_settings().TimeZone, b.get_settings().TimeZone)
        await a.execute("SET TimeZone = 'UTC'; SET my.tenant = 'second'")
        await a.reset()
        say("reset", a.get_settings().TimeZone, await a.fetchval("SHOW my.tenant"))


async def with_the_transaction():
    async with connections() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute("SET TimeZone = 'Asia/Tokyo'")
        inside = conn.get_settings().TimeZone
        await transaction.rollback()
        say("rolled back", inside, conn.get_settings().TimeZone, await conn.fetchval("SHOW TimeZone"))
        async with conn.transaction():
            await conn.execute("SET LOCAL TimeZone = 'Asia/Tokyo'")
            inside = conn.get_settings().TimeZone
        say("local", inside, conn.get_settings().TimeZone, await conn.fetchval("SHOW TimeZone"))


async def a_role():
    async with connections(2) as (a, b):
        await a.execute("SET ROLE colleague")
        for c in a, b, a:
            say("who", await c.fetchval("SELECT current_user"))
        say("refused", await refusal(a.execute("CREATE SCHEMA forbidden")))
        await a.execute("RESET ROLE")
        say("reset", await a.fetchval("SELECT current_user"))


async def set_config_and_tenants():
    async with connections(3) as all:
        for n, c in enumerate(all):
            await c.execute("SELECT set_config('my.tenant', $1, false)", f"tenant {n}")
        say("own", *[await c.fetchval("SHOW my.tenant") for c in all * 2])


async def another_encoding():
    async with connections(server_settings={"client_encoding": "LATIN1"}) as a, connections() as b:
        for c in a, b:
            say(c.get_settings().client_encoding, await c.fetchval("SELECT 'ü'"), await c.fetchval("SELECT octet_length('ü')"))
