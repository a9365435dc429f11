package poolhandler

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/console"
	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// withConsole is pool app, whose `databases` are app and any, and a console of which ops is the admin.
func withConsole(t *testing.T) *config.App {
	t.Helper()
	app := onePool("app", 7)
	app.Pools["app"].Databases = []string{"app", "*"}
	app.Console = &config.Console{
		AdminUsers: []*config.User{{Name: "ops", Secret: "command-secret"}}, StatsUsers: []*config.User{{Name: "metrics", Secret: "look-secret"}},
	}
	return app
}

// A client of the console is none of a pool's, whatever its connection is made of, and no secret is shown to it.
func TestTheConsoleIsOfNoPool(t *testing.T) {
	for name, wrap := range map[string]func(net.Conn) net.Conn{"a plain socket": plain, "something else": func(c net.Conn) net.Conn { return decorated{c} }} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withConsole(t), wrap)
			conn, err := pgconn.ConnectConfig(context.Background(), w.config(t, "metrics", "look-secret", "pgbouncer"))
			if err != nil {
				t.Fatal(err)
			}
			results, err := conn.Exec(context.Background(), "SHOW CONFIG").ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			said := fmt.Sprintf("%s", results[0].Rows)
			if !strings.Contains(said, "[default_pool_size 7 20 yes]") || !strings.Contains(said, "[admin_users ops  yes]") {
				t.Errorf("SHOW CONFIG has %s", said)
			}
			for _, secret := range []string{"command-secret", "look-secret", "wonderland"} {
				if strings.Contains(said, secret) {
					t.Errorf("SHOW CONFIG shows the secret %s", secret)
				}
			}
			conn.Close(context.Background())
			<-w.handled
			if w.in() != 0 || len(w.attached) != 0 {
				t.Errorf("%d clients are admitted, %d attached", w.in(), len(w.attached))
			}
			if n := w.process.consoles.count(); n != 0 {
				t.Errorf("%d sessions are still there", n)
			}
		})
	}
}

func TestUsersOfPoolsAreNotLetInToTheConsole(t *testing.T) {
	w := newWorld(t, withConsole(t), plain)
	_, err := pgconn.ConnectConfig(context.Background(), w.config(t, "alice", "wonderland", "pgbouncer"))
	if err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("alice: %v", err)
	}
}

func TestOrdersOfTheConsoleReachTheEngine(t *testing.T) {
	w := newWorld(t, withConsole(t), plain)
	conn, err := pgconn.ConnectConfig(context.Background(), w.config(t, "ops", "command-secret", "pgbouncer"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, command := range []string{"PAUSE", "RESUME app", "KILL_CLIENT 7"} {
		if _, err := conn.Exec(context.Background(), command).ReadAll(); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	if got := strings.Join(w.orders, ", "); got != "pause, resume  app" || w.closed[0] != 7 {
		t.Errorf("the engine was told %s, and to close %d", got, w.closed)
	}
}

func TestPlacesInTheConsoleAreBounded(t *testing.T) {
	p, _ := fakeProcess()
	start(t, p, testPlan(t, withConsole(t)))
	metrics, ops := console.Client{User: "metrics"}, console.Client{User: "ops", Admin: true}
	fill := func(c console.Client, n int) {
		for range n {
			if _, refused := p.consoles.enter(c); refused != nil {
				t.Fatalf("%s: %v", c.User, refused)
			}
		}
		if _, refused := p.consoles.enter(c); refused == nil || refused.SQLState != "53300" {
			t.Errorf("%s, one too many: %v", c.User, refused)
		}
	}
	fill(metrics, maxConsoleSessions-reservedForAdmins)
	fill(ops, reservedForAdmins) // though exporters have taken all they could
	for s := range p.consoles.open {
		p.consoles.leave(s)
		break
	}
	if _, refused := p.consoles.enter(metrics); refused == nil {
		t.Error("where one has left, one comes in who may not take the last places")
	}
	if _, refused := p.consoles.enter(ops); refused != nil {
		t.Errorf("where one has left: %v", refused)
	}
	if _, refused := p.consoles.enter(console.Client{User: "metrics", Admin: true}); refused == nil || refused.SQLState != "57P03" {
		t.Errorf("one who is no admin any more: %v", refused)
	}
}

func TestSessionsEndWithTheirUsers(t *testing.T) {
	p, _ := fakeProcess()
	start(t, p, testPlan(t, withConsole(t)))
	ops, _ := p.consoles.enter(console.Client{User: "ops", Admin: true})
	metrics, _ := p.consoles.enter(console.Client{User: "metrics"})
	next := withConsole(t)
	next.Console.StatsUsers = nil
	start(t, p, testPlan(t, next))
	if ops.ctx.Err() != nil || metrics.ctx.Err() == nil {
		t.Errorf("ops: %v, metrics: %v", ops.ctx.Err(), metrics.ctx.Err())
	}
	next.Console = nil
	start(t, p, testPlan(t, next))
	if ops.ctx.Err() == nil {
		t.Error("ops goes on without a console")
	}
}

// The process does not end before its sessions have been told that it does.
func TestTheEndWaitsForSessions(t *testing.T) {
	p, _ := fakeProcess()
	start(t, p, testPlan(t, withConsole(t)))
	s, _ := p.consoles.enter(console.Client{User: "ops", Admin: true})
	told := make(chan struct{})
	go func() {
		defer p.consoles.leave(s)
		<-s.ctx.Done()
		close(told)
	}()
	began := time.Now()
	p.consoles.apply(nil)
	p.consoles.awaitEnd()
	select {
	case <-told:
	default:
		if time.Since(began) < farewellTimeout { // else the session had no CPU for as long
			t.Error("it has ended before")
		}
		<-told
	}
}

func TestCancelsFindTheirSession(t *testing.T) {
	p, _ := fakeProcess()
	start(t, p, testPlan(t, withConsole(t)))
	s, _ := p.consoles.enter(console.Client{User: "metrics", PID: 7, Secret: []byte("abcd")})
	for _, wrong := range []struct {
		pid    uint32
		secret string
	}{{7, "abce"}, {8, "abcd"}, {7, ""}} {
		if p.consoles.cancel(wrong.pid, []byte(wrong.secret)) {
			t.Errorf("%d %q is taken for the key", wrong.pid, wrong.secret)
		}
	}
	for range 3 { // nobody is kept waiting
		if !p.consoles.cancel(7, []byte("abcd")) {
			t.Error("the key is not known")
		}
	}
	if len(s.cancels) != 1 {
		t.Errorf("%d cancels have come", len(s.cancels))
	}
}

// Operators come in while everybody wants to log in, and have turns of their own for it.
func TestTheConsoleHasTurnsOfItsOwn(t *testing.T) {
	w := withoutTurns(t, withConsole(t), time.Minute)
	conn, err := pgconn.ConnectConfig(context.Background(), w.config(t, "ops", "command-secret", "pgbouncer"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(context.Background())
	<-w.handled
	if n := len(w.process.logins.console); n != 0 {
		t.Errorf("%d turns were not given back", n)
	}
	w = withoutTurns(t, withConsole(t), 2*time.Second)
	for range maxConsoleLogins {
		w.process.logins.console <- struct{}{}
	}
	err = w.loginWithoutTurn(t, "ops", "command-secret", "pgbouncer")
	if err == nil || !strings.Contains(err.Error(), "53300") {
		t.Errorf("one too many: %v", err)
	}
}

// Through a handler that names no pool, the console demands what any pool does; at an address, what those do that it leads to.
func TestTheConsoleIsAsStrictAsItsPools(t *testing.T) {
	app := withConsole(t)
	app.Pools["strict"] = onePool("strict", 1).Pools["strict"]
	plan := testPlan(t, app)
	plan.pools["strict"].tls = clientTLS{mode: "require"}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	for named, want := range map[string]string{"app": "", "strict": "28000", "": "28000"} {
		a := &arrival{plan: plan, among: plan, named: named, conn: near}
		if got := a.checkConsoleTLS(&login.Startup{}); (got == nil) != (want == "") || got != nil && got.SQLState != want {
			t.Errorf("through %q, in clear: %v", named, got)
		}
		if got := a.checkConsoleTLS(&login.Startup{TLS: &login.TLSInfo{}}); got != nil {
			t.Errorf("through %q, encrypted: %v", named, got)
		}
	}
	lenient := *plan
	lenient.pools = map[string]*pool{"app": plan.pools["app"]}
	if got := (&arrival{plan: plan, among: &lenient, conn: near}).checkConsoleTLS(&login.Startup{}); got != nil {
		t.Errorf("at an address that leads to no strict pool, in clear: %v", got)
	}
}

func TestWhoseTheNameIs(t *testing.T) {
	for _, c := range []struct {
		databases []string
		console   bool
		want      bool
	}{
		{[]string{"*"}, true, true}, {[]string{"pgb*"}, true, true}, {[]string{"app"}, true, true}, {nil, true, true},
		{[]string{"pgbouncer"}, true, false}, {[]string{"app", "pgbouncer"}, true, false}, {[]string{"*"}, false, false},
	} {
		app := withConsole(t)
		if app.Pools["app"].Databases = c.databases; !c.console {
			app.Console = nil
		}
		if got := testPlan(t, app).isConsole("pgbouncer"); got != c.want {
			t.Errorf("databases %v, console %t: it is the console's: %t", c.databases, c.console, got)
		}
	}
}

// A RELOAD that Caddy does not know what to do with does no harm.
func TestAReloadThatComesToNothing(t *testing.T) {
	p, _ := fakeProcess()
	start(t, p, testPlan(t, withConsole(t)))
	if err := p.reload(t.Context(), 50*time.Millisecond); !errors.Is(err, errNotReloaded) {
		t.Errorf("got %v", err)
	}
}

// reloading says RELOAD; what Caddy does is up to the test, which gets its answer.
func reloading(t *testing.T, p *process, patience time.Duration) <-chan error {
	t.Helper()
	heard := make(chan os.Signal, 1) // as Caddy
	signal.Notify(heard, syscall.SIGUSR1)
	t.Cleanup(func() { signal.Stop(heard) })
	answer := make(chan error, 1)
	go func() { answer <- p.reload(t.Context(), patience) }()
	<-heard
	return answer
}

// A new configuration is there for good when Caddy has stopped the one before: until then another app may refuse to start.
func TestAReloadReturnsWhenItIsInForce(t *testing.T) {
	p, _ := fakeProcess()
	first, next := testPlan(t, withConsole(t)), testPlan(t, withConsole(t))
	start(t, p, first)
	answer := reloading(t, p, time.Minute)
	if err := p.push(next); err != nil {
		t.Fatal(err)
	}
	if p.replaced(first) {
		t.Error("it has succeeded while both are started")
	}
	select {
	case err := <-answer:
		t.Fatalf("RELOAD has returned while both are started: %v", err)
	default:
	}
	p.remove(first)
	if err := <-answer; err != nil || p.current.Load() != next {
		t.Errorf("got %v", err)
	}
}

// demandReload demands that a RELOAD ends so after what Caddy does meanwhile, which returns how to undo it. Where that comes later than RELOAD
// waits for it, RELOAD is said once more, and waits longer.
func demandReload(t *testing.T, p *process, want error, caddyDoes func() (undo func())) {
	t.Helper()
	for patience := 200 * time.Millisecond; ; patience *= 5 {
		began := time.Now()
		answer := reloading(t, p, patience)
		undo := caddyDoes()
		late := time.Since(began) >= patience
		if err := <-answer; errors.Is(err, want) {
			return
		} else if !late || patience > time.Minute {
			t.Fatalf("got %v", err)
		}
		undo()
	}
}

func TestAReloadThatCaddyTakesBack(t *testing.T) {
	p, _ := fakeProcess()
	first, next := testPlan(t, withConsole(t)), testPlan(t, withConsole(t))
	start(t, p, first)
	demandReload(t, p, errNotReloaded, func() func() {
		if err := p.push(next); err != nil {
			t.Fatal(err)
		}
		p.remove(next)
		return func() {}
	})
}

func TestAReloadOfWhichTheOldGoesOn(t *testing.T) {
	p, _ := fakeProcess()
	start(t, p, testPlan(t, withConsole(t)))
	demandReload(t, p, errNotEnded, func() func() {
		next := testPlan(t, withConsole(t))
		if err := p.push(next); err != nil {
			t.Fatal(err)
		}
		return func() { p.remove(next) }
	})
}

func TestUsersOfTheConsoleNeedSecretsThatDo(t *testing.T) {
	app := withConsole(t)
	app.Console.AdminUsers[0].Secret = "md5" + strings.Repeat("0", 32)
	if _, err := newPlan(app, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "console: ") {
		t.Errorf("got %v", err)
	}
}

// Samples are taken as long as there is a console.
func TestSamplesAreTakenForAConsole(t *testing.T) {
	var s samples
	asked := make(chan struct{}, 10)
	snapshot := func() (engine.Snapshot, error) {
		asked <- struct{}{}
		return engine.Snapshot{}, nil
	}
	s.run(false, snapshot)
	s.run(true, snapshot)
	s.run(true, snapshot)
	<-asked
	for end := time.Now().Add(time.Minute); s.before().At.IsZero(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no sample is taken")
		}
	}
	s.run(false, snapshot)
	if before := s.before(); !before.At.IsZero() {
		t.Errorf("a sample is kept without a console: %v", before.At)
	}
	if len(asked) != 0 {
		t.Error("two were taken at once")
	}
}
