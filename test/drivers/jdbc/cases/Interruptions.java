import java.sql.*;
import java.util.*;
import java.util.concurrent.*;

/** Cancels and timeouts. */
class Interruptions extends Common {
    /** A statement that says when it runs. */
    static final String ENDLESS = "DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$";

    interface Cancel { void of(Statement s) throws SQLException; }

    /** What a statement ends with that another thread cancels as soon as it says that it runs. */
    static String canceled(Connection c, Cancel cancel) throws SQLException {
        try (var s = c.createStatement()) {
            ForkJoinPool.commonPool().submit(() -> {
                while (s.getWarnings() == null) Thread.sleep(2);
                cancel.of(s);
                return null;
            });
            return refusal(() -> s.execute(ENDLESS));
        }
    }

    static String shown(Connection c) throws SQLException {
        return value(c, "SHOW statement_timeout") + " " + value(c, "SHOW lock_timeout") + " " + value(c, "SHOW idle_in_transaction_session_timeout");
    }

    static void cases() {
        two("interruptions/cancel", (a, b) -> {
            for (int n = 0; n < 3; n++) {
                say("error", canceled(a, Statement::cancel));
                say("afterwards", value(a, "SELECT 'unharmed'"), value(b, "SELECT 'unharmed'"));
            }
        });
        one("interruptions/cancel in a transaction", c -> {
            c.setAutoCommit(false);
            run(c, "SET LOCAL work_mem = '3MB'");
            say("error", canceled(c, Statement::cancel), refusal(c, "SELECT 1"));
            c.rollback();
            say("afterwards", value(c, "SHOW work_mem"));
        });
        two("interruptions/cancel where nothing runs", (a, b) -> {
            try (var s = a.createStatement()) {
                for (int n = 0; n < 3; n++) s.cancel();
            }
            say("afterwards", value(a, "SELECT 'unharmed'"), value(b, "SELECT 'unharmed'"));
        });
        two("interruptions/pg_cancel_backend", (a, b) -> {
            a.setAutoCommit(false);
            var pid = value(a, "SELECT pg_backend_pid()");
            say("error", canceled(a, s -> run(b, "SELECT pg_cancel_backend(" + pid + ")")));
            a.rollback();
            say("afterwards", value(a, "SELECT 'unharmed'"));
        });
        two("interruptions/setQueryTimeout", (a, b) -> {
            try (var s = a.createStatement()) {
                s.setQueryTimeout(3);
                say("error", refusal(() -> s.execute("SELECT pg_sleep(60)")));
                say("in time", refusal(() -> s.execute("SELECT 1")));
            }
            say("afterwards", value(a, "SELECT 'unharmed'"), value(b, "SELECT 'unharmed'"));
        });
        two("interruptions/statement_timeout by SET", (a, b) -> {
            run(a, "SET statement_timeout = '400ms'");
            say("the one", refusal(a, "SELECT pg_sleep(60)"), "the other", refusal(b, "SELECT pg_sleep(0.5)"), shown(b));
            run(a, "SET statement_timeout TO DEFAULT");
            say("not any more", refusal(a, "SELECT pg_sleep(0.5)"));
        });
        test("interruptions/timeouts in options", () -> {
            try (var a = connect("options", "-c statement_timeout=400 -c lock_timeout=1s -c idle_in_transaction_session_timeout=2min"); var b = connect()) {
                say("the one", shown(a), refusal(a, "SELECT pg_sleep(60)"));
                say("the other", shown(b), refusal(b, "SELECT pg_sleep(0.5)"));
                run(a, "SET statement_timeout = 0");
                say("longer", refusal(a, "SELECT pg_sleep(0.5)"));
                run(a, "RESET ALL");
                say("as it began", shown(a));
            }
        });
        two("interruptions/lock_timeout", (a, b) -> {
            run(a, "CREATE TABLE IF NOT EXISTS locked (n int)");
            a.setAutoCommit(false);
            run(a, "LOCK TABLE locked");
            run(b, "SET lock_timeout = '50ms'");
            say("error", refusal(b, "SELECT * FROM locked"));
            a.rollback();
            say("then", refusal(b, "SELECT * FROM locked"));
        });
        two("interruptions/idle in a transaction", (a, b) -> {
            run(a, "SET idle_in_transaction_session_timeout = '50ms'", "BEGIN");
            for (var until = System.nanoTime() + 20e9; System.nanoTime() < until && active(b, "idle in transaction") > 0; ) Thread.onSpinWait();
            say("error", refusal(a, "SELECT 1"), a.isClosed());
            say("the other", value(b, "SELECT 'unharmed'"));
        }, "ApplicationName", "idle in transaction");
        test("interruptions/setNetworkTimeout", () -> {
            try (var c = connect()) {
                c.setNetworkTimeout(Runnable::run, 100);
                say("error", refusal(c, "SELECT pg_sleep(1)"), c.isClosed());
            }
            try (var c = connect()) { say("another", value(c, "SELECT 'unharmed'")); }
        });
    }

    /** How many sessions are in a transaction. */
    static int active(Connection c, String application) throws SQLException {
        return Integer.parseInt(value(c, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND application_name = ?", application));
    }
}
