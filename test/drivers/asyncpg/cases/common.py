"""What the cases share."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg


@asynccontextmanager
async def connections(count=1, **more):
    """As the driver makes them by default."""
    async with AsyncExitStack() as stack:
        conns = []
        for _ in range(count):
            conn = await asyncpg.connect(**{"ssl": False, "timeout": 60, **more})
            stack.push_async_callback(conn.close)
            conns.append(conn)
        yield conns if count > 1 else conns[0]


async def refusal(attempt):
    """The error an attempt ends with: its class, and its SQLSTATE if it has one."""
    try:
        await attempt
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncio.TimeoutError, asyncio.CancelledError) as e:
        return f"{type(e).__name__} {getattr(e, 'sqlstate', '') or ''}".strip()
    return "none"


def say(name, *values):
    print(f"{name}:", *values)
