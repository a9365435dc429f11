import java.sql.*;
import java.util.*;
import javax.sql.*;
import org.postgresql.*;
import org.postgresql.ds.*;

/** What pools of connections do to one between two borrowers. */
class Pools extends Common {
    static void leaveEverything(Connection c) throws SQLException {
        run(c, "SET work_mem = '3MB'", "SET my.tenant = 'first'", "CREATE TEMP TABLE left_behind (n int)", "SELECT pg_advisory_lock(4714)",
            "LISTEN left_behind", "PREPARE left_behind AS SELECT 1", "DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1");
    }

    static void find(Connection c) throws SQLException {
        say("settings", value(c, "SHOW work_mem"), value(c, "SELECT coalesce(current_setting('my.tenant', true), '') = 'first'"));
        say("temporary table", value(c, "SELECT to_regclass('pg_temp.left_behind')::text"));
        say("locks", value(c, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4714"));
        say("channels", value(c, "SELECT count(*) FROM pg_listening_channels()"));
        say("prepared", value(c, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'"));
        say("cursors", value(c, "SELECT count(*) FROM pg_cursors WHERE name = 'left_behind'"));
    }

    static void cases() {
        two("pools/discarded", (a, b) -> {
            leaveEverything(a);
            find(b);
            run(a, "DISCARD ALL");
            find(a);
        });
        one("pools/as HikariCP sets it up and returns it", c -> {
            say("valid", c.isValid(5));
            c.setReadOnly(true);
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            c.setSchema("pg_catalog");
            c.setCatalog("nosuch"); // does nothing
            c.setNetworkTimeout(Runnable::run, 5000);
            c.setAutoCommit(false);
            say("borrowed", value(c, "SHOW transaction_read_only"), value(c, "SHOW transaction_isolation"), value(c, "SHOW search_path"));
            say("known", c.isReadOnly(), c.getTransactionIsolation(), c.getSchema(), c.getCatalog().equals(System.getenv("PGDATABASE")), c.getNetworkTimeout());
            c.rollback(); // it is dirty
            c.clearWarnings();
            c.setReadOnly(false);
            c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            c.setSchema("public");
            c.setNetworkTimeout(Runnable::run, 0);
            c.setAutoCommit(true);
            say("returned", value(c, "SHOW transaction_read_only"), value(c, "SHOW transaction_isolation"), value(c, "SHOW search_path"), c.isValid(5));
        });
        test("pools/handles of one connection", () -> {
            var source = new PGConnectionPoolDataSource();
            source.setUrl(url());
            source.setUser(System.getenv("PGUSER"));
            source.setPassword(System.getenv("PGPASSWORD"));
            PooledConnection pooled = source.getPooledConnection();
            try (var c = pooled.getConnection()) {
                run(c, "DROP TABLE IF EXISTS returned", "CREATE TABLE returned (n int)", "SET work_mem = '3MB'");
                c.setAutoCommit(false);
                run(c, "INSERT INTO returned VALUES (1)");
            } // which rolls back
            try (var c = pooled.getConnection()) {
                say("next", value(c, "SELECT count(*) FROM returned"), value(c, "SHOW work_mem"), c.getAutoCommit());
            }
            pooled.close();
        });
        test("pools/many borrowers", () -> {
            var free = new java.util.concurrent.ArrayBlockingQueue<Connection>(4);
            for (int n = 0; n < 4; n++) free.add(connect());
            long right = java.util.stream.IntStream.range(0, 40).parallel().filter(n -> {
                try {
                    var c = free.take();
                    try {
                        run(c, "SET my.worker = " + n);
                        return value(c, "SHOW my.worker").equals("" + n) && value(c, "SELECT ?::int", n).equals("" + n);
                    } finally {
                        free.add(c);
                    }
                } catch (Exception e) {
                    throw new RuntimeException(e);
                }
            }).count();
            say("each its own", right);
            for (var c : free) c.close();
        });
        two("pools/terminated", (a, b) -> {
            a.setAutoCommit(false);
            run(b, "SELECT pg_terminate_backend(" + value(a, "SELECT pg_backend_pid()") + ", 10000)");
            say("error", refusal(a, "SELECT 1"), a.isValid(5), a.isClosed());
            say("the other", value(b, "SELECT 'unharmed'"));
        });
        test("pools/aborted", () -> {
            var c = connect();
            c.setAutoCommit(false);
            run(c, "SELECT pg_advisory_xact_lock(4715)");
            c.abort(Runnable::run);
            say("closed", c.isClosed(), refusal(c, "SELECT 1"));
            try (var other = connect()) { // which gets the lock when Postgres knows
                say("lock", value(other, "SELECT pg_advisory_lock(4715) IS NOT NULL"), value(other, "SELECT pg_advisory_unlock(4715)"));
            }
        });
    }
}
