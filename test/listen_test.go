//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

const channelsNow = "SELECT * FROM pg_listening_channels() ORDER BY 1"

// beside is another client of the server, or the pooler, that c talks to.
func (c *client) beside() *client {
	c.t.Helper()
	return connect(c.t, c.conn.RemoteAddr().String())
}

// patientListeners is a pool that waits for what it hears as long as tests do.
var patientListeners = settings{Pool: "pool_size 2\nserver_connect_timeout 1m"}

// LISTEN, UNLISTEN and NOTIFY are transactional, and a session hears of its own notifications before its transaction is over
// (trap 47): word for word as Postgres has it.
func TestTrap47ListenIsTransactional(t *testing.T) {
	both(t, patientListeners, func(t *testing.T, c *client) {
		for _, sql := range []string{
			"LISTEN a", "NOTIFY a, 'one'", channelsNow, "SELECT pg_notify('a', 'two')", "LISTEN a", "NOTIFY other, 'nobody'",
			// With the transaction, or not at all.
			"BEGIN", "LISTEN b", "NOTIFY b, 'mine'", channelsNow, "SELECT 'not yet'", "COMMIT", channelsNow,
			"BEGIN", "LISTEN c", "NOTIFY a, 'never'", "ROLLBACK", "NOTIFY c, 'nobody'", channelsNow,
			"BEGIN", "LISTEN c", "SAVEPOINT s", "LISTEN d", "NOTIFY a, 'undone'", "ROLLBACK TO s", "NOTIFY a, 'done'", "COMMIT", channelsNow,
			"BEGIN", "UNLISTEN a", "NOTIFY a, 'no longer'", channelsNow, "COMMIT", channelsNow, "NOTIFY a, 'nobody'",
			"BEGIN", "UNLISTEN b", "ROLLBACK", "NOTIFY b, 'still'", channelsNow,
			"BEGIN", "SAVEPOINT s", "UNLISTEN b", "ROLLBACK TO s", "UNLISTEN c", "COMMIT", channelsNow, "NOTIFY b, 'still'",
			"BEGIN", "UNLISTEN *", "LISTEN e", "COMMIT", channelsNow, "NOTIFY e, 'new'",
			// Several statements in one.
			"LISTEN f; NOTIFY f, 'at once'", "UNLISTEN e; SELECT 1; NOTIFY e, 'gone'", "NOTIFY f, 'x'; SELECT 1/0", channelsNow,
			"LISTEN g; SELECT 1/0", channelsNow, "UNLISTEN f; SELECT 1/0", channelsNow,
			// Order across channels is the order of sending; equal ones within a transaction are one.
			"LISTEN g", "BEGIN", "NOTIFY g, '1'", "NOTIFY f, '2'", "NOTIFY g, '1'", "NOTIFY g, '3'", "COMMIT",
			// Names.
			`LISTEN "A b""c"`, `NOTIFY "A b""c", 'quoted'`, `UNLISTEN "A b""c"`, channelsNow, "LISTEN Folded", "NOTIFY folded", "LISTEN", "UNLISTEN nobody",
			"LISTEN " + strings.Repeat("n", 70), channelsNow, "SELECT pg_notify('', 'x')", "SELECT pg_notify('g', repeat('x', 7999))",
			"UNLISTEN *", channelsNow, "NOTIFY g, 'nobody'",
			"LISTEN g", "DISCARD ALL", channelsNow, "NOTIFY g, 'nobody'", "LISTEN g", "NOTIFY g, 'again'",
		} {
			c.query(sql)
		}
	})
}

// The same by the extended protocol.
func TestTrap47ListenByTheExtendedProtocol(t *testing.T) {
	both(t, patientListeners, func(t *testing.T, c *client) {
		for _, batch := range [][]string{
			{"LISTEN a"}, {"NOTIFY a, '1'"}, {channelsNow}, {"LISTEN b", "NOTIFY b, '2'"}, {"SELECT pg_notify('a', '3')", "NOTIFY b, '4'"},
			{"SELECT 1", "UNLISTEN a"}, {channelsNow}, {"NOTIFY a, 'nobody'"}, {"LISTEN c", "SELECT 1/0"}, {channelsNow},
			{"SELECT 1", "UNLISTEN b", "SELECT 1/0"}, {channelsNow}, {"BEGIN"}, {"UNLISTEN b"}, {channelsNow}, {"ROLLBACK"},
			{"NOTIFY b, '5'"}, {"BEGIN", "UNLISTEN b", "COMMIT"}, {channelsNow}, {"LISTEN d"}, {"UNLISTEN *"}, {channelsNow}, {"NOTIFY d"},
		} {
			var messages []pgproto3.FrontendMessage
			for _, sql := range batch {
				messages = append(messages, parse("", sql), bind("", ""), execute(""))
			}
			c.ask(messages...)
		}
		c.ask(parse("listen", "LISTEN p"), parse("notify", "NOTIFY p, 'prepared'"), parse("unlisten", "UNLISTEN p"))
		for _, name := range []string{"listen", "notify", "unlisten", "notify", "listen", "notify"} {
			c.runStatement(name)
		}
		// Several batches in one go: each is told its own.
		c.say(parse("", "LISTEN q"), bind("", ""), execute(""), &pgproto3.Sync{},
			parse("", "NOTIFY q, '1'"), bind("", ""), execute(""), &pgproto3.Sync{},
			parse("", "UNLISTEN q"), bind("", ""), execute(""), &pgproto3.Sync{},
			parse("", "NOTIFY q, '2'"), bind("", ""), execute(""), &pgproto3.Sync{})
		c.hear(4)
	})
}

// What others send comes at once to who is idle, in the order of sending across channels, and never inside a transaction.
func TestTrap47NotificationsOfOthers(t *testing.T) {
	both(t, patientListeners, func(t *testing.T, c *client) {
		other := c.beside()
		defer other.leave()
		c.query("LISTEN a; LISTEN b")
		other.query("NOTIFY b, '1'; NOTIFY a, '2'; NOTIFY b, '3'")
		c.hearUntil("NotificationResponse", 3)
		other.query("BEGIN")
		other.query("NOTIFY a, 'not yet'")
		c.query("SELECT 'nothing'")
		other.query("COMMIT")
		c.hearUntil("NotificationResponse", 1)
		c.query("BEGIN")
		other.query("NOTIFY a, '4'")
		c.query("SELECT 'in a transaction'")
		other.query("NOTIFY b, '5'")
		c.query("COMMIT")
		// What is sent from a function, to oneself.
		other.query("CREATE OR REPLACE FUNCTION tell() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM pg_notify('a', 'from a function'); END$$")
		c.query("SELECT tell()")
		c.query("DO $$BEGIN NOTIFY b, 'from a block'; END$$")
		// What was sent before is not heard.
		other.query("NOTIFY late, 'too early'")
		c.query("LISTEN late")
		other.query("NOTIFY late, 'in time'")
		c.hearUntil("NotificationResponse", 1)
		c.query("DO $$BEGIN EXECUTE 'LISTEN hidden'; END$$")
		c.query(channelsNow)
		other.query("NOTIFY hidden")
		c.hearUntil("NotificationResponse", 1)
	})
}

// What has been sent, as its sender has been told, is heard with the next query at the latest, before that is over.
func TestTrap47NothingIsToldTooLate(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, patientListeners)
		c, other := connect(t, p.Addr), connect(t, p.Addr)
		c.query("LISTEN a")
		for i := range 500 {
			other.query(fmt.Sprintf("NOTIFY a, '%d'", i))
			from := len(c.heard)
			c.query("SELECT 1")
			mustContain(t, c.heard[from:], fmt.Sprintf("NotificationResponse a %d", i))
		}
	})
}

// The process that a notification names is the one that its sender knows, by whatever way it is sent, and whoever has the servers before
// and after.
func TestNotificationsNameTheirSenderWhateverSends(t *testing.T) {
	const make = "DROP FUNCTION IF EXISTS tell CASCADE; CREATE TABLE told (a text);" +
		"CREATE FUNCTION tells() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.a <> 'secret' THEN PERFORM pg_notify('a', NEW.a); END IF; RETURN NULL; END$$;" +
		"CREATE TRIGGER tells AFTER INSERT ON told FOR EACH ROW EXECUTE FUNCTION tells();" +
		"CREATE TABLE ruled (a text); CREATE RULE tells AS ON INSERT TO ruled DO ALSO NOTIFY a;" +
		"CREATE FUNCTION tell() RETURNS void LANGUAGE plpgsql AS $$BEGIN NOTIFY a; END$$;" +
		"CREATE FUNCTION tell_deeper() RETURNS void LANGUAGE sql AS 'SELECT tell()'"
	ways := [][]string{
		{"NOTIFY a"}, {"SELECT pg_notify('a', 'x')"}, {"INSERT INTO told VALUES ('x')"}, {"INSERT INTO ruled VALUES ('x')"}, {"SELECT tell_deeper()"},
		{"DO $$BEGIN NOTIFY a; END$$"}, {"SELECT 1; NOTIFY a"}, {"BEGIN; NOTIFY a; COMMIT"}, {"BEGIN", "NOTIFY a", "COMMIT"},
		{"BEGIN", "INSERT INTO told VALUES ('x')", "COMMIT"}, {"BEGIN", "INSERT INTO told VALUES ('secret')", "SELECT tell()", "COMMIT"},
		{"BEGIN", "SAVEPOINT s", "NOTIFY a, 'undone'", "ROLLBACK TO s", "NOTIFY a", "COMMIT"},
		{"BEGIN", "NOTIFY a, 'undone'", "ROLLBACK", "NOTIFY a"}, {"PREPARE p AS SELECT pg_notify('a', 'x')", "EXECUTE p", "DEALLOCATE p"},
		{"BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", "NOTIFY a", "COMMIT"}, {"BEGIN", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "NOTIFY a", "COMMIT"},
	}
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, patientListeners)
		c, senders := connect(t, p.Addr), []*client{connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)}
		mustNotContain(t, senders[0].query(make), "ErrorResponse")
		c.query("LISTEN a")
		asked := time.Now()
		for n, way := range slices.Repeat(ways, 3) {
			for _, sender := range senders {
				// It commits, and others have the server, before it is heard.
				last := len(way) - 1
				for _, sql := range way[:last] {
					sender.query(sql)
				}
				sender.say(simple(way[last]))
				sender.hear(1)
				for _, other := range senders {
					other.query(fmt.Sprint("SELECT ", n))
				}
				if n := c.notified(); n.PID != sender.pid {
					t.Fatalf("%q, after %v: process %d, want %d, of %d, %d and %d", way, time.Since(asked), n.PID, sender.pid,
						senders[0].pid, senders[1].pid, senders[2].pid)
				}
			}
		}
		for i := range 300 { // by the extended protocol, one right after the other
			sender := senders[i%len(senders)]
			sender.say(parse("", []string{"NOTIFY a", "SELECT tell()", "INSERT INTO told VALUES ('x')"}[i/3%3]), bind("", ""), execute(""), &pgproto3.Sync{})
			sender.hear(1)
		}
		for i := range 300 {
			if n, sender := c.notified(), senders[i%len(senders)]; n.PID != sender.pid {
				t.Fatalf("number %d is of process %d, want %d", i, n.PID, sender.pid)
			}
		}
		mustNotContain(t, c.query(channelsNow), "pgmux")
	})
}

// notified is the next notification.
func (c *client) notified() *pgproto3.NotificationResponse {
	c.t.Helper()
	for {
		msg, err := c.receive()
		if err != nil {
			c.t.Fatal(err)
		}
		if n, ok := msg.(*pgproto3.NotificationResponse); ok {
			return n
		}
	}
}

// A transaction in which something might notify, but does not, can be prepared as without anybody who listens.
func TestWhatMightNotifyCanBePrepared(t *testing.T) {
	server := pgtest.Start(t, caseOptions(versions()[0]))
	p := startPooler(t, drivers()[0], server, settings{Pool: "pool_size 1"})
	here := func() *client { return connect(t, p.Addr, "database", suites[0].database) }
	c, other, listens := here(), here(), here()
	c.query("CREATE TABLE told (a text);" +
		"CREATE FUNCTION tells() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.a <> 'secret' THEN PERFORM pg_notify('a', NEW.a); END IF; RETURN NULL; END$$;" +
		"CREATE TRIGGER tells AFTER INSERT ON told FOR EACH ROW EXECUTE FUNCTION tells()")
	listens.query("LISTEN a")
	for range 20 {
		other.query("NOTIFY a")
		c.query("BEGIN")
		c.query("INSERT INTO told VALUES ('secret')")
		mustContain(t, c.query("PREPARE TRANSACTION 'x'"), "PREPARE TRANSACTION")
		c.query("ROLLBACK PREPARED 'x'")
	}
}

// The process that a notification names is the one that the client knows.
func TestNotificationsNameTheProcessOfTheirSender(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		c, other := connect(t, p.Addr), connect(t, p.Addr)
		c.query("LISTEN a")
		for _, sender := range []*client{c, other, other, c} {
			for _, sql := range []string{"NOTIFY a", "SELECT pg_notify('a', 'x')", "LISTEN b; NOTIFY b; NOTIFY a"} {
				sender.say(simple(sql))
				if sender != c {
					sender.hear(1)
				}
				for heard := false; !heard; {
					msg, err := c.receive()
					if err != nil {
						t.Fatal(err)
					}
					if n, ok := msg.(*pgproto3.NotificationResponse); ok && n.Channel == "a" {
						heard = true
						if n.PID != sender.pid {
							t.Errorf("%s: process %d, want %d", sql, n.PID, sender.pid)
						}
					}
				}
				if sender == c {
					c.hear(1)
				}
			}
		}
	})
}

// Two hundred clients listen over a pool of two, and one server listens for them.
func TestManyClientsListen(t *testing.T) {
	const clients = 200
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("more than Postgres lets in")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		notifier := connect(t, p.Addr)
		var all []*client
		for i := range clients {
			c := connect(t, p.Addr)
			c.query(fmt.Sprintf("LISTEN everybody; LISTEN only_%d", i))
			all = append(all, c)
		}
		if n := notifier.value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND datname = 'app'"); n > "3" {
			t.Errorf("%s servers", n)
		}
		notifier.query("NOTIFY everybody, 'news'")
		for i := range all {
			notifier.query(fmt.Sprintf("NOTIFY only_%d, 'own'", i))
		}
		notifier.query("NOTIFY everybody, 'more'")
		for i, c := range all {
			got := c.hearUntil("NotificationResponse", 3)
			want := []string{"NotificationResponse everybody news", fmt.Sprintf("NotificationResponse only_%d own", i), "NotificationResponse everybody more"}
			if !slices.Equal(got, want) {
				t.Fatalf("client %d heard %q", i, got)
			}
		}
		// Half of them leave; the others are told as before.
		for _, c := range all[:clients/2] {
			c.vanish()
		}
		eventually(t, "the channels of those who left are given up", func() error {
			body, err := p.get("/postgres/pools/app")
			if want := fmt.Sprintf(`"listening":{"clients":%d,"channels":%d,"servers":1}`, clients/2, clients/2+1); err == nil && !strings.Contains(body, want) {
				err = fmt.Errorf("no %s in %s", want, body)
			}
			return err
		})
		notifier.query("NOTIFY everybody, 'still'")
		for _, c := range all[clients/2:] {
			mustContain(t, c.hearUntil("NotificationResponse", 1), "still")
		}
	})
}

// A listener that is lost is replaced, and who listens is told of the gap.
func TestTrap47TheListenerIsLost(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("there is no listener")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		c, other := connect(t, p.Addr), connect(t, p.Addr)
		c.query("LISTEN a")
		other.query("SELECT 1")
		if err := server.Exec(context.Background(), "app", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' AND query LIKE '%LISTEN \"a\"'"); err != nil {
			t.Fatal(err)
		}
		mustContain(t, c.hearUntil("NoticeResponse", 1), "WARNING", "01000", "missed")
		other.query("NOTIFY a, 'after'")
		mustContain(t, c.hearUntil("NotificationResponse", 1), "a after")
		mustContain(t, c.query(channelsNow), `"text":"a"`)
		mustContain(t, c.query("NOTIFY a, 'own'"), "a own")
	})
}

// In pool_mode statement it is as in transaction, and in session the client's own server listens.
func TestListenInEveryMode(t *testing.T) {
	for _, mode := range []string{"transaction", "statement", "session"} {
		t.Run(mode, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
				if direct() {
					t.Skip("no such modes")
				}
				p := startPooler(t, driver, server, settings{Pool: "pool_size 2\npool_mode " + mode})
				c, other := connect(t, p.Addr), connect(t, p.Addr)
				mustContain(t, c.query("LISTEN a"), "LISTEN")
				mustContain(t, c.query("NOTIFY a, 'own'"), "NotificationResponse a own")
				other.query("NOTIFY a, 'more'")
				mustContain(t, c.hearUntil("NotificationResponse", 1), "a more")
				other.say(simple("SELECT pg_notify('a', 'last')"))
				for {
					msg, err := c.receive()
					if err != nil {
						t.Fatal(err)
					}
					if n, ok := msg.(*pgproto3.NotificationResponse); ok {
						if n.PID != other.pid {
							t.Errorf("process %d, want %d", n.PID, other.pid)
						}
						break
					}
				}
				mustContain(t, c.query("UNLISTEN a"), "UNLISTEN")
				mustNotContain(t, c.query("NOTIFY a"), "NotificationResponse")
			})
		})
	}
}

// What is sent in another encoding than that of the pool is converted by Postgres: such a client listens on its own server.
func TestListenInAnotherEncoding(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		c, latin := connect(t, p.Addr), connect(t, p.Addr, "client_encoding", "LATIN1")
		c.query("LISTEN a")
		latin.query("LISTEN a")
		c.query("NOTIFY a, 'é'")
		mustContain(t, latin.hearUntil("NotificationResponse", 1), "NotificationResponse a \xe9")
		latin.query("NOTIFY a, '\xe9'")
		mustContain(t, c.hearUntil("NotificationResponse", 1), "NotificationResponse a é")
	})
}

func TestPgxWaitsForNotifications(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		ctx := within(t)
		var conns []*pgx.Conn
		for range 3 {
			conn, err := pgx.Connect(ctx, p.dsn("app"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			conns = append(conns, conn)
			if _, err := conn.Exec(ctx, "LISTEN news"); err != nil {
				t.Fatal(err)
			}
		}
		for i, conn := range conns {
			payload := fmt.Sprint("from ", i)
			if _, err := conn.Exec(ctx, "SELECT pg_notify('news', $1)", payload); err != nil {
				t.Fatal(err)
			}
			for j, hearer := range conns {
				n, err := hearer.WaitForNotification(ctx)
				if err != nil || n.Channel != "news" || n.Payload != payload || n.PID != conn.PgConn().PID() {
					t.Fatalf("%d is told %+v, %v of what %d has sent", j, n, err, i)
				}
			}
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if n, err := conns[0].WaitForNotification(short); err == nil {
			t.Fatalf("told %+v, which nobody has sent", n)
		}
	})
}

// psql tells of its own notifications right after the statement.
func TestPsqlIsToldOfItsOwnNotifications(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		out, err := exec.Command("psql", "-X", p.dsn("app"), "-c", "LISTEN a", "-c", "NOTIFY a, 'one'", "-c", "SELECT 'behind'").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		told := strings.Index(string(out), `Asynchronous notification "a" with payload "one" received`)
		if told < 0 || told > strings.Index(string(out), "behind") {
			t.Errorf("psql says\n%s", out)
		}
	})
}

// Under load, over all loops: who listens hears everything, once, in each sender's order, whatever it does meanwhile.
func TestListenUnderLoad(t *testing.T) {
	const hearers, senders, each = 20, 8, 300
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 4"})
		ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
		defer cancel()
		var listening, all sync.WaitGroup
		failed := make(chan error, hearers+senders)
		listening.Add(hearers)
		for i := range hearers {
			all.Go(func() { failed <- hear(ctx, p.dsn("app"), i, senders, each, listening.Done) })
		}
		listening.Wait()
		for i := range senders {
			all.Go(func() { failed <- send(ctx, p.dsn("app"), i, each) })
		}
		all.Wait()
		close(failed)
		for err := range failed {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// hear listens until everything has come, and does something else between.
func hear(ctx context.Context, dsn string, who, senders, each int, ready func()) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		ready()
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "LISTEN load")
	ready()
	next := make([]int, senders)
	for n := 0; err == nil && n < senders*each; n++ {
		switch (n + who) % 50 {
		case 0:
			_, err = conn.Exec(ctx, fmt.Sprintf("LISTEN other_%d", n%200))
		case 10:
			_, err = conn.Exec(ctx, "BEGIN; SELECT pg_sleep(0.001); COMMIT")
		case 20:
			_, err = conn.Exec(ctx, fmt.Sprintf("UNLISTEN other_%d", (n+180)%200))
		case 30:
			_, err = conn.Exec(ctx, "SELECT 1")
		}
		if err != nil {
			break
		}
		var told *pgconn.Notification
		if told, err = conn.WaitForNotification(ctx); err != nil {
			break
		}
		var sender, number int
		if _, err = fmt.Sscan(told.Payload, &sender, &number); err == nil && next[sender] != number {
			err = fmt.Errorf("hearer %d is told %d by %d, want %d", who, number, sender, next[sender])
		}
		next[sender]++
	}
	if err != nil {
		return fmt.Errorf("hearer %d, told %v: %w", who, next, err)
	}
	return nil
}

// send notifies, in transactions and without.
func send(ctx context.Context, dsn string, who, each int) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for n := 0; err == nil && n < each; n++ {
		payload := fmt.Sprintf("%d %d", who, n)
		if n%3 == 0 {
			_, err = conn.Exec(ctx, "SELECT pg_notify('load', $1)", payload)
		} else {
			_, err = conn.Exec(ctx, fmt.Sprintf("BEGIN; NOTIFY load, '%s'; COMMIT", payload))
		}
	}
	return err
}
