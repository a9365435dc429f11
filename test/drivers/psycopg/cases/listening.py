"""LISTEN and NOTIFY."""

from common import autocommit, connect, refusal, say, value


def _next(conn, count=1):
    """What the driver's generator brings next."""
    notifies = conn.notifies()
    got = [next(notifies) for _ in range(count)]
    notifies.close()
    return " ".join(f"{n.channel}={n.payload}" for n in got)


def one_listens_another_notifies():
    with autocommit() as listener, autocommit() as notifier:
        listener.execute("LISTEN news")
        notifier.execute("NOTIFY news, 'first'")
        say("heard", _next(listener))
        for n in range(3):
            say("a query in between", value(listener, "SELECT %s::int", n))
            notifier.execute("SELECT pg_notify('news', %s)", [f"payload {n}"])
            say("heard", _next(listener))


def in_order_and_once():
    with autocommit() as listener, connect() as notifier:
        listener.execute("LISTEN a")
        listener.execute("LISTEN b")
        for channel, payload in ("a", "1"), ("b", "2"), ("a", "1"), ("a", "3"):
            notifier.execute("SELECT pg_notify(%s, %s)", [channel, payload])
        notifier.commit()
        say("heard", _next(listener, 3))


def only_what_commits():
    with autocommit() as listener, connect() as notifier:
        listener.execute("LISTEN news")
        notifier.execute("NOTIFY news, 'rolled back'")
        notifier.rollback()
        with notifier.transaction():
            notifier.execute("NOTIFY news, 'committed'")
            with notifier.transaction(force_rollback=True):
                notifier.execute("NOTIFY news, 'in a savepoint'")
        notifier.commit()
        say("heard", _next(listener))


def no_longer():
    with autocommit() as listener, autocommit() as notifier:
        listener.execute("LISTEN one")
        listener.execute("LISTEN two")
        listener.execute("UNLISTEN one")
        notifier.execute("NOTIFY one, 'unheard'")
        notifier.execute("NOTIFY two, 'heard'")
        say("heard", _next(listener))
        listener.execute("UNLISTEN *")
        say("channels", listener.execute("SELECT pg_listening_channels()").fetchall())


def a_listener_without_autocommit():
    with connect() as listener, autocommit() as notifier:
        listener.execute("LISTEN kept")
        listener.commit()
        listener.execute("LISTEN dropped")
        listener.rollback()
        notifier.execute("NOTIFY dropped, 'unheard'")
        notifier.execute("NOTIFY kept, 'heard'")
        say("heard", _next(listener))


def ones_own():
    with autocommit() as conn:
        heard = []
        conn.add_notify_handler(lambda n: heard.append((n.channel, n.payload, n.pid == conn.info.backend_pid)))
        conn.execute("LISTEN mine")
        conn.execute("NOTIFY mine, 'to myself'")
        say("heard", heard)


def who_has_sent_it():
    with autocommit() as listener, autocommit() as notifier:
        listener.execute("LISTEN news")
        notifier.execute("NOTIFY news")
        say("by the notifier", next(listener.notifies()).pid == notifier.info.backend_pid)


def a_session_that_does_not_listen():
    with autocommit() as listener, autocommit() as notifier, autocommit() as deaf:
        heard = []
        deaf.add_notify_handler(heard.append)
        listener.execute("LISTEN news")
        notifier.execute("NOTIFY news, 'not for all'")
        say("heard", _next(listener))
        for c in deaf, notifier, deaf:
            c.execute("SELECT 1")
        say("by the deaf", heard)
        say("channels", deaf.execute("SELECT pg_listening_channels()").fetchall())


def wrong_names():
    with autocommit() as conn:
        say("error", refusal(conn.execute, "SELECT pg_notify('', 'x')"))
        say("too long", refusal(conn.execute, "SELECT pg_notify('n', repeat('x', 8000))"))
