/**
 * What applications do with JDBC that breaks behind poolers. PGHOST and the other variables of libpq say where to. Each case is told
 * by its name, and what must follow is in want.txt.
 */
class Main {
    public static void main(String[] args) {
        Prepared.cases();
        Batches.cases();
        Copies.cases();
        Interruptions.cases();
        Listening.cases();
        Pools.cases();
        Settings.cases();
        Cursors.cases();
    }
}
