import java.sql.*;
import java.util.*;
import java.util.concurrent.Callable;

/** What the cases share. */
class Common {
    interface Body { void run() throws Exception; }

    interface Use { void of(Connection c) throws Exception; }

    interface UseOfTwo { void of(Connection a, Connection b) throws Exception; }

    static void test(String name, Body body) {
        System.out.println("# " + name);
        try {
            body.run();
        } catch (Exception e) {
            System.out.println("unexpected: " + e);
            for (var at : e.getStackTrace()) System.out.println("  " + at);
        }
    }

    static String url() {
        return "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
    }

    /** Connects as the driver does by default, but for pairs of property and value. */
    static Connection connect(String... properties) throws SQLException {
        var p = new Properties();
        p.putAll(Map.of("user", System.getenv("PGUSER"), "password", System.getenv("PGPASSWORD"), "sslmode", "disable", "connectTimeout", "60"));
        for (int i = 0; i < properties.length; i += 2) p.setProperty(properties[i], properties[i + 1]);
        return DriverManager.getConnection(url(), p);
    }

    static void one(String name, Use use, String... properties) {
        test(name, () -> {
            try (var c = connect(properties)) { use.of(c); }
        });
    }

    static void two(String name, UseOfTwo use, String... properties) {
        test(name, () -> {
            try (var a = connect(properties); var b = connect(properties)) { use.of(a, b); }
        });
    }

    static void say(String name, Object... values) {
        var line = new StringJoiner(" ", name + ": ", "");
        for (var v : values) line.add(String.valueOf(v));
        System.out.println(line);
    }

    static void run(Connection c, String... statements) throws SQLException {
        try (var s = c.createStatement()) {
            for (var text : statements) s.execute(text);
        }
    }

    static String value(Connection c, String query, Object... args) throws SQLException {
        try (var s = c.prepareStatement(query)) { return value(s, args); }
    }

    static String value(PreparedStatement s, Object... args) throws SQLException {
        for (int i = 0; i < args.length; i++) s.setObject(i + 1, args[i]);
        try (var rows = s.executeQuery()) {
            rows.next();
            return rows.getString(1);
        }
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

    static String refusal(Connection c, String statement) {
        return refusal(() -> { run(c, statement); return null; });
    }
}
