import java.sql.*;
import java.util.*;
import org.postgresql.*;
import org.postgresql.xa.*;
import javax.transaction.xa.*;

/** Settings by the driver's own means, and transactions. */
class Settings extends Common {
    static String reported(Connection c, String name) throws SQLException { return c.unwrap(PGConnection.class).getParameterStatus(name); }

    static void cases() {
        two("settings/reported", (a, b) -> {
            run(a, "SET TimeZone = 'America/Lima'", "SET IntervalStyle = 'iso_8601'");
            for (var c : List.of(a, b, a)) {
                say("reported", reported(c, "TimeZone"), reported(c, "IntervalStyle"), reported(c, "application_name"));
                say("asked", value(c, "SHOW TimeZone"), value(c, "SHOW IntervalStyle"), value(c, "SHOW application_name"));
            }
            run(a, "RESET TimeZone"); // to what the driver has said when it logged in
            say("reset", reported(a, "TimeZone"), value(a, "SHOW TimeZone"));
        }, "ApplicationName", "reported");
        two("settings/of the driver's own", (a, b) -> {
            a.setClientInfo("ApplicationName", "renamed");
            for (var c : List.of(a, b, a)) {
                say("application_name", value(c, "SHOW application_name"), c.getClientInfo("ApplicationName"), value(c, "SHOW extra_float_digits"));
            }
            say("refused", refusal(a, "SET client_encoding = 'LATIN1'"), refusal(a, "SET DateStyle = 'German'"));
        });
        test("settings/of the startup packet", () -> {
            try (var a = connect("options", "-c search_path=a,\\ b -c work_mem=7MB -c my.tenant=first", "currentSchema", "c,d"); var b = connect()) {
                for (var name : List.of("search_path", "work_mem", "my.tenant")) {
                    say(name, value(a, "SHOW " + name), value(b, "SELECT coalesce(current_setting(?, true), '')", name));
                }
                run(a, "SET work_mem = '8MB'", "SET my.tenant = 'second'", "RESET ALL");
                say("reset", value(a, "SHOW work_mem"), value(a, "SHOW my.tenant"));
            }
        });
        two("settings/schemas", (a, b) -> {
            a.setSchema("pg_catalog");
            say("schema", a.getSchema(), b.getSchema());
            a.setAutoCommit(false);
            a.setSchema("public");
            a.rollback();
            say("rolled back", a.getSchema());
        });
        two("settings/read only", (a, b) -> {
            run(a, "CREATE TABLE IF NOT EXISTS guarded (n int)");
            a.setReadOnly(true);
            a.setAutoCommit(false);
            say("the one", refusal(a, "INSERT INTO guarded VALUES (1)"), "the other", refusal(b, "INSERT INTO guarded VALUES (1)"));
            a.rollback();
            a.setReadOnly(false);
            say("not any more", refusal(a, "INSERT INTO guarded VALUES (1)"));
            a.rollback();
        });
        two("settings/read only in every way", (a, b) -> {
            a.setReadOnly(true);
            say("the one", refusal(a, "CREATE TABLE refused (n int)"), "the other", value(b, "SHOW transaction_read_only"));
            a.setReadOnly(false);
            say("not any more", value(a, "SHOW transaction_read_only"));
        }, "readOnlyMode", "always");
        two("settings/isolation", (a, b) -> {
            for (int level : new int[] {Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_READ_COMMITTED}) {
                a.setTransactionIsolation(level);
                say("level", value(a, "SHOW transaction_isolation"), value(b, "SHOW transaction_isolation"), a.getTransactionIsolation() == level);
            }
        });
        two("settings/role", (a, b) -> {
            run(a, "SET ROLE colleague");
            for (var c : List.of(a, b, a)) say("who", value(c, "SELECT current_user"), value(c, "SELECT session_user"));
            run(a, "RESET ROLE");
            say("reset", value(a, "SELECT current_user"));
        });
        one("settings/savepoints", c -> {
            run(c, "DROP TABLE IF EXISTS nested", "CREATE TABLE nested (n int)");
            c.setAutoCommit(false);
            run(c, "INSERT INTO nested VALUES (1)");
            var unnamed = c.setSavepoint();
            run(c, "INSERT INTO nested VALUES (2)");
            say("error", refusal(c, "SELECT 1/0"));
            c.rollback(unnamed);
            var named = c.setSavepoint("named");
            run(c, "INSERT INTO nested VALUES (3)");
            c.releaseSavepoint(named);
            c.commit();
            say("rows", value(c, "SELECT array_agg(n) FROM nested"));
        });
        one("settings/autosave", c -> {
            c.setAutoCommit(false);
            for (int n = 0; n < 3; n++) say("error", refusal(() -> value(c, "SELECT 1 / ?::int", 0)), value(c, "SELECT 'goes on'"));
            c.commit();
        }, "autosave", "always");
        test("settings/two phases", Settings::twoPhases);
        one("settings/of many clients", c -> {
            var all = new ArrayList<Connection>();
            for (int n = 0; n < 4; n++) {
                all.add(connect());
                value(all.get(n), "SELECT set_config('my.tenant', ?, false)", "tenant " + n);
            }
            for (int round = 0; round < 2; round++) for (var each : all) say("own", value(each, "SHOW my.tenant"));
            for (var each : all) each.close();
        });
        two("settings/time zones", (a, b) -> {
            run(a, "SET TimeZone = 'Asia/Tokyo'");
            for (int n = 0; n < 6; n++) {
                for (var c : List.of(a, b)) {
                    try (var s = c.prepareStatement("SELECT '2026-06-01 12:00+00'::timestamptz, '2026-06-01 12:00+00'::timestamptz::text"); var rows = s.executeQuery()) {
                        rows.next();
                        say("time", rows.getTimestamp(1).toInstant(), rows.getString(2));
                    }
                }
            }
        });
    }

    /** Distributed transactions: prepared by one connection, committed by another. */
    static void twoPhases() throws Exception {
        var source = new PGXADataSource();
        source.setUrl(url());
        source.setUser(System.getenv("PGUSER"));
        source.setPassword(System.getenv("PGPASSWORD"));
        var one = source.getXAConnection();
        var another = source.getXAConnection();
        try (var c = one.getConnection()) {
            run(c, "DROP TABLE IF EXISTS phases", "CREATE TABLE phases (n int)");
            for (int n = 1; n <= 3; n++) {
                var xid = new Id(n);
                var xa = one.getXAResource();
                xa.start(xid, XAResource.TMNOFLAGS);
                run(c, "INSERT INTO phases VALUES (" + n + ")");
                xa.end(xid, XAResource.TMSUCCESS);
                say("vote", xa.prepare(xid));
                if (n == 2) another.getXAResource().rollback(xid);
                else (n == 1 ? xa : another.getXAResource()).commit(xid, false);
            }
            say("rows", value(c, "SELECT array_agg(n ORDER BY n) FROM phases"));
        }
        one.close();
        another.close();
    }

    record Id(int n) implements Xid {
        public int getFormatId() { return 7; }
        public byte[] getGlobalTransactionId() { return ("jdbc " + n).getBytes(); }
        public byte[] getBranchQualifier() { return "branch".getBytes(); }
    }
}
