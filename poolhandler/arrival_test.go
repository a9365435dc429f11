package poolhandler

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// world is a listener whose connections go to a handler, as caddy-l4 has it, in front of a fake engine.
type world struct {
	*fakePooler
	process *process
	address string
	handled chan struct{} // one for each Handle that has returned
}

// newWorld serves pool app; wrap makes of a socket what the handler gets.
func newWorld(t *testing.T, app *config.App, wrap func(net.Conn) net.Conn) *world {
	t.Helper()
	w := &world{handled: make(chan struct{}, 100)}
	w.process, w.fakePooler = fakeProcess()
	start(t, w.process, testPlan(t, app))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	w.address = listener.Addr().String()
	h := &Handler{Handler: config.Handler{Pool: "app"}, process: w.process}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close() // as caddy-l4 does
				if err := h.Handle(layer4.WrapConnection(wrap(conn), nil, zap.NewNop()), nil); err != nil {
					t.Errorf("Handle: %v", err)
				}
				w.handled <- struct{}{}
			}()
		}
	}()
	return w
}

func plain(c net.Conn) net.Conn { return c }

// decorated is a connection that another handler has made more of.
type decorated struct{ net.Conn }

func (w *world) config(t *testing.T, user, password, database string) *pgconn.Config {
	t.Helper()
	c, err := pgconn.ParseConfig("postgres://" + user + ":" + password + "@" + w.address + "/" + database + "?sslmode=disable&connect_timeout=60")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// takeClient plays the engine: it answers the attached client as a shard would, and returns the socket.
func (w *world) takeClient(t *testing.T) (engine.Client, net.Conn) {
	t.Helper()
	select {
	case c := <-w.attached:
		file := os.NewFile(uintptr(c.FD), "client")
		conn, err := net.FileConn(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(time.Minute))
		return c, conn
	case <-time.After(time.Minute):
		t.Fatal("nobody was attached")
		panic("unreachable")
	}
}

func send(t *testing.T, conn net.Conn, messages ...pgproto3.BackendMessage) {
	t.Helper()
	var out []byte
	for _, m := range messages {
		var err error
		if out, err = m.Encode(out); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write(out); err != nil {
		t.Fatal(err)
	}
}

func TestClientIsHandedOver(t *testing.T) {
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"a plain socket":  plain,
		"through a pump":  func(c net.Conn) net.Conn { return decorated{c} },
		"with CloseWrite": func(c net.Conn) net.Conn { return struct{ *net.TCPConn }{c.(*net.TCPConn)} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, onePool("app", 1), wrap)
			result := make(chan error, 1)
			go func() {
				cfg := w.config(t, "alice", "wonderland", "app")
				cfg.RuntimeParams["application_name"] = "test"
				conn, err := pgconn.ConnectConfig(context.Background(), cfg)
				if err == nil {
					err = conn.Close(context.Background())
				}
				result <- err
			}()
			c, conn := w.takeClient(t)
			if c.Pool != "app" || c.Database != "app" || c.User != "alice" || !strings.HasPrefix(c.Address, "127.0.0.1:") {
				t.Errorf("attached %+v", c)
			}
			if len(c.Startup) != 1 || c.Startup[0] != (engine.Setting{Name: "application_name", Value: "test"}) {
				t.Errorf("settings %+v", c.Startup)
			}
			if name == "a plain socket" {
				<-w.handled // nothing stays behind
			}
			send(t, conn, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
			if goodbye, err := io.ReadAll(conn); err != nil || len(goodbye) != 5 || goodbye[0] != 'X' {
				t.Errorf("after the login came %q, %v; want Terminate", goodbye, err)
			}
			conn.Close()
			if err := <-result; err != nil {
				t.Error(err)
			}
			if name != "a plain socket" {
				<-w.handled // the pump has ended
			}
			if w.in() != 1 {
				t.Errorf("%d clients are admitted, not 1", w.in())
			}
		})
	}
}

func TestRefusedClientsAreTold(t *testing.T) {
	full := &engine.Refusal{SQLState: "53300", Message: "sorry, too many clients already", Hint: "max_client_connections"}
	for _, c := range []struct {
		name, user, password, database string
		admit, attach                  *engine.Refusal
		want, outcome                  string
	}{
		{"wrong password", "alice", "x", "app", nil, nil, "28P01", "bad_password"},
		{"unknown user", "eve", "wonderland", "app", nil, nil, "28P01", "bad_password"},
		{"unknown database", "alice", "wonderland", "other", nil, nil, "3D000", "unknown_database"},
		{"a full pool", "alice", "wonderland", "app", full, nil, "53300", "too_many"},
		{"a full loop", "alice", "wonderland", "app", nil, full, "53300", "too_many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, onePool("app", 1), plain)
			w.refuseWith(c.admit, c.attach)
			_, err := pgconn.ConnectConfig(context.Background(), w.config(t, c.user, c.password, c.database))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			<-w.handled
			if w.in() != 0 {
				t.Errorf("%d admissions were not given back", w.in())
			}
			if w.process.counts.logins.n[c.outcome] != 1 {
				t.Errorf("not counted as %s: %v", c.outcome, w.process.counts.logins.n)
			}
		})
	}
}

func TestCancelRequestIsPassedOnAlsoWhenFull(t *testing.T) {
	w := newWorld(t, onePool("app", 1), plain)
	w.refuseWith(&engine.Refusal{SQLState: "53300", Message: "full"}, nil)
	conn := dial(t, w.address)
	request, _ := (&pgproto3.CancelRequest{ProcessID: 7, SecretKey: []byte{0xA, 0xB, 0xC, 0xD}}).Encode(nil)
	conn.Write(request)
	if got := <-w.cancelled; got != "7 0a0b0c0d" {
		t.Errorf("cancelled %s", got)
	}
	if answer, _ := io.ReadAll(conn); len(answer) != 0 {
		t.Errorf("a cancel was answered: %q", answer)
	}
}

func TestSlowLoginEnds(t *testing.T) {
	app := onePool("app", 1)
	short := caddy.Duration(20 * time.Millisecond)
	app.ClientLoginTimeout = &short
	w := newWorld(t, app, plain)
	conn := dial(t, w.address)
	conn.Write([]byte{0, 0, 0}) // and no more

	// If nobody has read them when the time is over, it is reset.
	if _, err := io.ReadAll(conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("not closed: %v", err)
	}
	<-w.handled
	if w.process.counts.logins.n["timeout"] != 1 {
		t.Errorf("counted %v", w.process.counts.logins.n)
	}
}

// withoutTurns is a world in which nobody's turn to log in ever comes, nor may a login take longer than that.
func withoutTurns(t *testing.T, app *config.App, loginTimeout time.Duration) *world {
	app.ClientLoginTimeout = (*caddy.Duration)(&loginTimeout)
	w := newWorld(t, app, plain)
	for range maxLogins {
		w.process.logins.turns <- struct{}{}
	}
	return w
}

// loginWithoutTurn is the answer to who waits in vain. Who has not said who it is when its time is over is told nothing, and tries again.
func (w *world) loginWithoutTurn(t *testing.T, user, password, database string) (err error) {
	for range 5 {
		var refused *pgconn.PgError
		_, err = pgconn.ConnectConfig(context.Background(), w.config(t, user, password, database))
		if <-w.handled; err == nil || errors.As(err, &refused) {
			break
		}
	}
	return err
}

func TestLoginsAreBounded(t *testing.T) {
	w := withoutTurns(t, onePool("app", 1), 2*time.Second)
	err := w.loginWithoutTurn(t, "alice", "wonderland", "app")
	if err == nil || !strings.Contains(err.Error(), "53300") {
		t.Errorf("got %v", err)
	}
	if len(w.process.logins.turns) != maxLogins {
		t.Error("a turn was given back that nobody had")
	}
}

// However many connections say nothing, others log in, and cancels are delivered.
func TestWhoSaysNothingTakesNoTurn(t *testing.T) {
	w := newWorld(t, onePool("app", 1), plain)
	var silent []net.Conn
	for range maxLogins + 1 {
		silent = append(silent, dial(t, w.address))
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cfg := w.config(t, "alice", "wonderland", "app")
	go pgconn.ConnectConfig(ctx, cfg)
	w.takeClient(t)
	for _, conn := range silent {
		conn.Close()
	}
	for range len(silent) + 1 {
		<-w.handled
	}
}

func TestRemovedPoolIsSaid(t *testing.T) {
	w := newWorld(t, onePool("other", 1), plain) // the handler's pool is app
	_, err := pgconn.ConnectConfig(context.Background(), w.config(t, "alice", "wonderland", "app"))
	if err == nil || !strings.Contains(err.Error(), "57P01") {
		t.Errorf("got %v", err)
	}
	<-w.handled
}

func TestEndingProcessSaysSo(t *testing.T) {
	w := newWorld(t, onePool("app", 1), plain)
	w.process.running.Store(nil)
	_, err := pgconn.ConnectConfig(context.Background(), w.config(t, "alice", "wonderland", "app"))
	if err == nil || !strings.Contains(err.Error(), "57P03") {
		t.Errorf("got %v", err)
	}
	<-w.handled
}

func TestNearTheLimitOfDescriptorsClientsAreTold(t *testing.T) {
	defer func(l limit) { theLimit = l }(theLimit)
	theLimit = limit{read: func() (uint64, error) { return 8, nil }}
	w := newWorld(t, onePool("app", 1), plain)
	_, err := pgconn.ConnectConfig(context.Background(), w.config(t, "alice", "wonderland", "app"))
	if err == nil || !strings.Contains(err.Error(), "53300") {
		t.Errorf("got %v", err)
	}
	<-w.handled
}

func TestBytesThatMatchersReadAreNotLost(t *testing.T) {
	w := newWorld(t, onePool("app", 1), plain)
	ours, theirs := net.Pipe()
	defer ours.Close()
	request, _ := (&pgproto3.CancelRequest{ProcessID: 7, SecretKey: []byte{1, 2, 3, 4}}).Encode(nil)
	cx := layer4.WrapConnection(theirs, bytes.Clone(request), zap.NewNop())
	(&Handler{Handler: config.Handler{Pool: "app"}, process: w.process}).Handle(cx, nil)
	if got := <-w.cancelled; got != "7 01020304" {
		t.Errorf("cancelled %s", got)
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}
