import java.sql.*;
import java.util.*;

/** addBatch and executeBatch. */
class Batches extends Common {
    static void table(Connection c) throws SQLException {
        run(c, "DROP TABLE IF EXISTS batch", "CREATE TABLE batch (id serial, n int UNIQUE)");
        if (!c.getAutoCommit()) c.commit();
    }

    static String rows(Connection c) throws SQLException {
        return value(c, "SELECT count(*) || ' ' || coalesce(sum(n), 0) FROM batch");
    }

    static void cases() {
        two("batches/many", (a, b) -> {
            table(a);
            int from = 0;
            for (var c : List.of(a, b, a)) {
                try (var s = c.prepareStatement("INSERT INTO batch (n) VALUES (?)")) {
                    for (int n = 0; n < 700; n++) {
                        s.setInt(1, from++);
                        s.addBatch();
                    }
                    say("counts", Arrays.stream(s.executeBatch()).sum());
                }
            }
            say("rows", rows(b));
        });
        one("batches/rewritten", c -> {
            table(c);
            try (var s = c.prepareStatement("INSERT INTO batch (n) VALUES (?)")) {
                for (int n = 0; n < 1000; n++) {
                    s.setInt(1, n);
                    s.addBatch();
                }
                say("counts", s.executeBatch().length);
            }
            say("rows", rows(c));
        }, "reWriteBatchedInserts", "true");
        for (var size : List.of("3", "300")) {
            one("batches/generated keys of " + size, c -> {
                table(c);
                for (int round = 0; round < 7; round++) { // named from the fifth on
                    try (var s = c.prepareStatement("INSERT INTO batch (n) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
                        int count = Integer.parseInt(size);
                        for (int n = 0; n < count; n++) {
                            s.setInt(1, round * count + n);
                            s.addBatch();
                        }
                        s.executeBatch();
                        int keys = 0, sum = 0;
                        try (var k = s.getGeneratedKeys()) {
                            for (; k.next(); keys++) sum += k.getInt("id");
                        }
                        say("keys", keys, sum);
                    }
                }
            });
        }
        for (var auto : List.of(true, false)) {
            one("batches/an error in the middle " + (auto ? "with autocommit" : "of a transaction"), c -> {
                c.setAutoCommit(auto);
                table(c);
                try (var s = c.prepareStatement("INSERT INTO batch (n) VALUES (?)")) {
                    for (int round = 0; round < 6; round++) {
                        for (int n : new int[] {1, 2, 1, 4}) {
                            s.setInt(1, n);
                            s.addBatch();
                        }
                        say("counts", failed(s));
                        if (!auto) {
                            say("until rolled back", refusal(c, "SELECT 1"));
                            c.rollback();
                        }
                    }
                }
                say("rows", rows(c));
            });
        }
        one("batches/of several statements", c -> {
            table(c);
            try (var s = c.createStatement()) {
                for (var text : List.of("INSERT INTO batch (n) VALUES (1)", "SET work_mem = '5MB'", "UPDATE batch SET n = 2", "INSERT INTO batch (n) VALUES (3), (4)")) {
                    s.addBatch(text);
                }
                say("counts", Arrays.toString(s.executeBatch()));
                for (var text : List.of("INSERT INTO batch (n) VALUES (5)", "INSERT INTO nosuch VALUES (1)", "INSERT INTO batch (n) VALUES (6)")) s.addBatch(text);
                say("counts", failed(s));
            }
            say("rows", rows(c), value(c, "SHOW work_mem"));
        });
        one("batches/several statements in one", c -> {
            table(c);
            try (var s = c.createStatement()) {
                var told = new ArrayList<>();
                s.execute("INSERT INTO batch (n) VALUES (1), (2); SELECT n FROM batch; UPDATE batch SET n = n + 10");
                do told.add(s.getUpdateCount()); while (s.getMoreResults() || s.getUpdateCount() != -1);
                say("counts", told);
                say("error", refusal(c, "INSERT INTO batch (n) VALUES (20); SELECT 1/0"));
            }
            say("rows", rows(c));
        });
        one("batches/a trigger's notices", c -> {
            try (var s = c.createStatement()) {
                for (int n = 0; n < 3; n++) s.addBatch("DO $$ BEGIN RAISE NOTICE 'number " + n + "'; END $$");
                s.executeBatch();
                for (var w = s.getWarnings(); w != null; w = w.getNextWarning()) say("notice", w.getMessage());
            }
        });
    }

    /** What BatchUpdateException counts. */
    static String failed(Statement s) throws SQLException {
        try {
            return Arrays.toString(s.executeBatch());
        } catch (BatchUpdateException e) {
            return e.getSQLState() + " " + Arrays.toString(e.getUpdateCounts());
        } finally {
            s.clearBatch();
        }
    }
}
