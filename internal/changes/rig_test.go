package changes

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// patience bounds how long a test waits: generous, because tests share the machine.
const patience = 60 * time.Second

// primary starts a Postgres that can be followed.
func primary(t *testing.T, version int, settings ...string) *pgtest.Server {
	t.Helper()
	o := pgtest.Options{Version: version, Settings: map[string]string{
		"wal_level": "logical", "max_wal_senders": "8", "max_replication_slots": "8", "max_prepared_transactions": "8",
		"synchronous_commit": "on",
	}}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		o.Settings[name] = value
	}
	return pgtest.Start(t, o)
}

// follow runs a stream until the test ends, or until it is told to.
func follow(t *testing.T, s *pgtest.Server, changed func(*Stream)) (*listener, *Stream, context.CancelFunc) {
	t.Helper()
	l := &listener{t: t}
	stream := &Stream{Connect: dialer(s.Addr(), "postgres"), Publication: "pub", Sink: l, Log: l.logged, MinPause: 20 * time.Millisecond,
		MaxPause: 100 * time.Millisecond, Patience: 20 * time.Second}
	if changed != nil {
		changed(stream)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { stream.Run(ctx); close(ended) }()
	stop := func() {
		cancel()
		<-ended
		if l.following || len(l.pending) > 0 {
			t.Errorf("when it had ended it still followed: %v, not visible: %q", l.following, l.pending)
		}
	}
	t.Cleanup(stop)
	return l, stream, stop
}

func dialer(address, user string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, replication string) (net.Conn, error) {
		return login.Open(ctx, login.Target{Address: address, User: user, Database: "postgres", Replication: replication})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, s *pgtest.Server, statements ...string) {
	t.Helper()
	must(t, s.Exec(t.Context(), "postgres", statements...))
}

func session(t *testing.T, s *pgtest.Server) *pgx.Conn {
	t.Helper()
	c, err := s.Super(t.Context(), "postgres")
	must(t, err)
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func run(t *testing.T, c *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// eachVersion runs a test on every Postgres of this machine.
func eachVersion(t *testing.T, test func(t *testing.T, version int)) {
	if len(pgtest.Versions()) == 0 {
		t.Skip(pgtest.ErrNoServer)
	}
	for _, v := range pgtest.Versions() {
		t.Run(fmt.Sprint(v), func(t *testing.T) { test(t, v) })
	}
}
