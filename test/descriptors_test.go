//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// limitFiles starts a program under this RLIMIT_NOFILE, soft and hard: Go raises the soft one.
func limitFiles(limit int) []string {
	return []string{"/bin/sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, limit)}
}

// Many more connections come than there may be descriptors, twice. Whoever is in stays in and is served, the others
// are told 53300 or nothing at all, and when they are gone nothing of them is left.
func TestBurstBeyondTheLimitOfDescriptors(t *testing.T) {
	for name, c := range map[string]struct {
		limit, clients int
		before         string // a handler that makes of a connection more than a socket, which takes three
		listen         string
	}{
		"256":         {limit: 256, clients: 1000},
		"256, own":    {limit: 256, clients: 1000, listen: ownListener},
		"256, pumped": {limit: 256, clients: 1000, before: "throttle"},
	} {
		t.Run(name, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
				if direct() {
					t.Skip("a limit of the pooler")
				}
				if c.before != "" && driver != drivers()[0] {
					t.Skip("pumped connections are the same for both drivers")
				}
				p := startPooler(t, driver, server, settings{
					Global:   "client_login_timeout 10s",
					Pool:     "pool_size 4",
					Auth:     "user app {env.PGMUX_TEST_PASSWORD}",
					Launcher: limitFiles(c.limit),
					Before:   c.before,
					Listen:   c.listen,
				})
				defer func() {
					if log := p.out.String(); strings.Contains(log, "too many open files") {
						t.Errorf("descriptors ran out:\n%s", excerpt(log, "too many open files"))
					}
				}()
				inside := letIn(t, p, 4)
				before := p.descriptors()
				for range 2 {
					b := startBurst(p, c.clients)
					t.Logf("of %d clients: %s", c.clients, b)
					b.demandRefusals(t)
					b.awaitRefusal(p)
					inside.demandService()
					b.leave()
					p.awaitRoom(c.limit / 10)
					p.awaitDescriptors(before + 1) // the listener's duplicate, from which we accept beside layer4
				}
				t.Logf("%d queries of those who were in", inside.leave())
			})
		})
	}
}

// insiders are clients that logged in before the burst and ask all the time.
type insiders struct {
	t       *testing.T
	conns   []*pgx.Conn
	stop    chan struct{}
	all     sync.WaitGroup
	mu      sync.Mutex
	queries int
}

func letIn(t *testing.T, p *pooler, n int) *insiders {
	t.Helper()
	in := &insiders{t: t, stop: make(chan struct{})}
	for range n {
		conn, err := pgx.Connect(within(t), p.dsn("app"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(within(t)) })
		if _, err := conn.Exec(within(t), "BEGIN"); err != nil { // so that each needs a server of its own
			t.Fatal(err)
		}
		in.conns = append(in.conns, conn)
	}
	for _, conn := range in.conns {
		if _, err := conn.Exec(within(t), "COMMIT"); err != nil {
			t.Fatal(err)
		}
		in.all.Go(func() { in.ask(conn) })
	}
	t.Cleanup(func() { in.leave() })
	return in
}

// ask queries until told to stop.
func (in *insiders) ask(conn *pgx.Conn) {
	for {
		select {
		case <-in.stop:
			return
		case <-time.After(time.Millisecond):
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := conn.Exec(ctx, "SELECT 1")
		cancel()
		if err != nil {
			in.t.Errorf("a client that was in: %v", err)
			return
		}
		in.mu.Lock()
		in.queries++
		in.mu.Unlock()
	}
}

// demandService waits until each of them may have been served once more.
func (in *insiders) demandService() {
	in.t.Helper()
	from := in.served()
	eventually(in.t, "those who are in are served", func() error {
		if now := in.served(); now < from+len(in.conns) {
			return fmt.Errorf("%d queries", now-from)
		}
		return nil
	})
}

func (in *insiders) served() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.queries
}

// leave ends the asking, once, and returns how many queries were answered.
func (in *insiders) leave() int {
	select {
	case <-in.stop:
	default:
		close(in.stop)
	}
	in.all.Wait()
	return in.served()
}

// burstPatience is how long a client of the burst tries: TCP asks some to come again, twice and thrice.
const burstPatience = 5 * time.Second

// burst is many clients that come at once and stay: every third logs in, every third breaks its login off, and every
// third says nothing.
type burst struct {
	all    sync.WaitGroup
	mu     sync.Mutex
	conns  []net.Conn
	in     []*pgconn.PgConn
	silent int     // that connected and said nothing
	errs   []error // of those that were not let in
}

// startBurst returns when every client knows how it stands.
func startBurst(p *pooler, clients int) *burst {
	b := &burst{}
	for i := range clients {
		b.all.Go(func() {
			switch i % 3 {
			case 0:
				b.logIn(p)
			case 1:
				b.breakOff(p)
			case 2:
				b.sayNothing(p)
			}
		})
	}
	b.all.Wait()
	return b
}

func (b *burst) logIn(p *pooler) {
	ctx, cancel := context.WithTimeout(context.Background(), burstPatience)
	defer cancel()
	conn, err := pgconn.Connect(ctx, p.dsn("app"))
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.errs = append(b.errs, err)
		return
	}
	b.in = append(b.in, conn)
}

// breakOff sends a startup message, hears what there is to prove, and leaves it at that.
func (b *burst) breakOff(p *pooler) {
	conn := b.dial(p)
	if conn == nil {
		return
	}
	frontend := pgproto3.NewFrontend(conn, conn)
	frontend.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters: map[string]string{"user": "app", "database": "app"}})
	err := frontend.Flush()
	if err == nil {
		_ = conn.SetReadDeadline(time.Now().Add(burstPatience))
		var msg pgproto3.BackendMessage
		if msg, err = frontend.Receive(); err == nil {
			if refused, ok := msg.(*pgproto3.ErrorResponse); ok {
				err = pgconn.ErrorResponseToPgError(refused)
			}
		}
	}
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.errs = append(b.errs, err)
	}
}

func (b *burst) sayNothing(p *pooler) {
	if b.dial(p) != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.silent++
	}
}

// dial connects, or notes why not.
func (b *burst) dial(p *pooler) net.Conn {
	conn, err := net.DialTimeout("tcp", p.Addr, burstPatience)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.errs = append(b.errs, err)
		return nil
	}
	b.conns = append(b.conns, conn)
	return conn
}

// demandRefusals demands that some were not let in, and that whoever was told anything was told 53300 and a hint.
func (b *burst) demandRefusals(t *testing.T) {
	t.Helper()
	if len(b.errs) == 0 {
		t.Error("everybody was let in")
	}
	for _, err := range b.errs {
		var refused *pgconn.PgError
		if errors.As(err, &refused) && (refused.Code != "53300" || refused.Hint == "") {
			t.Errorf("a client beyond the limit: %v with hint %q, want 53300 and a hint", err, refused.Hint)
		}
	}
}

// String counts how it went.
func (b *burst) String() string {
	told := 0
	for _, err := range b.errs {
		var refused *pgconn.PgError
		if errors.As(err, &refused) {
			told++
		}
	}
	return fmt.Sprintf("%d logged in, %d said nothing, %d were told why not, %d were told nothing", len(b.in), b.silent,
		told, len(b.errs)-told)
}

// leave closes everything: some with a goodbye, some without.
func (b *burst) leave() {
	for _, conn := range b.in {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_ = conn.Close(ctx)
		cancel()
	}
	for _, conn := range b.conns {
		conn.Close()
	}
}

// awaitRefusal waits until a client that comes while there is no room is told so: those who say nothing may take the
// turns of those who are being told, for a moment. A client that does find room joins the burst, with some who say
// nothing and so keep their descriptor, also where a ring takes it from those who are in.
func (b *burst) awaitRefusal(p *pooler) {
	p.t.Helper()
	eventually(p.t, "a client is told that there is no room", func() error {
		conn, err := pgconn.Connect(within(p.t), p.dsn("app"))
		var refused *pgconn.PgError
		switch {
		case err == nil:
			b.in = append(b.in, conn)
			for range 10 {
				b.sayNothing(p)
			}
			return errors.New("it was let in")
		case !errors.As(err, &refused):
			return err
		case refused.Code != "53300" || refused.Hint == "":
			p.t.Fatalf("told %v with hint %q, want 53300 and a hint", err, refused.Hint)
		}
		return nil
	})
}

// awaitRoom waits until so many clients can be in at once, and be served.
func (p *pooler) awaitRoom(clients int) {
	p.t.Helper()
	var in []*pgx.Conn
	defer func() {
		for _, conn := range in {
			conn.Close(within(p.t))
		}
	}()
	for len(in) < clients {
		eventually(p.t, fmt.Sprintf("room for client %d", len(in)+1), func() error {
			conn, err := pgx.Connect(within(p.t), p.dsn("app"))
			if err == nil {
				in = append(in, conn)
				_, err = conn.Exec(within(p.t), "SELECT 1")
			}
			return err
		})
	}
}

// ghostPatience is how long a burst has after-effects. The kernel answers it with SYN cookies, and may take the last packet of a client
// that is gone for the first of a new one: that client says nothing, and is gone with client_login_timeout. Such packets are sent
// again, at last some 13 and 25 seconds later.
const ghostPatience = time.Minute

// awaitDescriptors waits until the program has no more than so many open.
func (p *pooler) awaitDescriptors(most int) {
	p.t.Helper()
	for deadline := time.Now().Add(ghostPatience); ; time.Sleep(10 * time.Millisecond) {
		now := p.descriptors()
		if now <= most {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("after %v %d descriptors are open, want at most %d: %s", ghostPatience, now, most, p.openFiles())
		}
	}
}

// openFiles is what the descriptors of the program are.
func (p *pooler) openFiles() (files []string) {
	dir := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, entry := range entries {
		if to, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil { // else it has been closed meanwhile
			files = append(files, to)
		}
	}
	return files
}
