package poolhandler

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/routing"
)

// probePatience bounds how long a test waits for a probe: generous, because tests share the machine.
const probePatience = 30 * time.Second

// awaitProbe waits for a report as wanted.
func (f *fakePooler) awaitProbe(t *testing.T, wanted func(routing.Report) bool) routing.Report {
	t.Helper()
	for deadline := time.Now().Add(probePatience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		f.mu.Lock()
		reports := f.probed
		f.mu.Unlock()
		for _, p := range reports {
			if p.pool == "app" && wanted(p.Report) {
				return p.Report
			}
		}
	}
	t.Fatalf("no such report among %+v", f.probed)
	return routing.Report{}
}

// forget drops the reports so far.
func (f *fakePooler) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probed = nil
}

func isEnded(p *probe) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(probePatience):
		return false
	}
}

func TestAReloadKeepsWhatIsProbed(t *testing.T) {
	p, _ := fakeProcess()
	start(t, p, testPlan(t, twoUpstreams()))
	first := p.probes.find("app")
	if first == nil {
		t.Fatal("nothing is probed")
	}

	more := twoUpstreams()
	more.Pools["app"].Upstream = append(more.Pools["app"].Upstream, &config.Upstream{Address: "127.0.0.1:5434"})
	more.Pools["app"].HealthUser = &config.ServerUser{Name: "watcher"}
	more.Pools["other"] = twoUpstreams().Pools["app"]
	start(t, p, testPlan(t, more))
	if p.probes.find("app") != first || p.probes.find("other") == nil {
		t.Error("another upstream, or another pool, has begun the probe anew")
	}

	slower := twoUpstreams()
	interval := caddy.Duration(time.Minute)
	slower.Pools["app"].HealthInterval = &interval
	last := testPlan(t, slower)
	start(t, p, last)
	second := p.probes.find("app")
	if second == first || !isEnded(first) || p.probes.find("other") != nil {
		t.Error("another health_interval has not begun it anew")
	}

	single := twoUpstreams()
	single.Pools["app"].Upstream = single.Pools["app"].Upstream[:1]
	only := testPlan(t, single)
	start(t, p, only)
	if p.probes.find("app") != nil || !isEnded(second) {
		t.Error("a single upstream is probed")
	}
}

func TestARemovedAppProbesNothing(t *testing.T) {
	p, _ := fakeProcess()
	only := testPlan(t, twoUpstreams())
	start(t, p, only)
	probe := p.probes.find("app")
	p.remove(only)
	if p.probes.find("app") != nil || !isEnded(probe) {
		t.Error("a removed pool is probed")
	}
}

// probing is a process whose pool has one upstream and is probed often.
func probing(t *testing.T, s *pgtest.Server, change func(*config.Pool)) (*process, *fakePooler, *observer.ObservedLogs) {
	t.Helper()
	interval, timeout := caddy.Duration(50*time.Millisecond), caddy.Duration(probePatience)
	app := &config.App{Pools: map[string]*config.Pool{"app": {
		Upstream: []*config.Upstream{{Address: s.Addr()}}, ReadWriteSplit: "on",
		HealthInterval: &interval, HealthTimeout: &timeout,
		Auth: &config.Auth{Method: "trust"},
	}}}
	change(app.Pools["app"])
	if err := config.Check(app); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	plan, err := newPlan(app, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	p, f := fakeProcess()
	start(t, p, plan)
	t.Cleanup(func() {
		probe := p.probes.find("app")
		p.remove(plan)
		if !isEnded(probe) {
			t.Error("the probe goes on")
		}
	})
	return p, f, logs
}

func isAnswer(r routing.Report) bool  { return r.Failed == "" && !r.RoleUnknown && r.Position > 0 }
func isRefused(r routing.Report) bool { return r.Failed == "" && r.RoleUnknown }

// Who is not let in makes room for the next; a database that is not there, for another.
func TestProbesFindWhoIsLetIn(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{
		Auth: "scram-sha-256", Roles: []pgtest.Role{{Name: "alice", Password: "wonderland"}}, Databases: []string{"app"},
	})
	p, f, logs := probing(t, s, func(c *config.Pool) {
		c.ServerUser = &config.ServerUser{Name: "alice", Secret: "wrong"}
		c.Auth = &config.Auth{User: map[string]string{"alice": "also wrong", "bob": "nobody"}}
	})
	f.awaitProbe(t, isRefused)
	p.probes.learn("app", identity{user: "alice", database: "nowhere", secret: secret(t, "wonderland")})
	f.forget()
	if n := logs.FilterMessageSnippet("cannot be asked").Len(); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
	f.awaitProbe(t, isRefused) // alice is server_user, with her wrong password

	_, f, logs = probing(t, s, func(c *config.Pool) {
		c.Databases = []string{"nowhere"}
		c.Auth = &config.Auth{
			User:      map[string]string{"alice": "wonderland"},
			QueryUser: &config.ServerUser{Name: "alice2", Secret: "x"}, QueryDatabase: "postgres",
		}
	})
	f.awaitProbe(t, isAnswer)
	if n := logs.FilterMessageSnippet("cannot be asked").Len(); n != 0 {
		t.Errorf("it was logged %d times that nobody is let in", n)
	}
}

func secret(t *testing.T, text string) login.Secret {
	t.Helper()
	s, err := login.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Where nobody is known who could ask, an upstream is up as long as somebody takes connections there, and it is asked as soon as the
// first client has got a server.
func TestProbesLearnFromClients(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Auth: "scram-sha-256", Roles: []pgtest.Role{{Name: "alice", Password: "wonderland"}}})
	p, f, logs := probing(t, s, func(*config.Pool) {})
	f.awaitProbe(t, isRefused)
	p.probes.learn("app", identity{user: "alice", database: "postgres", secret: secret(t, "wonderland")})
	r := f.awaitProbe(t, isAnswer)
	if r.Address != s.Addr() || r.Mark == 0 || r.Timeline != 1 {
		t.Errorf("got %+v", r)
	}
	var settings string
	conn, err := s.Super(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	err = conn.QueryRow(t.Context(), "SELECT string_agg(usename || ' in ' || datname, ',') FROM pg_stat_activity "+
		"WHERE application_name = 'pgmux_health'").Scan(&settings)
	if settings != "alice in postgres" || err != nil {
		t.Errorf("asked by %q, %v", settings, err)
	}
	if logs.Len() != 0 {
		t.Errorf("logged %v", logs.All())
	}
}

func TestProbesOutOfTurn(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Roles: []pgtest.Role{{Name: "alice"}}})
	p, f, _ := probing(t, s, func(c *config.Pool) {
		interval := caddy.Duration(time.Hour)
		c.HealthInterval, c.HealthUser = &interval, &config.ServerUser{Name: "alice"}
	})
	f.awaitProbe(t, isAnswer)
	if err := s.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	h := newHost(p)
	h.ProbeSoon("app", s.Addr())
	h.ProbeSoon("other", s.Addr())
	// The connection that was lost may have been tried again before the server was gone.
	f.awaitProbe(t, func(r routing.Report) bool { return strings.Contains(r.Failed, "refused") })
}
