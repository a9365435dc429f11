"""The console by psycopg: without parameters it speaks the simple protocol; prepare=True makes it speak the extended one."""

import psycopg

with psycopg.connect(sslmode="disable", autocommit=True) as conn:
    print("simple:", conn.execute("SHOW VERSION").fetchone()[0])
    print("prepared:", conn.execute("SHOW VERSION", prepare=True).fetchone()[0])
    with psycopg.ClientCursor(conn) as cursor:
        print("columns:", len(cursor.execute("SHOW STATS").description))
    print("binary:", conn.execute("SHOW LISTS", binary=True, prepare=True).fetchall()[2])
    try:
        conn.execute("SELECT * FROM pg_class")
    except psycopg.errors.SyntaxError as e:
        print("error:", e.sqlstate)
