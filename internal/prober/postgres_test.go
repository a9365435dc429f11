package prober

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/routing"
)

// patience bounds how long a test waits for a report: generous, because tests share the machine.
const patience = 30 * time.Second

// watch is a Prober over real upstreams, and what it has told.
type watch struct {
	*Prober
	mu      sync.Mutex
	reports map[string][]routing.Report
	marks   uint64
	user    string
	secret  string
}

// startWatch probes often. Everybody logs in as the superuser, unless the test says otherwise before.
func startWatch(t *testing.T, w *watch, timeout time.Duration, addresses ...string) *watch {
	t.Helper()
	w.reports = map[string][]routing.Report{}
	var declared []routing.Declared
	for _, a := range addresses {
		declared = append(declared, routing.Declared{Address: a})
	}
	began := time.Now()
	w.Prober = New(Config{
		Interval: 100 * time.Millisecond, Timeout: timeout, Upstreams: declared,
		Dial: w.dial, Reach: login.Reach, Mark: w.mark,
		Now: func() int64 { return int64(time.Since(began)) }, Probed: w.probed,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { w.Run(ctx); close(ended) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return w
}

func (w *watch) dial(ctx context.Context, address string) (net.Conn, error) {
	secret, err := login.ParseSecret(w.secret)
	if err != nil {
		return nil, err
	}
	user := w.user
	if user == "" {
		user = "postgres"
	}
	return login.Open(ctx, login.Target{Address: address, User: user, Secret: secret, Database: "postgres",
		Startup: []login.Setting{{Name: "search_path", Value: "pg_catalog"}, {Name: "default_transaction_read_only", Value: "on"}}})
}

func (w *watch) mark() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks++
	return w.marks
}

func (w *watch) probed(_ int64, r routing.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports[r.Address] = append(w.reports[r.Address], r)
}

// forget drops what has been told so far.
func (w *watch) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.reports)
}

// await waits for a report of the upstream that is as wanted.
func (w *watch) await(t *testing.T, address, what string, wanted func(routing.Report) bool) routing.Report {
	t.Helper()
	var last routing.Report
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		for _, last = range w.reports[address] {
			if wanted(last) {
				w.mu.Unlock()
				return last
			}
		}
		w.mu.Unlock()
	}
	t.Fatalf("%s has not been seen; last was %+v", what, last)
	return last
}

func isPrimary(r routing.Report) bool { return r.Failed == "" && !r.RoleUnknown && !r.InRecovery }
func isReplica(r routing.Report) bool { return r.Failed == "" && r.InRecovery }
func isFailed(r routing.Report) bool  { return r.Failed != "" }
func isUnknown(r routing.Report) bool { return r.RoleUnknown }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eachVersion runs a test on every Postgres of this machine.
func eachVersion(t *testing.T, test func(t *testing.T, major int)) {
	if len(pgtest.Versions()) == 0 {
		t.Skip(pgtest.ErrNoServer)
	}
	for _, major := range pgtest.Versions() {
		t.Run(fmt.Sprint(major), func(t *testing.T) { test(t, major) })
	}
}

func TestWhatAPrimaryAndItsReplicaTell(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Replication: true})
	r := s.Replica(t)
	w := startWatch(t, &watch{}, patience, r.Addr(), s.Addr())
	primary := w.await(t, s.Addr(), "a primary", isPrimary)
	known := primary.System != 0 && primary.Position != 0 && primary.Flushed != 0 && primary.Mark != 0 && primary.Latency > 0
	if primary.Timeline != 1 || !known {
		t.Errorf("the primary tells %+v", primary)
	}
	must(t, s.Exec(t.Context(), "postgres", "CREATE TABLE t AS SELECT generate_series(1, 1000)"))
	must(t, s.CaughtUp(t.Context(), r))
	w.forget()
	primary = w.await(t, s.Addr(), "a primary", isPrimary)
	replica := w.await(t, r.Addr(), "a replica that has replayed", func(r routing.Report) bool {
		return isReplica(r) && r.Position >= primary.Position
	})
	if replica.System != primary.System || replica.Timeline != 1 || replica.Mark != 0 {
		t.Errorf("the replica tells %+v", replica)
	}
}

// A primary that nobody writes to is replayed to its end, also where its next record begins a new page or file of the log: the
// position after the page's header is one that no replica ever tells.
func TestAnIdleReplicaIsNotBehind(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Replication: true})
	r := s.Replica(t)
	must(t, s.Exec(t.Context(), "postgres", "CREATE TABLE t (a int)", "SELECT pg_switch_wal()"))
	must(t, s.CaughtUp(t.Context(), r))
	w := startWatch(t, &watch{}, patience, s.Addr(), r.Addr())
	primary := w.await(t, s.Addr(), "a primary", isPrimary)
	w.await(t, r.Addr(), "a replica that has replayed", func(r routing.Report) bool { return r.Position >= primary.Position })
}

// What an open transaction has written may stay in memory for long, where no replica gets it. So a replica is late by Flushed.
func TestAnOpenTransactionMakesNoReplicaLate(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Replication: true})
	r := s.Replica(t)
	conn, err := s.Super(t.Context(), "postgres")
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "CREATE TABLE t (a int)")
	must(t, err)
	must(t, s.CaughtUp(t.Context(), r))
	_, err = conn.Exec(t.Context(), "BEGIN; INSERT INTO t VALUES (1)")
	must(t, err)
	w := startWatch(t, &watch{}, patience, s.Addr(), r.Addr())
	primary := w.await(t, s.Addr(), "unwritten log", func(r routing.Report) bool { return isPrimary(r) && r.Position > r.Flushed })
	w.await(t, r.Addr(), "a replica that has what is flushed", func(r routing.Report) bool { return r.Position >= primary.Flushed })
}

// A commit with synchronous_commit off is acknowledged before it is on disk; a position asked for after that includes it.
func TestAPositionIncludesWhatWasAcknowledged(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Replication: true, Settings: map[string]string{
		"synchronous_commit": "off", "wal_writer_delay": "10s",
	}})
	conn, err := s.Super(t.Context(), "postgres")
	must(t, err)
	defer conn.Close(context.Background())
	w := startWatch(t, &watch{}, patience, s.Addr())
	before := w.await(t, s.Addr(), "a primary", isPrimary)
	_, err = conn.Exec(t.Context(), "CREATE TABLE t (a int)")
	must(t, err)
	for range 5 {
		_, err = conn.Exec(t.Context(), "INSERT INTO t VALUES (1)")
		must(t, err)
		asked := w.mark()
		w.forget()
		after := w.await(t, s.Addr(), "a primary", func(r routing.Report) bool { return isPrimary(r) && r.Mark > asked })
		if after.Position <= before.Position {
			t.Errorf("an acknowledged commit did not move the position %X", uint64(after.Position))
		}
		before = after
	}
}

func TestAPromotedReplicaIsOnANewTimeline(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Replication: true})
	r := s.Replica(t)
	w := startWatch(t, &watch{}, patience, s.Addr(), r.Addr())
	w.await(t, r.Addr(), "a replica", isReplica)
	must(t, r.Exec(t.Context(), "postgres", "SELECT pg_promote()"))
	promoted := w.await(t, r.Addr(), "a promoted replica", isPrimary)
	if promoted.Timeline != 2 || promoted.Mark == 0 {
		t.Errorf("it tells %+v", promoted)
	}
	if old := w.await(t, s.Addr(), "the old primary", isPrimary); old.Timeline != 1 || old.System != promoted.System {
		t.Errorf("the old one tells %+v", old)
	}
}

// Every version in recovery, and promoted while it is being asked.
func TestEveryVersionAsStandbyAndPromoted(t *testing.T) {
	eachVersion(t, func(t *testing.T, major int) {
		s := pgtest.Start(t, pgtest.Options{
			Version: major, Replication: true, Files: map[string]string{"standby.signal": ""},
			Settings: map[string]string{"max_wal_senders": "10"}, // as initdb's, or it does not start
		})
		w := startWatch(t, &watch{}, patience, s.Addr())
		standby := w.await(t, s.Addr(), "a standby", isReplica)
		if standby.System == 0 || standby.Timeline != 0 {
			t.Errorf("a standby of nobody tells %+v", standby)
		}
		must(t, s.Exec(t.Context(), "postgres", "SELECT pg_promote()"))
		promoted := w.await(t, s.Addr(), "a promoted standby", isPrimary)
		if promoted.Timeline != 2 || promoted.Position == 0 || promoted.Flushed == 0 || promoted.System != standby.System {
			t.Errorf("promoted, it tells %+v", promoted)
		}
	})
}

// A role without any privilege is told what it is told; what it may not call is left out, and not even tried.
func TestAnUnprivilegedRole(t *testing.T) {
	revoked := map[string]func(routing.Report) bool{
		"":                            func(r routing.Report) bool { return r.Position != 0 && r.Timeline == 1 && r.System != 0 },
		"pg_control_system()":         func(r routing.Report) bool { return r.Position != 0 && r.Timeline == 1 && r.System == 0 },
		"pg_walfile_name(pg_lsn)":     func(r routing.Report) bool { return r.Position != 0 && r.Timeline == 0 && r.System != 0 },
		"pg_current_wal_insert_lsn()": func(r routing.Report) bool { return r.Position == 0 && r.Timeline == 0 && r.System != 0 },
		"pg_is_in_recovery()":         func(r routing.Report) bool { return r.RoleUnknown },
	}
	eachVersion(t, func(t *testing.T, major int) {
		s := pgtest.Start(t, pgtest.Options{Version: major, Roles: []pgtest.Role{{Name: "watcher"}}})
		for function, wanted := range revoked {
			t.Run(function, func(t *testing.T) {
				if function != "" {
					must(t, s.Exec(t.Context(), "postgres", "REVOKE EXECUTE ON FUNCTION pg_catalog."+function+" FROM PUBLIC"))
					defer s.Exec(context.Background(), "postgres", "GRANT EXECUTE ON FUNCTION pg_catalog."+function+" TO PUBLIC")
				}
				w := startWatch(t, &watch{user: "watcher"}, patience, s.Addr())
				if r := w.await(t, s.Addr(), "an answer", func(routing.Report) bool { return true }); r.Failed != "" || !wanted(r) {
					t.Errorf("it tells %+v", r)
				}
			})
		}
		if log := s.Log(); strings.Contains(log, "ERROR") {
			t.Errorf("the server has logged errors:\n%s", log)
		}
	})
}

// A permission that is taken away while the connection is open costs what it was for, and no failure.
func TestAPermissionThatIsTakenAway(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Roles: []pgtest.Role{{Name: "watcher"}}})
	w := startWatch(t, &watch{user: "watcher"}, patience, s.Addr())
	w.await(t, s.Addr(), "a primary with its timeline", func(r routing.Report) bool { return r.Timeline == 1 })
	must(t, s.Exec(t.Context(), "postgres", "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_walfile_name(pg_lsn) FROM PUBLIC"))
	r := w.await(t, s.Addr(), "a primary without a timeline", func(r routing.Report) bool { return r.Timeline == 0 })
	if r.Failed != "" || r.RoleUnknown || r.Position == 0 {
		t.Errorf("it tells %+v", r)
	}
}

func TestAWrongPasswordIsNoFailure(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Auth: "scram-sha-256", Roles: []pgtest.Role{{Name: "watcher", Password: "right"}}})
	for _, secret := range []string{"wrong", ""} {
		w := startWatch(t, &watch{user: "watcher", secret: secret}, patience, s.Addr())
		for range 3 {
			if r := w.await(t, s.Addr(), "an answer", func(routing.Report) bool { return true }); !isUnknown(r) {
				t.Errorf("with password %q it tells %+v", secret, r)
			}
			w.forget()
		}
	}
	w := startWatch(t, &watch{user: "watcher", secret: "right"}, patience, s.Addr())
	w.await(t, s.Addr(), "a primary", isPrimary)
}

// One that is stopped in its tracks has failed when its time is over, and is back as soon as it goes on; the others do not notice.
func TestAPausedServer(t *testing.T) {
	s, other := pgtest.Start(t, pgtest.Options{}), pgtest.Start(t, pgtest.Options{})
	w := startWatch(t, &watch{}, time.Second, s.Addr(), other.Addr())
	w.await(t, s.Addr(), "a primary", isPrimary)
	w.await(t, other.Addr(), "another", isPrimary)
	must(t, s.Pause())
	defer s.Resume()
	w.forget()
	if r := w.await(t, s.Addr(), "a failure", isFailed); r.Failed != "no answer within 1s" {
		t.Errorf("it tells %+v", r)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		mine, others := len(w.reports[s.Addr()]), len(w.reports[other.Addr()])
		w.mu.Unlock()
		if others >= 3*mine {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the other was asked %d times while this one failed %d times", others, mine)
		}
	}
	must(t, s.Resume())
	w.forget()
	w.await(t, s.Addr(), "a primary that is back", isPrimary)
}

func TestAStoppedServer(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{})
	w := startWatch(t, &watch{}, patience, s.Addr())
	w.await(t, s.Addr(), "a primary", isPrimary)
	must(t, s.Stop(pgtest.Fast))
	w.await(t, s.Addr(), "a refusal", func(r routing.Report) bool { return strings.Contains(r.Failed, "refused") })
	must(t, s.StartAgain(t.Context()))
	w.forget()
	w.await(t, s.Addr(), "a primary that is back", isPrimary)
}

// One connection per upstream, whose settings are as documented, and none afterwards; nor a goroutine.
func TestNothingIsLeft(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{})
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watch{}
	var told sync.WaitGroup
	told.Add(1)
	var first sync.Once
	p := New(Config{
		Interval: 20 * time.Millisecond, Timeout: patience, Upstreams: []routing.Declared{{Address: s.Addr()}},
		Dial: w.dial, Reach: login.Reach, Mark: w.mark, Now: func() int64 { return 0 },
		Probed: func(int64, routing.Report) { first.Do(told.Done) },
	})
	ended := make(chan struct{})
	go func() { p.Run(ctx); close(ended) }()
	told.Wait()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) { // those that have made the server may be leaving
		n, err := s.Connections(t.Context(), "")
		must(t, err)
		if n == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections", n)
		}
	}
	cancel()
	<-ended
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		n, err := s.Connections(t.Context(), "")
		must(t, err)
		if n == 0 && runtime.NumGoroutine() <= before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections and %d goroutines more than before are left", n, runtime.NumGoroutine()-before)
		}
	}
}
