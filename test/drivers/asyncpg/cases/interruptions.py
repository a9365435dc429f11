"""Timeouts and cancels, by the driver and by the server."""

import asyncio

from common import connections, refusal, say

NAMES = "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"


async def _shown(conn):
    return [await conn.fetchval(f"SHOW {name}") for name in NAMES]


async def timeout_of_a_query():
    async with connections(2) as (a, b):
        for _ in range(3):
            say("error", await refusal(a.fetch("SELECT pg_sleep(60)", timeout=0.05)))
            say("afterwards", await a.fetchval("SELECT 'unharmed'"), await b.fetchval("SELECT 'unharmed'"))


async def timeout_of_all_commands():
    async with connections(command_timeout=0.1) as conn:
        say("error", await refusal(conn.fetch("SELECT pg_sleep(60)")), await refusal(conn.execute("SELECT pg_sleep(60)")))
        say("none for one", await refusal(conn.fetch("SELECT pg_sleep(0.2)", timeout=5)))


async def timeout_in_a_transaction():
    async with connections() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute("SET LOCAL work_mem = '3MB'")
        say("error", await refusal(conn.fetch("SELECT pg_sleep(60)", timeout=1)))
        say("until rolled back", await refusal(conn.fetch("SELECT 1")))
        await transaction.rollback()
        say("afterwards", await conn.fetchval("SHOW work_mem"))


async def a_task_canceled():
    async with connections() as conn:
        running = asyncio.Event()
        conn.add_log_listener(lambda *_: running.set())
        task = asyncio.create_task(conn.execute("DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$"))
        await asyncio.wait_for(running.wait(), 20)
        task.cancel()
        say("error", await refusal(task))
        say("afterwards", await conn.fetchval("SELECT 'unharmed'"))


async def by_another_session():
    async with connections(2) as (a, b):
        async with a.transaction():
            pid = await a.fetchval("SELECT pg_backend_pid()")
            running = asyncio.Event()
            a.add_log_listener(lambda *_: running.set())
            task = asyncio.create_task(a.execute("SAVEPOINT s; DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$"))
            await asyncio.wait_for(running.wait(), 20)
            say("found", await b.fetchval("SELECT pg_cancel_backend($1)", pid))
            say("error", await refusal(task))
            await a.execute("ROLLBACK")
        say("afterwards", await a.fetchval("SELECT 'unharmed'"))


async def statement_timeout_by_set():
    async with connections(2) as (a, b):
        await a.execute("SET statement_timeout = '400ms'")
        say("the one", await refusal(a.fetch("SELECT pg_sleep(60)")))
        say("the other", await refusal(b.fetch("SELECT pg_sleep(0.5)")), await _shown(b))
        await a.execute("RESET statement_timeout")
        say("not any more", await refusal(a.fetch("SELECT pg_sleep(0.5)")))


async def timeouts_of_the_session():
    settings = {"statement_timeout": "2000", "lock_timeout": "1s", "idle_in_transaction_session_timeout": "2min"}
    async with connections(server_settings=settings) as a, connections() as b:
        say("the one", await _shown(a), await refusal(a.fetch("SELECT pg_sleep(60)")))
        say("the other", await _shown(b), await refusal(b.fetch("SELECT pg_sleep(0.1)")))
        await a.execute("SET statement_timeout = 0")
        say("longer", await refusal(a.fetch("SELECT pg_sleep(2.2)")))
        await a.reset()
        say("as it began", await _shown(a))


async def a_lock_timeout():
    async with connections(2) as (holder, waiter):
        await holder.execute("CREATE TABLE IF NOT EXISTS locked (n int)")
        await waiter.execute("SET lock_timeout = '50ms'")
        async with holder.transaction():
            await holder.execute("LOCK TABLE locked")
            say("error", await refusal(waiter.fetch("SELECT * FROM locked")))
        say("then", await waiter.fetch("SELECT * FROM locked"), await holder.fetchval("SHOW lock_timeout"))


async def idle_in_a_transaction():
    async with connections(server_settings={"idle_in_transaction_session_timeout": "50"}) as a, connections() as b:
        ended = asyncio.Event()
        a.add_termination_listener(lambda _: ended.set())
        await a.execute("BEGIN")
        await asyncio.wait_for(ended.wait(), 20)
        say("closed", a.is_closed(), await refusal(a.fetch("SELECT 1")))
        say("the other", await b.fetchval("SELECT 'unharmed'"))
