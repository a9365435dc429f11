import java.sql.*;
import java.util.*;

/** The console by JDBC, in both of its protocols. */
public class Console {
    public static void main(String[] args) throws Exception {
        for (String mode : List.of("simple", "extended")) {
            String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/pgbouncer?preferQueryMode=" + mode;
            try (Connection c = DriverManager.getConnection(url, System.getenv("PGUSER"), System.getenv("PGPASSWORD"))) {
                if (mode.equals("simple")) {
                    System.out.println("simple: " + first(c, "SHOW VERSION").getString(1));
                    continue;
                }
                ResultSet rows = null;
                for (int i = 0; i < 7; i++) { // the driver prepares what is asked often, and then reads binary values
                    PreparedStatement p = c.prepareStatement("SHOW VERSION");
                    rows = p.executeQuery();
                    rows.next();
                }
                System.out.println("prepared: " + rows.getString(1));
                System.out.println("columns: " + first(c, "SHOW STATS").getMetaData().getColumnCount());
                PreparedStatement lists = c.prepareStatement("SHOW LISTS");
                for (int i = 0; i < 7; i++) {
                    rows = lists.executeQuery();
                    for (int n = 0; n < 3; n++) rows.next();
                }
                System.out.println("binary: ('" + rows.getString(1) + "', " + rows.getInt(2) + ")");
                try {
                    first(c, "SELECT * FROM pg_class");
                } catch (SQLException e) {
                    System.out.println("error: " + e.getSQLState());
                }
            }
        }
    }

    private static ResultSet first(Connection c, String command) throws SQLException {
        ResultSet rows = c.createStatement().executeQuery(command);
        rows.next();
        return rows;
    }
}
