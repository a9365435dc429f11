import java.sql.*;
import java.util.*;
import org.postgresql.*;

/** LISTEN and NOTIFY, by PGConnection.getNotifications. */
class Listening extends Common {
    /** Waits for so many notifications. */
    static String heard(Connection c, int count) throws SQLException {
        var all = new ArrayList<String>();
        for (var until = System.nanoTime() + 20e9; all.size() < count && System.nanoTime() < until; ) {
            var some = c.unwrap(PGConnection.class).getNotifications(1000);
            if (some != null) for (var n : some) all.add(n.getName() + "=" + n.getParameter());
        }
        return String.join(" ", all);
    }

    static void cases() {
        two("listening/one listens another notifies", (a, b) -> {
            run(a, "LISTEN news");
            for (int n = 0; n < 3; n++) {
                value(b, "SELECT pg_notify('news', ?)", "payload " + n);
                say("heard", heard(a, 1), value(a, "SELECT ?::int", n));
            }
        });
        two("listening/with a query in between", (a, b) -> {
            run(a, "LISTEN news");
            run(b, "NOTIFY news, 'before the query'");
            run(a, "SELECT 1"); // brings it along
            say("heard", heard(a, 1));
        });
        two("listening/in order and once", (a, b) -> {
            run(a, "LISTEN a; LISTEN b");
            b.setAutoCommit(false);
            run(b, "NOTIFY a, '1'", "NOTIFY b, '2'", "NOTIFY a, '1'", "NOTIFY a, '3'");
            b.commit();
            say("heard", heard(a, 3));
        });
        two("listening/only what commits", (a, b) -> {
            run(a, "LISTEN news");
            b.setAutoCommit(false);
            run(b, "NOTIFY news, 'rolled back'");
            b.rollback();
            var s = b.setSavepoint();
            run(b, "NOTIFY news, 'undone'");
            b.rollback(s);
            run(b, "NOTIFY news, 'committed'");
            b.commit();
            say("heard", heard(a, 1));
        });
        two("listening/no longer", (a, b) -> {
            run(a, "LISTEN one", "LISTEN two", "UNLISTEN one");
            run(b, "NOTIFY one, 'unheard'", "NOTIFY two, 'heard'");
            say("heard", heard(a, 1));
            run(a, "UNLISTEN *");
            run(b, "NOTIFY two, 'unheard'");
            say("channels", value(a, "SELECT count(*) FROM pg_listening_channels()"));
            say("more", a.unwrap(PGConnection.class).getNotifications() == null);
        });
        two("listening/without autocommit", (a, b) -> {
            a.setAutoCommit(false);
            run(a, "LISTEN kept");
            a.commit();
            run(a, "LISTEN dropped");
            a.rollback();
            run(b, "NOTIFY dropped, 'unheard'", "NOTIFY kept, 'heard'");
            say("heard", heard(a, 1));
        });
        two("listening/who has sent it", (a, b) -> {
            run(a, "LISTEN news");
            for (var c : List.of(b, a)) {
                run(c, "NOTIFY news");
                PGNotification[] some;
                do some = a.unwrap(PGConnection.class).getNotifications(1000); while (some == null || some.length == 0);
                say("by the notifier", some[0].getPID() == c.unwrap(PGConnection.class).getBackendPID());
            }
        });
    }
}
