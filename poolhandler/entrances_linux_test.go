package poolhandler

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// listenApp is a configuration with a pool that listens there.
func listenApp(addresses ...string) *config.App {
	app := onePool("app", 1)
	app.Pools["app"].Listen = addresses
	return app
}

// freeAddress is one of this host that nobody listens at, nor is going to: it is claimed as long as the tests run, by a socket that listens too.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := pgtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// knockAt connects, and leaves it at that.
func knockAt(t *testing.T, network, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// hearsRefusal says who it is, and is told this.
func hearsRefusal(t *testing.T, conn net.Conn, sqlstate string) {
	t.Helper()
	f := pgproto3.NewFrontend(conn, conn)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersionNumber, Parameters: map[string]string{"user": "alice", "database": "app"}})
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	m, err := f.Receive()
	if err != nil {
		t.Fatalf("instead of %s: %v", sqlstate, err)
	}
	if e, ok := m.(*pgproto3.ErrorResponse); !ok || e.Code != sqlstate {
		t.Fatalf("instead of %s: %+v", sqlstate, m)
	}
}

// here is the descriptors of this process that listen. What else there is, comes and goes with goroutines of other tests.
func here() (n int) {
	for _, fd := range openFiles() {
		if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listens == 1 {
			n++
		}
	}
	return n
}

// A socket is opened once, kept while a plan has its address, and closed when none has; who is in its queue then is told.
func TestSocketsOutliveConfigurations(t *testing.T) {
	p, f := fakeProcess()
	kept, going := freeAddress(t), freeAddress(t)
	before := here()
	old := testPlan(t, listenApp(kept, going))
	start(t, p, old)
	if n := here(); n != before+2 || len(f.accepting) != 2 {
		t.Fatalf("%d descriptors more, and %d accepted from, instead of 2", n-before, len(f.accepting))
	}
	waiting := knockAt(t, "tcp", going)
	next := testPlan(t, listenApp(kept))
	start(t, p, next)
	if len(f.accepting) != 2 || f.refrained != 0 {
		t.Errorf("%d accepted from, %d ended, while both plans are there", len(f.accepting), f.refrained)
	}
	p.remove(old)
	hearsRefusal(t, waiting, "57P03")
	if f.refrained != 1 {
		t.Errorf("%d have ended", f.refrained)
	}
	if conn, err := net.Dial("tcp", going); err == nil {
		conn.Close()
		t.Error("it still listens where no plan does")
	}
	last := knockAt(t, "tcp", kept)
	p.remove(next)
	hearsRefusal(t, last, "57P03")
	p.entrances.awaitAnswers()
	waiting.Close()
	last.Close()
	if n := here(); n != before {
		t.Errorf("%d that listen more than before", n-before)
	}
}

// What cannot be opened refuses the plan: with the address and a cure, and nothing is left of the others.
func TestAllSocketsOrNone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") // without SO_REUSEPORT
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	live := filepath.Join(t.TempDir(), "live")
	somebody, err := net.Listen("unix", live)
	if err != nil {
		t.Fatal(err)
	}
	defer somebody.Close()
	for address, cure := range map[string]string{
		taken.Addr().String():                      "another program has it: stop that one",
		"192.0.2.1:6432":                           "no interface of this host has that address",
		"unix/" + file:                             "there is a file that is no socket",
		"unix/" + live:                             "another program has it",
		"unix//nowhere/at/all.sock":                "no such file or directory",
		"fd/" + strconv.Itoa(int(descriptorOf(t))): "is no listening socket; have systemd start Caddy",
	} {
		p, f := fakeProcess()
		old, free := testPlan(t, listenApp(freeAddress(t))), freeAddress(t)
		start(t, p, old)
		before := here()
		err := p.push(testPlan(t, listenApp(free, "unix/"+filepath.Join(t.TempDir(), "s"), address)))
		if err == nil || !strings.Contains(err.Error(), "pools.app.listen: listening at "+strings.TrimPrefix(address, "tcp/")) || !strings.Contains(err.Error(), cure) {
			t.Errorf("%s: %v", address, err)
		}
		if p.current.Load() != old || len(p.stack) != 1 || len(f.accepting) != 1 {
			t.Errorf("%s: something has changed", address)
		}
		if n := here(); n != before {
			t.Errorf("%s: %d descriptors more", address, n-before)
		}
		p.remove(old)
	}
}

// descriptorOf is one of a socket that does not listen.
func descriptorOf(t *testing.T) int32 {
	t.Helper()
	pair, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeFD(pair[0]); closeFD(pair[1]) })
	return int32(pair[0])
}

// A path has its permissions, which a reload changes; what a dead program left there is replaced; at the end it is gone.
func TestListeningAtAPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pgmux.sock")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	p, _ := fakeProcess()
	var plans []*plan
	for written, mode := range map[string]os.FileMode{"|0660": 0o660, "": 0o200, "|0777": 0o777} {
		plans = append(plans, testPlan(t, listenApp("unix/"+path+written)))
		start(t, p, plans[len(plans)-1])
		is, err := os.Stat(path)
		if err != nil || is.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", written, is.Mode(), err)
		}
	}
	waiting := knockAt(t, "unix", path)
	for _, old := range plans {
		p.remove(old)
	}
	hearsRefusal(t, waiting, "57P03")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the path is still there: %v", err)
	}
}

// A client that a loop has accepted is let in to the pool of the address, or to the one among several that its database tells.
func TestAnAddressLeadsToItsPools(t *testing.T) {
	app := onePool("app", 1)
	other := *app.Pools["app"]
	other.Databases = []string{"other"}
	third := *app.Pools["app"]
	third.Databases = []string{"app"} // as the first: only addresses tell
	app.Pools["other"], app.Pools["third"] = &other, &third
	both, one := freeAddress(t), freeAddress(t)
	app.Pools["app"].Listen, other.Listen, third.Listen = []string{both}, []string{both}, []string{one}

	p, f := fakeProcess()
	plan := testPlan(t, app)
	start(t, p, plan)
	defer p.remove(plan)
	for _, c := range []struct{ address, database, pool string }{
		{both, "app", "app"}, {both, "other", "other"}, {one, "app", "third"}, {one, "other", ""}, {both, "nobody's", ""},
	} {
		w := &world{fakePooler: f, process: p, address: c.address}
		done := make(chan error, 1)
		go func() {
			conn, err := pgconn.ConnectConfig(t.Context(), w.config(t, "alice", "wonderland", c.database))
			if err == nil {
				conn.Close(t.Context())
			}
			done <- err
		}()
		accept(t, p, c.address)
		if c.pool == "" {
			if err := <-done; err == nil || !strings.Contains(err.Error(), "3D000") {
				t.Errorf("%s at %s: %v", c.database, c.address, err)
			}
			continue
		}
		client, conn := w.takeClient(t)
		if client.Pool != c.pool {
			t.Errorf("%s at %s came to %s, not %s", c.database, c.address, client.Pool, c.pool)
		}
		send(t, conn, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// accept plays a loop, and accepts one client.
func accept(t *testing.T, p *process, address string) {
	t.Helper()
	l := p.entrances.open[address]
	for end := time.Now().Add(time.Minute); time.Now().Before(end); l.await(100 * time.Millisecond) {
		if fd, err := acceptFD(l.fd); err == nil {
			p.accepted(l.name, fd)
			return
		}
	}
	t.Fatal("nobody came")
}

// Of pools that have an address in common, one database may be only one's.
func TestAmbiguousAddresses(t *testing.T) {
	app := onePool("a", 1)
	b := *app.Pools["a"]
	app.Pools["b"] = &b
	app.Pools["a"].Listen, b.Listen = []string{":6432-6434"}, []string{":6434"}
	_, err := newPlan(app, nil)
	if err == nil || !strings.Contains(err.Error(), `pools a and b both listen at :6434 and both have "app" in databases`) {
		t.Errorf("got %v", err)
	}
	b.Listen = []string{":6435"}
	if _, err := newPlan(app, nil); err != nil {
		t.Error(err)
	}
}

// At the end an inherited socket is left as it is: who waits there is for the next process.
func TestAnInheritedSocketIsLeftAlone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	raw, _ := listener.(*net.TCPListener).SyscallConn()
	var plan *plan
	p, _ := fakeProcess()
	p.exiting = func() bool { return true }
	raw.Control(func(fd uintptr) {
		plan = testPlan(t, listenApp("fd/"+strconv.Itoa(int(fd))))
		start(t, p, plan)
		if !p.entrances.have(int(fd)) {
			t.Error("it is not known to be ours")
		}
	})
	conn := knockAt(t, "tcp", listener.Addr().String())
	p.remove(plan)
	p.exit(plan)
	next, err := listener.Accept() // the next process
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	next.Write([]byte("x"))
	if n, err := conn.Read(make([]byte, 1)); n != 1 {
		t.Errorf("who waited was told %v", err)
	}
}

// With a successor at the same port, everybody who comes goes there, and who had come before is told; without one, nothing
// changes.
func TestSteeringAway(t *testing.T) {
	for _, address := range []string{freeAddress(t), strings.Replace(freeAddress(t), "127.0.0.1", "", 1)} {
		for _, first := range []bool{true, false} { // ours came first, or last
			p, f := fakeProcess()
			var successor *entrance
			open := func() {
				all, err := config.ParseListen(address)
				if err == nil {
					successor, err = openEntrance(all[0])
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !first {
				open()
			}
			plan := testPlan(t, listenApp(address))
			start(t, p, plan)
			l := p.entrances.open[address]
			if first {
				if n := sharersOf(l.fd); n != 1 || l.steerAway(p) {
					t.Fatalf("%s: %d listen, and it could be steered away from the only one", address, n)
				}
				open()
			}
			if n := sharersOf(l.fd); n != 2 {
				t.Fatalf("%s: %d listen there, not 2", address, n)
			}
			if !l.steerAway(p) {
				t.Fatalf("%s, first %v: it cannot be steered away", address, first)
			}
			for range 50 {
				knockAt(t, "tcp", l.reachable()).Close()
			}
			got := 0
			for fd, err := acceptFD(successor.fd); err == nil; fd, err = acceptFD(successor.fd) {
				closeFD(fd)
				got++
			}
			if _, err := acceptFD(l.fd); err != unix.EAGAIN || got < 50 {
				t.Errorf("%s, first %v: of 50 who came the successor got %d; accepting from the old one: %v", address, first, got, err)
			}
			abandonEntrances([]*entrance{successor})
			p.remove(plan)
			_ = f
		}
	}
}

// Inodes tell sockets, and addresses those that share.
func TestSharers(t *testing.T) {
	table := filepath.Join(t.TempDir(), "tcp")
	const text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:1920 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0\n" +
		"   1: 0100007F:1920 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0\n" +
		"   2: 0100007F:1921 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1 0\n" +
		"   3: 0100007F:1921 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 14 1 0\n"
	if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for inode, want := range map[uint64]int{11: 2, 12: 2, 13: 1, 14: 0, 15: 0} {
		if n := sharers(table, inode); n != want {
			t.Errorf("%d listen where %d does, not %d", n, inode, want)
		}
	}
}

// All addresses of one family leave those of the other to others.
func TestAllAddressesOfOneFamily(t *testing.T) {
	if conn, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skipf("this machine has no ::1: %v", err)
	} else {
		conn.Close()
	}
	_, port, _ := net.SplitHostPort(freeAddress(t))
	for address, reached := range map[string][2]bool{
		"tcp4/0.0.0.0:" + port: {true, false}, "tcp6/[::]:" + port: {false, true}, ":" + port: {true, true},
	} {
		all, err := config.ParseListen(address)
		if err != nil {
			t.Fatal(err)
		}
		l, err := openEntrance(all[0])
		if err != nil {
			t.Fatal(err)
		}
		for i, host := range []string{"127.0.0.1", "::1"} {
			conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
			if (err == nil) != reached[i] {
				t.Errorf("%s, by %s: %v", address, host, err)
			}
			if err == nil {
				conn.Close()
			}
		}
		abandonEntrances([]*entrance{l})
	}
}

// `tls require` is about the network: who comes by a Unix socket is asked for the proof only.
func TestWhoComesByASocketNeedNotEncrypt(t *testing.T) {
	tcp, path := freeAddress(t), filepath.Join(t.TempDir(), "s")
	p, _ := fakeProcess()
	plan := testPlan(t, listenApp(tcp, "unix/"+path+"|0600"))
	plan.pools["app"].tls = clientTLS{mode: "require"}
	start(t, p, plan)
	for _, c := range []struct{ network, address, entrance, want string }{
		{"tcp", tcp, tcp, "28000"}, {"unix", path, "unix/" + path, "asked for the proof"},
	} {
		conn := knockAt(t, c.network, c.address)
		go p.serve(c.entrance, acceptOne(t, p.entrances.open[c.entrance]))
		if got := firstAnswer(t, conn); got != c.want {
			t.Errorf("by %s: %s, want %s", c.network, got, c.want)
		}
	}
}

// acceptOne is the client that has just come.
func acceptOne(t *testing.T, l *entrance) int {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		fd, err := acceptFD(l.fd)
		if err == nil {
			return fd
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// firstAnswer is what a client is told that says who it is: an SQLSTATE, or that it is to prove it.
func firstAnswer(t *testing.T, conn net.Conn) string {
	t.Helper()
	f := pgproto3.NewFrontend(conn, conn)
	f.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersionNumber, Parameters: map[string]string{"user": "alice", "database": "app"}})
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	switch m, err := f.Receive(); m := m.(type) {
	case *pgproto3.ErrorResponse:
		return m.Code
	case *pgproto3.AuthenticationSASL:
		return "asked for the proof"
	default:
		t.Fatalf("%+v, %v", m, err)
		return ""
	}
}
