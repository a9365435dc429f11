package changes

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Whatever is missing is said, with what helps; and when it has been done, the stream begins.
func TestWhatIsMissingIsSaidWithItsCure(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		s := primary(t, version, "max_replication_slots=1", "max_wal_senders=2")
		exec(t, s, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE ROLE reader LOGIN")
		l, _, _ := follow(t, s, func(s *Stream) { s.Publication = `my "own"` })
		l.awaitLog(`there is no publication "my \"own\"" in database "postgres": CREATE PUBLICATION "my ""own""" FOR TABLE`)
		exec(t, s, `CREATE PUBLICATION "my ""own""" FOR TABLE a WITH (publish = 'insert')`)
		l.awaitLog(`leaves changes out: ALTER PUBLICATION "my ""own""" SET (publish = 'insert, update, delete, truncate')`)
		exec(t, s, "SELECT pg_create_physical_replication_slot('another')",
			`ALTER PUBLICATION "my ""own""" SET (publish = 'insert, update, delete, truncate')`)
		l.awaitLog("raise max_replication_slots, by one for each database that is followed")
		exec(t, s, "SELECT pg_drop_replication_slot('another')")
		l.await("follows a")
		stranger, _, _ := follow(t, s, func(stream *Stream) {
			stream.Connect, stream.Publication = dialer(s.Addr(), "reader"), `my "own"`
		})
		stranger.awaitLog("ALTER ROLE … REPLICATION for whom we log in as")
		if told := stranger.take(); len(told) > 0 {
			t.Errorf("who may not follow is told %q", told)
		}
	})
}

func TestTooFewWalSenders(t *testing.T) {
	s := primary(t, 0, "max_wal_senders=0")
	exec(t, s, "CREATE PUBLICATION pub")
	l, _, _ := follow(t, s, nil)
	l.awaitLog("raise max_wal_senders")
}

func TestALogThatIsNotLogical(t *testing.T) {
	s := primary(t, 0, "wal_level=replica")
	l, _, _ := follow(t, s, nil)
	l.awaitLog("wal_level is replica: set wal_level = logical in postgresql.conf, and restart Postgres")
}

func TestAStandbyIsNotFollowed(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Replication: true, Settings: map[string]string{"wal_level": "logical"}})
	l, _, _ := follow(t, s.Replica(t), nil)
	l.awaitLog("the server is a standby: the primary's changes are followed")
}

// Whatever ends one of the connections: the stream is lost, and follows anew.
func TestAStreamThatBreaksIsLostAndBeginsAnew(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		s := primary(t, version)
		exec(t, s, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR TABLE a")
		l, _, _ := follow(t, s, nil)
		l.await("follows a")
		for what, breaks := range map[string]func(){
			"the walsender ended": func() {
				exec(t, s, "SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
			},
			"the asked one ended": func() {
				exec(t, s, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%flush_lsn%' AND pid <> pg_backend_pid()")
			},
			"a restart": func() { must(t, s.Restart(t.Context(), pgtest.Fast)) },
			"a crash":   func() { must(t, s.Restart(t.Context(), pgtest.Immediate)) },
		} {
			began := time.Now()
			breaks()
			l.await("lost")
			l.await("follows a")
			t.Logf("%s: followed again after %v", what, time.Since(began))
			exec(t, s, "INSERT INTO a SELECT coalesce(max(id), 0) + 1 FROM a")
			l.await("changed a")
			l.await("visible a")
		}
		c := session(t, s)
		awaitTrue(t, func() string { return "there is more than one slot" }, func() bool { // one that has ended may have it for a moment
			var slots int
			must(t, c.QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots").Scan(&slots))
			return slots == 1
		})
	})
}

// A publication that goes away breaks the stream at the next change, or is missed when it is asked for again.
func TestAPublicationThatIsDropped(t *testing.T) {
	s := primary(t, 0)
	exec(t, s, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR TABLE a")
	l, _, _ := follow(t, s, func(s *Stream) { s.Again = 50 * time.Millisecond })
	l.await("follows a")
	exec(t, s, "DROP PUBLICATION pub")
	l.await("lost")
	l.awaitLog(`there is no publication "pub"`)
	exec(t, s, "CREATE PUBLICATION pub FOR TABLE a")
	l.await("follows a")
}

// Nothing is left when it has ended: no slot, no connection.
func TestNothingIsLeft(t *testing.T) {
	s := primary(t, 0)
	exec(t, s, "CREATE PUBLICATION pub")
	l, _, stop := follow(t, s, nil)
	l.await("follows")
	stop()
	c := session(t, s)
	awaitTrue(t, func() string { return "slots or connections are left" }, func() bool {
		var left int
		must(t, c.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_stat_activity "+
			"WHERE pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender'))").Scan(&left))
		return left == 0
	})
}

// A connection on which nothing comes any more, without anybody closing it, is given up within Patience and Interval, whichever of
// the two it is.
func TestASilentConnectionIsLostInTime(t *testing.T) {
	s := primary(t, 0)
	exec(t, s, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR TABLE a")
	for _, silent := range []string{"database", ""} {
		r := newRelay(t, s.Addr())
		l, _, _ := follow(t, s, func(stream *Stream) {
			stream.Interval, stream.Patience = 100*time.Millisecond, 2*time.Second
			stream.Connect = func(ctx context.Context, replication string) (net.Conn, error) {
				if replication == silent {
					return dialer(r.address, "postgres")(ctx, replication)
				}
				return dialer(s.Addr(), "postgres")(ctx, replication)
			}
		})
		l.await("follows a")
		hushed := time.Now()
		r.hush(true)
		exec(t, s, "INSERT INTO a SELECT coalesce(max(id), 0) + 1 FROM a")
		after := l.await("lost").Sub(hushed)
		if slack := 20 * time.Second; after > 2*time.Second+100*time.Millisecond+slack {
			t.Errorf("lost after %v", after)
		}
		if says := l.why().Error(); !strings.Contains(says, "silent") && !strings.Contains(says, "not answered") && !strings.Contains(says, "late") {
			t.Errorf("lost for %q", says)
		}
		r.hush(false)
		l.await("follows a")
	}
}

// A server that is not the one that tells its changes, as after a failover behind one name, is noticed.
func TestAnotherServerIsNoticed(t *testing.T) {
	s, other := primary(t, 0), primary(t, 0)
	for _, each := range []*pgtest.Server{s, other} {
		exec(t, each, "CREATE PUBLICATION pub")
	}
	l, _, _ := follow(t, s, func(stream *Stream) {
		stream.Connect = func(ctx context.Context, replication string) (net.Conn, error) {
			if replication == "" {
				return dialer(other.Addr(), "postgres")(ctx, replication)
			}
			return dialer(s.Addr(), "postgres")(ctx, replication)
		}
	})
	l.awaitLog("the server that is asked is not the one that tells its changes")
	if told := l.take(); len(told) > 0 {
		t.Errorf("it was told %q", told)
	}
}

// What is on disk is told within Patience, or the stream is lost: not so behind one large transaction.
func TestALateStreamIsLost(t *testing.T) {
	s := primary(t, 0)
	exec(t, s, "CREATE TABLE large (id int PRIMARY KEY, filler text); CREATE TABLE a (id int PRIMARY KEY)",
		"CREATE PUBLICATION pub FOR TABLE a, large")
	l, stream, _ := follow(t, s, func(stream *Stream) {
		stream.Interval, stream.Patience = 50*time.Millisecond, 3*time.Second
		stream.Connect = func(ctx context.Context, replication string) (net.Conn, error) {
			c, err := dialer(s.Addr(), "postgres")(ctx, replication)
			if err == nil && replication != "" {
				c = &slowConn{c}
			}
			return c, err
		}
	})
	l.await("follows a large")
	for tried := 1; ; tried++ { // where others have the machine for so long, it is silence that is noticed first
		exec(t, s, fmt.Sprintf("INSERT INTO large SELECT n, repeat('x', 500) FROM generate_series(%d, %d) n", tried*200000, tried*200000+199999),
			fmt.Sprintf("INSERT INTO a VALUES (%d)", tried))
		l.await("lost")
		if strings.Contains(l.why().Error(), "late by more than 3s") {
			break
		}
		if tried == 5 {
			t.Fatalf("lost for %q", l.why())
		}
		l.await("follows a large")
	}
	l.await("follows a large")
	if lsn, at := stream.Seen(); lsn == 0 || time.Since(at) > patience {
		t.Errorf("it has seen %d at %v", lsn, at)
	}
}
