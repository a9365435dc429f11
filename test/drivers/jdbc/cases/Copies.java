import java.io.*;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.*;

/** COPY by the driver's CopyManager. */
class Copies extends Common {
    static CopyManager manager(Connection c) throws SQLException { return c.unwrap(PGConnection.class).getCopyAPI(); }

    static void table(Connection c) throws SQLException {
        run(c, "DROP TABLE IF EXISTS copied", "CREATE TABLE copied (n int, t text)");
    }

    static String count(Connection c) throws SQLException { return value(c, "SELECT count(*) FROM copied"); }

    static String lines(int count, int bad) {
        var all = new StringBuilder();
        for (int n = 0; n < count; n++) all.append(n == bad ? "no number" : n).append("\tsome text\n");
        return all.toString();
    }

    static void cases() {
        two("copies/in", (a, b) -> {
            table(a);
            for (var c : List.of(a, b)) say("copied", manager(c).copyIn("COPY copied FROM STDIN", new StringReader(lines(5000, -1))), count(c));
        });
        two("copies/out and in again", (a, b) -> {
            for (var form : List.of("text", "csv", "binary")) {
                table(a);
                var data = new ByteArrayOutputStream();
                say(form, manager(a).copyOut("COPY (SELECT n, repeat('x', 90) FROM generate_series(1, 3000) n) TO STDOUT (FORMAT " + form + ")", data));
                say("bytes", data.size());
                say("copied", manager(b).copyIn("COPY copied FROM STDIN (FORMAT " + form + ")", new ByteArrayInputStream(data.toByteArray())), count(a));
            }
        });
        one("copies/in with a bad row", c -> {
            table(c);
            say("error", refusal(() -> manager(c).copyIn("COPY copied FROM STDIN", new StringReader(lines(5000, 2000)))), count(c));
        });
        one("copies/in that the program breaks off", c -> {
            table(c);
            var in = manager(c).copyIn("COPY copied FROM STDIN");
            var bytes = lines(10, -1).getBytes();
            in.writeToCopy(bytes, 0, bytes.length);
            in.cancelCopy();
            say("active", in.isActive(), count(c));
        });
        one("copies/in whose source fails", c -> {
            table(c);
            var source = new Reader() {
                public int read(char[] b, int off, int len) throws IOException { throw new IOException("the source is gone"); }
                public void close() {}
            };
            say("error", refusal(() -> manager(c).copyIn("COPY copied FROM STDIN", source)), count(c));
        });
        one("copies/out that fails in the middle", c -> {
            var query = "COPY (SELECT 1 / (5000 - n) FROM generate_series(1, 9000) n) TO STDOUT";
            say("error", refusal(() -> manager(c).copyOut(query, new StringWriter())), value(c, "SELECT 'in step'"));
        });
        one("copies/in a transaction", c -> {
            table(c);
            c.setAutoCommit(false);
            manager(c).copyIn("COPY copied FROM STDIN", new StringReader(lines(10, -1)));
            say("inside", count(c));
            c.rollback();
            say("outside", count(c));
            c.rollback();
        });
        one("copies/a row at a time", c -> {
            table(c);
            try (var out = new PGCopyOutputStream(c.unwrap(PGConnection.class), "COPY copied FROM STDIN", 100)) {
                for (int n = 0; n < 100; n++) out.write((n + "\trow\n").getBytes());
            }
            try (var in = new PGCopyInputStream(c.unwrap(PGConnection.class), "COPY copied TO STDOUT")) {
                say("bytes", in.readAllBytes().length);
            }
        });
    }
}
