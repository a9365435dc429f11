"""What the cases share."""

import psycopg


def connect(**more):
    """As the driver does it by default; cases that say so turn autocommit on."""
    return psycopg.connect(**{"sslmode": "disable", "connect_timeout": 60, **more})


def autocommit(**more):
    return connect(autocommit=True, **more)


def value(conn, query, *args, **more):
    return conn.execute(query, args or None, **more).fetchone()[0]


def refusal(attempt, *args, **more):
    """The error an attempt ends with: its class and its SQLSTATE."""
    try:
        attempt(*args, **more)
    except psycopg.Error as e:
        return f"{type(e).__name__} {e.sqlstate or ''}".strip()
    return "none"


def say(name, *values):
    print(f"{name}:", *values)
