import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.largeobject.*;

/** Rows that come piece by piece, large objects, and what else keeps to a session. */
class Cursors extends Common {
    static int sum(Connection c, String query, int fetch) throws SQLException {
        try (var s = c.prepareStatement(query)) {
            s.setFetchSize(fetch);
            int sum = 0;
            try (var rows = s.executeQuery()) { while (rows.next()) sum += rows.getInt(1); }
            return sum;
        }
    }

    static void cases() {
        two("cursors/fetch size", (a, b) -> {
            a.setAutoCommit(false);
            b.setAutoCommit(false);
            for (int n = 0; n < 7; n++) {
                say("sums", sum(a, "SELECT generate_series(1, 100)", 7), sum(b, "SELECT generate_series(1001, 1100)", 9));
            }
            a.commit();
            b.commit();
            a.setAutoCommit(true);
            say("with autocommit", sum(a, "SELECT generate_series(1, 100)", 7)); // all at once
        });
        one("cursors/two at once", c -> {
            c.setAutoCommit(false);
            try (var s = c.createStatement(); var t = c.createStatement()) {
                s.setFetchSize(2);
                t.setFetchSize(3);
                try (var left = s.executeQuery("SELECT generate_series(1, 20)"); var right = t.executeQuery("SELECT generate_series(101, 120)")) {
                    int sum = 0;
                    while (left.next() && right.next()) sum += left.getInt(1) * right.getInt(1);
                    say("sum", sum);
                }
            }
            c.rollback();
        });
        one("cursors/that fail", c -> {
            c.setAutoCommit(false);
            say("error", refusal(() -> sum(c, "SELECT 1 / (50 - n) FROM generate_series(1, 90) n", 10)), refusal(c, "SELECT 1"));
            c.rollback();
            say("afterwards", value(c, "SELECT 'in step'"));
            c.rollback();
        });
        one("cursors/max rows", c -> {
            try (var s = c.createStatement()) {
                s.setMaxRows(3);
                int count = 0;
                try (var rows = s.executeQuery("SELECT generate_series(1, 100)")) { while (rows.next()) count++; }
                say("count", count, value(c, "SELECT 'in step'"));
            }
        });
        one("cursors/held over commit", c -> {
            c.setAutoCommit(false);
            try (var s = c.createStatement(ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY, ResultSet.HOLD_CURSORS_OVER_COMMIT)) {
                s.setFetchSize(2);
                int count = 0;
                try (var rows = s.executeQuery("SELECT generate_series(1, 9)")) {
                    rows.next();
                    c.commit();
                    for (count = 1; rows.next(); ) count++;
                }
                say("count", count);
            }
            c.rollback();
        });
        one("cursors/of a function", c -> {
            run(c, "CREATE OR REPLACE FUNCTION numbers() RETURNS refcursor LANGUAGE plpgsql AS "
                + "$$ DECLARE r refcursor := 'numbers'; BEGIN OPEN r FOR SELECT generate_series(1, 10); RETURN r; END $$");
            c.setAutoCommit(false);
            for (int n = 0; n < 6; n++) {
                try (var call = c.prepareCall("{? = call numbers()}")) {
                    call.registerOutParameter(1, Types.REF_CURSOR);
                    call.execute();
                    int sum = 0;
                    try (var rows = (ResultSet) call.getObject(1)) { while (rows.next()) sum += rows.getInt(1); }
                    say("sum", sum);
                }
                c.commit();
            }
        });
        one("cursors/updatable", c -> {
            run(c, "DROP TABLE IF EXISTS updatable", "CREATE TABLE updatable (id int PRIMARY KEY, t text)", "INSERT INTO updatable VALUES (1, 'one'), (2, 'two')");
            try (var s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
                    var rows = s.executeQuery("SELECT id, t FROM updatable ORDER BY id")) {
                rows.last();
                rows.updateString("t", "changed");
                rows.updateRow();
                rows.moveToInsertRow();
                rows.updateInt("id", 3);
                rows.updateString("t", "new");
                rows.insertRow();
                rows.first();
                rows.deleteRow();
            }
            say("rows", value(c, "SELECT string_agg(id || t, ', ' ORDER BY id) FROM updatable"));
        });
        one("cursors/large objects", c -> {
            c.setAutoCommit(false);
            var api = c.unwrap(PGConnection.class).getLargeObjectAPI();
            long oid = api.createLO();
            var o = api.open(oid, LargeObjectManager.WRITE);
            for (int n = 0; n < 20; n++) o.write(new byte[10000]);
            o.write("the end".getBytes());
            o.close();
            c.commit();
            o = api.open(oid, LargeObjectManager.READ);
            o.seek(200000);
            say("read", new String(o.read(100)), o.size(), o.tell());
            o.close();
            c.commit();
            say("missing", refusal(() -> api.open(1, LargeObjectManager.READ)));
            c.rollback();
            api.delete(oid);
            c.commit();
            c.setAutoCommit(true);
            say("outside a transaction", refusal(() -> api.open(oid, LargeObjectManager.READ)));
        });
        two("cursors/temporary tables and locks", (a, b) -> {
            int n = 0;
            for (var c : List.of(a, b)) run(c, "CREATE TEMP TABLE own AS SELECT " + n++ + " AS n");
            for (int round = 0; round < 6; round++) say("own", value(a, "SELECT n FROM own"), value(b, "SELECT n FROM own"));
            run(a, "DROP TABLE own");
            say("dropped", refusal(a, "TABLE own"), value(b, "SELECT n FROM own"));
            String lock = "SELECT pg_try_advisory_lock(15)", unlock = "SELECT pg_advisory_unlock(15)";
            say("locked", value(a, lock), value(b, lock), value(a, unlock), value(b, lock), value(b, unlock));
        });
        one("cursors/metadata", c -> {
            run(c, "DROP TABLE IF EXISTS described", "CREATE TABLE described (id serial PRIMARY KEY, t text NOT NULL)");
            for (int n = 0; n < 6; n++) {
                var names = new ArrayList<String>();
                try (var columns = c.getMetaData().getColumns(null, "public", "described", "%")) {
                    while (columns.next()) names.add(columns.getString("COLUMN_NAME") + " " + columns.getString("TYPE_NAME"));
                }
                say("columns", names);
            }
        });
    }
}
