import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import org.postgresql.PGConnection;
import org.postgresql.util.DriverInfo;

/**
 * JDBC as applications use it. PGHOST and the other variables of libpq say where to; what it must print is in
 * want.txt: the first half, or with TLS_CA, the file of an authority, the second. TLS_OTHER_CA has signed nothing here.
 */
class Main {
    static final String CA = System.getenv("TLS_CA"), OTHER_CA = System.getenv("TLS_OTHER_CA");

    /** A statement that says when it runs. */
    static final String ENDLESS = "DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$";

    /** Connects with pairs of property and value. */
    static Connection connect(String... properties) throws SQLException {
        var p = new Properties();
        p.putAll(Map.of("user", System.getenv("PGUSER"), "password", System.getenv("PGPASSWORD"),
            "database", System.getenv("PGDATABASE"), "sslmode", "disable", "connectTimeout", "60"));
        for (int i = 0; i < properties.length; i += 2) p.setProperty(properties[i], properties[i + 1]);
        var address = System.getenv("PGHOST") + ":" + System.getenv("PGPORT");
        return DriverManager.getConnection("jdbc:postgresql://" + address + "/" + p.remove("database"), p);
    }

    static void say(String name, Object value) { System.out.println(name + ": " + value); }

    static String value(Connection c, String query, Object... args) throws SQLException {
        try (var s = c.prepareStatement(query)) {
            for (int i = 0; i < args.length; i++) s.setObject(i + 1, args[i]);
            try (var rows = s.executeQuery()) {
                rows.next();
                return rows.getString(1);
            }
        }
    }

    static void run(Connection c, String statement) throws SQLException {
        try (var s = c.createStatement()) { s.execute(statement); }
    }

    /** The error an attempt ends with: its class and its SQLSTATE. */
    static String refusal(Callable<?> attempt) {
        try {
            attempt.call();
            return "none";
        } catch (SQLException e) {
            return e.getClass().getSimpleName() + " " + e.getSQLState();
        } catch (Exception e) {
            return e.toString();
        }
    }

    static void queries(Connection c) throws SQLException {
        say("query", value(c, "SELECT ?::int + 1", 41));
        try (var s = c.prepareStatement("SELECT ?::int * 2")) {
            for (int n = 0; n < 7; n++) { // prepared in the server from the fifth use on
                s.setInt(1, n);
                try (var rows = s.executeQuery()) {
                    rows.next();
                    say("prepared", rows.getInt(1));
                }
            }
        }
        say("error", refusal(() -> value(c, "SELECT 1 / ?::int", 0)));
        say("afterwards", value(c, "SELECT 'unharmed'"));
    }

    static void transactions(Connection c) throws SQLException {
        c.setAutoCommit(false);
        run(c, "CREATE TEMP TABLE fruit (name text) ON COMMIT DROP");
        try (var s = c.prepareStatement("INSERT INTO fruit VALUES (?)")) {
            for (var name : List.of("apple", "fig", "plum")) {
                s.setString(1, name);
                s.addBatch();
            }
            say("batch", Arrays.toString(s.executeBatch()));
        }
        var inner = c.setSavepoint();
        run(c, "INSERT INTO fruit VALUES ('pear')");
        c.rollback(inner);
        try (var s = c.createStatement()) {
            s.setFetchSize(1); // by a portal
            var names = new ArrayList<String>();
            try (var rows = s.executeQuery("SELECT name FROM fruit ORDER BY name")) {
                while (rows.next()) names.add(rows.getString(1));
            }
            say("transaction", names);
        }
        c.commit();
        c.setAutoCommit(true);
    }

    /** Runs a statement that is cancelled from another thread as soon as it says that it runs. */
    static String canceled(Connection c) throws SQLException {
        try (var s = c.createStatement()) {
            ForkJoinPool.commonPool().submit(() -> {
                while (s.getWarnings() == null) Thread.sleep(5);
                s.cancel();
                return null;
            });
            return refusal(() -> s.execute(ENDLESS));
        }
    }

    static void interruptions(Connection c) throws SQLException {
        say("cancel", canceled(c));
        try (var s = c.createStatement()) {
            s.setQueryTimeout(1);
            say("timeout", refusal(() -> s.executeQuery("SELECT pg_sleep(60)")));
        }
        say("valid", c.isValid(5));
    }

    static void inClear() throws SQLException {
        try (var c = connect("ApplicationName", "JDBC")) { // which it sets after the login
            say("application_name", value(c, "SHOW application_name"));
        }
        try (var c = connect("ApplicationName", "JDBC", "options", "-c statement_timeout=4321 -c search_path=a,\\ b");
                var other = connect()) { // whose statements have the same names
            say("user", value(c, "SELECT current_user"));
            for (var name : List.of("application_name", "statement_timeout", "search_path")) {
                say(name, value(c, "SHOW " + name));
            }
            try (var s = other.prepareStatement("SELECT ?::text")) {
                for (var text : List.of("b", "c", "d", "e", "f", "g")) {
                    s.setString(1, text);
                    try (var rows = s.executeQuery()) {
                        rows.next();
                        say("prepared by another", rows.getString(1));
                    }
                    if (text.equals("e")) queries(c);
                }
            }
            transactions(c);
            interruptions(c);
        }
        say("wrong password", refusal(() -> connect("password", "wrong")));
        say("unknown database", refusal(() -> connect("database", "nosuch")));
    }

    /** Lives through a prepared statement, a cancel and much data on a connection that the driver made only by TLS. */
    static void tls(String name, String... properties) throws SQLException {
        try (var c = connect(properties)) {
            var rows = new ArrayList<String>();
            try (var s = c.prepareStatement("SELECT ?::int")) {
                for (int n = 0; n < 6; n++) {
                    s.setInt(1, n);
                    try (var row = s.executeQuery()) {
                        row.next();
                        rows.add(row.getString(1));
                    }
                }
            }
            say(name, rows + " " + canceled(c) + " " + value(c, "SELECT repeat('x', 100000)").length());
        }
    }

    static void encrypted() throws SQLException {
        tls("require", "sslmode", "require");
        tls("verify-full", "sslmode", "verify-full", "sslrootcert", CA);
        if (since(42, 7, 4)) {
            tls("direct", "sslmode", "verify-full", "sslrootcert", CA, "sslNegotiation", "direct");
        } else {
            say("direct", "not in this version");
        }
        if (since(42, 7, 7)) { // before, `require` was not heeded by all means
            tls("channel binding", "sslmode", "verify-full", "sslrootcert", CA, "channelBinding", "require");
        } else {
            say("channel binding", "not in this version");
        }
        say("another authority", refusal(() -> connect("sslmode", "verify-full", "sslrootcert", OTHER_CA)));
        say("wrong password", refusal(() -> connect("sslmode", "require", "password", "wrong")));
        say("in clear", refusal(() -> connect()));
    }

    /** Whether the driver is at least of a version. */
    static boolean since(int... version) {
        var have = new int[] {DriverInfo.MAJOR_VERSION, DriverInfo.MINOR_VERSION, DriverInfo.PATCH_VERSION};
        return Arrays.compare(have, version) >= 0;
    }

    public static void main(String[] args) throws SQLException {
        if (CA != null) encrypted();
        else inClear();
    }
}
