"""COPY, which holds the connection in a state of its own."""

from common import autocommit, connect, refusal, say, value


def _table(conn):
    conn.execute("DROP TABLE IF EXISTS copied")
    conn.execute("CREATE TABLE copied (n int, t text, d date)")
    conn.commit()


def in_as_text():
    with connect() as conn:
        _table(conn)
        with conn.cursor() as cur:
            with cur.copy("COPY copied (n, t) FROM STDIN") as copy:
                for n in range(5000):
                    copy.write_row((n, "tab\tand\\line\n" if n % 2 else None))
            say("copied", cur.rowcount, cur.statusmessage)
        conn.commit()
        say("rows", conn.execute("SELECT count(*), count(t), sum(n) FROM copied").fetchone())


def in_as_binary():
    with connect() as conn:
        _table(conn)
        with conn.cursor() as cur, cur.copy("COPY copied (n, t) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            for n in range(1000):
                copy.write_row((n, str(n)))
        say("rows", conn.execute("SELECT count(*), count(t), sum(n) FROM copied").fetchone())


def out():
    with autocommit() as conn:
        for form in "text", "binary", "csv":
            total = length = 0
            with conn.cursor().copy(f"COPY (SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n) TO STDOUT (FORMAT {form})") as copy:
                if form == "csv":
                    length = sum(len(data) for data in copy)
                else:
                    copy.set_types(["int4", "text"])
                    for n, text in copy.rows():
                        total += int(n)
                        length += len(text)
            say(form, total, length)




def in_with_a_bad_row():
    with autocommit() as conn:
        _table(conn)

        def load():
            with conn.cursor().copy("COPY copied (n) FROM STDIN") as copy:
                for n in range(5000):
                    copy.write(f"{n}\n" if n != 2500 else "not a number\n")

        say("error", refusal(load))
        say("status", conn.info.transaction_status.name)
        say("rows", value(conn, "SELECT count(*) FROM copied"))


def in_that_the_program_breaks_off():
    with connect() as conn:
        _table(conn)

        def load():
            with conn.cursor().copy("COPY copied (n) FROM STDIN") as copy:
                copy.write("1\n2\n")
                raise ValueError("the source is gone")

        say("error", refusal(load))
        say("status", conn.info.transaction_status.name)
        conn.rollback()
        say("rows", value(conn, "SELECT count(*) FROM copied"))


def out_that_fails_in_the_middle():
    with autocommit() as conn:

        def unload():
            with conn.cursor().copy("COPY (SELECT 1 / (5000 - n) FROM generate_series(1, 9000) n) TO STDOUT") as copy:
                for _ in copy:
                    pass

        say("error", refusal(unload))
        say("afterwards", value(conn, "SELECT 'in step'"))


def out_that_the_program_leaves():
    with autocommit() as conn:

        def unload():
            with conn.cursor().copy("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 5000)) TO STDOUT") as copy:
                say("one row", len(copy.read()))
                raise ValueError("enough")

        try:
            unload()
        except ValueError as e:
            say("error", e)
        say("afterwards", value(conn, "SELECT 'in step'"), conn.info.transaction_status.name)


def a_table_that_is_not_there():
    with connect() as conn:

        def load():
            with conn.cursor().copy("COPY nosuch FROM STDIN") as copy:
                copy.write("1\n")

        say("error", refusal(load), conn.info.transaction_status.name)


def into_a_temporary_table():
    with connect() as conn:
        conn.execute("CREATE TEMP TABLE staging (n int)")
        conn.commit()
        with conn.cursor().copy("COPY staging FROM STDIN") as copy:
            copy.write("1\n2\n3\n")
        conn.commit()
        say("sum", value(conn, "SELECT sum(n) FROM staging"))
        conn.execute("DROP TABLE staging")
