"""LISTEN and NOTIFY, by listeners of the driver."""

import asyncio

from common import connections, refusal, say


class _Ears:
    """Hears what comes, and waits for it."""

    def __init__(self):
        self.heard = asyncio.Queue()

    def __call__(self, conn, pid, channel, payload):
        self.heard.put_nowait((pid, f"{channel}={payload}"))

    async def next(self, count=1):
        return [(await asyncio.wait_for(self.heard.get(), 20))[1] for _ in range(count)]


async def one_listens_another_notifies():
    async with connections(2) as (listener, notifier):
        ears = _Ears()
        await listener.add_listener("news", ears)
        await notifier.execute("NOTIFY news, 'first'")
        say("heard", await ears.next())
        for n in range(3):
            say("a query in between", await listener.fetchval("SELECT $1::int", n))
            await notifier.execute("SELECT pg_notify('news', $1)", f"payload {n}")
            say("heard", await ears.next())
        await listener.remove_listener("news", ears)


async def in_order_and_once():
    async with connections(2) as (listener, notifier):
        ears = _Ears()
        for channel in "a", "b":
            await listener.add_listener(channel, ears)
        async with notifier.transaction():
            for channel, payload in ("a", "1"), ("b", "2"), ("a", "1"), ("a", "3"):
                await notifier.execute("SELECT pg_notify($1, $2)", channel, payload)
        say("heard", await ears.next(3))
        await listener.reset()


async def only_what_commits():
    async with connections(2) as (listener, notifier):
        ears = _Ears()
        await listener.add_listener("news", ears)
        transaction = notifier.transaction()
        await transaction.start()
        await notifier.execute("NOTIFY news, 'rolled back'")
        await transaction.rollback()
        async with notifier.transaction():
            await notifier.execute("NOTIFY news, 'committed'")
            inner = notifier.transaction()
            await inner.start()
            await notifier.execute("NOTIFY news, 'in a savepoint'")
            await inner.rollback()
        await notifier.execute("NOTIFY news, 'last'")
        say("heard", await ears.next(2))
        await listener.reset()


async def no_longer():
    async with connections(2) as (listener, notifier):
        one, two = _Ears(), _Ears()
        await listener.add_listener("one", one)
        await listener.add_listener("two", two)
        await listener.remove_listener("one", one)
        await notifier.execute("NOTIFY one, 'unheard'")
        await notifier.execute("NOTIFY two, 'heard'")
        say("heard", await two.next(), one.heard.qsize())
        await listener.remove_listener("two", two)
        say("channels", await listener.fetch("SELECT pg_listening_channels()"))


async def not_in_a_transaction():
    async with connections(2) as (listener, notifier):
        ears = _Ears()
        await listener.add_listener("news", ears)
        async with listener.transaction():
            await listener.fetchval("SELECT 1")
            await notifier.execute("NOTIFY news, 'held back'")
            await listener.fetchval("SELECT 2")
            say("inside", ears.heard.qsize())
        say("outside", await ears.next())
        await listener.reset()


async def reset_ends_it():
    async with connections(2) as (listener, notifier):
        ears = _Ears()
        await listener.add_listener("news", ears)
        await listener.reset()
        await notifier.execute("NOTIFY news, 'unheard'")
        say("channels", await listener.fetch("SELECT pg_listening_channels()"), ears.heard.qsize())


async def ones_own():
    async with connections(2) as (conn, other):
        ears = _Ears()
        await conn.add_listener("mine", ears)
        await conn.execute("NOTIFY mine, 'to myself'")
        await other.execute("NOTIFY mine, 'by another'")
        for c in conn, other:
            pid, text = await asyncio.wait_for(ears.heard.get(), 20)
            say(text, pid == c.get_server_pid())
        await conn.reset()


async def names_and_limits():
    async with connections(2) as (listener, notifier):
        ears = _Ears()
        await listener.add_listener('A "b" c', ears)
        await notifier.execute("SELECT pg_notify($1, $2)", 'A "b" c', "quoted")
        say("heard", await ears.next())
        say("too long", await refusal(notifier.execute("SELECT pg_notify('n', repeat('x', 8000))")))
        await listener.reset()
