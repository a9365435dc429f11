import java.sql.*;
import java.util.*;
import org.postgresql.PGStatement;

/** Prepared statements, which the driver names S_1 and so on from the fifth execution, and then reads in binary. */
class Prepared extends Common {
    static void cases() {
        two("prepared/from the fifth time", (a, b) -> {
            try (var left = a.prepareStatement("SELECT ?::int + 1"); var right = b.prepareStatement("SELECT ?::text || '!'")) {
                for (int n = 0; n < 9; n++) {
                    var l = value(left, n);
                    var r = value(right, "text " + n);
                    say("in turn", l, r, left.unwrap(PGStatement.class).isUseServerPrepare());
                }
            }
        });
        two("prepared/in binary", (a, b) -> {
            var query = "SELECT ?::int4 + 1, 2.5::float8, '2026-06-01'::date, ARRAY[1, NULL, 3]::int4[], '\\x00ff'::bytea, now() IS NULL, 12.50::numeric,"
                + " '2026-06-01 12:00Z'::timestamptz AT TIME ZONE 'UTC', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid";
            try (var left = a.prepareStatement(query); var right = b.prepareStatement(query)) {
                for (int n = 0; n < 7; n++) {
                    say("row", row(left, n));
                    if (!row(left, n).equals(row(right, n))) say("another row", row(right, n));
                }
            }
        });
        one("prepared/again and again", c -> { // the driver keeps what is closed
            for (int n = 0; n < 8; n++) say("value", value(c, "SELECT ?::int * 2", n));
        });
        one("prepared/more than the driver keeps", c -> { // which closes the oldest
            int sum = 0;
            for (int round = 0; round < 2; round++) {
                for (int n = 0; n < 8; n++) {
                    for (int i = 0; i < 3; i++) sum += Integer.parseInt(value(c, "SELECT ?::int + " + n, 1));
                }
            }
            say("sum", sum);
        }, "prepareThreshold", "2", "preparedStatementCacheQueries", "3");
        one("prepared/other types of a parameter", c -> {
            try (var s = c.prepareStatement("SELECT pg_typeof(? + 1)::text")) {
                for (int n = 0; n < 3; n++) {
                    for (Object arg : List.of(1, 2L, 2.5, (short) 4, 2.5f, 1)) say("type", value(s, arg));
                }
            }
        }, "prepareThreshold", "1");
        one("prepared/errors", c -> {
            try (var s = c.prepareStatement("SELECT 1 / ?::int")) {
                for (int n = 0; n < 7; n++) say("error", refusal(() -> value(s, 0)), value(s, 1));
            }
            say("wrong", refusal(() -> value(c, "SELECT nosuch")), refusal(() -> value(c, "SELEC ?", 1)));
        });
        one("prepared/deallocated behind its back", c -> {
            try (var s = c.prepareStatement("SELECT ?::int")) {
                for (int n = 0; n < 4; n++) value(s, n);
                run(c, "DEALLOCATE ALL");
                say("after", value(s, 7));
                run(c, "DISCARD ALL");
                say("discarded", value(s, 8));
            }
        }, "prepareThreshold", "2");
        two("prepared/a column more", Prepared::columnMore);
        two("prepared/a column more with autosave", Prepared::columnMore, "autosave", "conservative");
        two("prepared/another type of a column", (a, b) -> {
            run(a, "DROP TABLE IF EXISTS retyped", "CREATE TABLE retyped (c int)", "INSERT INTO retyped VALUES (1)");
            try (var s = a.prepareStatement("SELECT c FROM retyped")) {
                for (int n = 0; n < 6; n++) value(s);
                run(b, "ALTER TABLE retyped ALTER c TYPE text USING 'text'");
                say("after", value(s), value(s));
            }
        });
        two("prepared/under another search_path", (a, b) -> {
            for (var schema : List.of("left_one", "right_one")) {
                run(a, "DROP SCHEMA IF EXISTS " + schema + " CASCADE", "CREATE SCHEMA " + schema,
                    "CREATE TABLE " + schema + ".t AS SELECT '" + schema + "' AS name");
            }
            a.setSchema("left_one");
            b.setSchema("right_one");
            for (int n = 0; n < 7; n++) say("in turn", value(a, "SELECT name FROM t"), value(b, "SELECT name FROM t"));
            a.setSchema("right_one");
            say("after a change", value(a, "SELECT name FROM t"), value(b, "SELECT name FROM t"));
        });
        one("prepared/a transaction that fails", c -> {
            c.setAutoCommit(false);
            for (int n = 0; n < 7; n++) {
                value(c, "SELECT ?::int", n);
                say("error", refusal(() -> value(c, "SELECT 1 / ?::int", 0)), refusal(() -> value(c, "SELECT ?::int", 1)));
                c.rollback();
            }
        });
    }

    static List<Object> row(PreparedStatement s, int n) throws SQLException {
        s.setInt(1, n);
        try (var rows = s.executeQuery()) {
            rows.next();
            var all = new ArrayList<>();
            for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
                var v = rows.getObject(i);
                if (v instanceof Array array) v = Arrays.toString((Object[]) array.getArray());
                if (v instanceof byte[] bytes) v = Arrays.toString(bytes);
                all.add(v);
            }
            return all;
        }
    }

    static void columnMore(Connection a, Connection b) throws SQLException {
        run(a, "DROP TABLE IF EXISTS grows", "CREATE TABLE grows AS SELECT 1 AS one");
        try (var s = a.prepareStatement("SELECT * FROM grows WHERE ?::int = 1")) {
            for (int n = 0; n < 6; n++) row(s, 1);
            run(b, "ALTER TABLE grows ADD two int DEFAULT 2");
            say("after", row(s, 1), row(s, 1)); // the driver prepares it again, outside transactions
        }
    }
}
