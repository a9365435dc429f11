package login

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fleet is the connections that a test's authServers has.
type fleet struct {
	mu                sync.Mutex
	open, most, dials int
	down              error
	takes             time.Duration
	connections       []*fakeAuthServer
	questions         int
}

type fakeAuthServer struct {
	fleet  *fleet
	broken bool
	ended  bool
}

func (f *fleet) dial(context.Context, string) (authServer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials++
	if f.down != nil {
		return nil, f.down
	}
	f.open++
	f.most = max(f.most, f.open)
	s := &fakeAuthServer{fleet: f}
	f.connections = append(f.connections, s)
	return s, nil
}

var errBroken = errors.New("broken pipe")

func (s *fakeAuthServer) ask(ctx context.Context, _, user string) (authRow, error) {
	s.fleet.mu.Lock()
	s.fleet.questions++
	takes, broken := s.fleet.takes, s.broken
	s.fleet.mu.Unlock()
	if broken {
		return authRow{}, errBroken
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		s.broken = true
		return authRow{}, ctx.Err()
	}
	if user == "raises" {
		return authRow{}, errors.New("raised")
	}
	return authRow{found: true, columns: [][]byte{[]byte(user), []byte("x")}}, nil
}

func (s *fakeAuthServer) usable() bool { return !s.broken && !s.ended }

func (s *fakeAuthServer) close() {
	s.fleet.mu.Lock()
	defer s.fleet.mu.Unlock()
	if s.ended {
		panic("closed twice")
	}
	s.ended = true
	s.fleet.open--
}

func (f *fleet) count() (open, dials int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open, f.dials
}

// manning is an authServers over a fleet, in virtual time.
func manning(t *testing.T, connections int, test func(*testing.T, *fleet, *authServers, *told)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f, log := &fleet{}, &told{}
		s := newAuthServers(AuthQueryConfig{Connections: connections, OnError: log.add})
		s.dial = f.dial
		test(t, f, s, log)
		s.close()
		if open, _ := f.count(); open != 0 {
			t.Errorf("%d connections are left", open)
		}
	})
}

func mustBe(t *testing.T, f *fleet, open, dials int, when string) {
	t.Helper()
	if o, d := f.count(); o != open || d != dials {
		t.Fatalf("%s: %d connections are open after %d dials; want %d, %d", when, o, d, open, dials)
	}
}

func TestAConnectionIsKeptForAMinute(t *testing.T) {
	manning(t, 4, func(t *testing.T, f *fleet, s *authServers, _ *told) {
		for range 3 {
			if _, err := s.ask(t.Context(), alice); err != nil {
				t.Fatal(err)
			}
			time.Sleep(authIdle - 1)
		}
		mustBe(t, f, 1, 1, "while it is used")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		mustBe(t, f, 0, 1, "a minute after")
	})
}

func TestAConnectionInUseIsReplacedInTime(t *testing.T) {
	manning(t, 4, func(t *testing.T, f *fleet, s *authServers, _ *told) {
		const step = 30 * time.Second
		for range authLifetime / step {
			s.ask(t.Context(), alice)
			time.Sleep(step)
		}
		mustBe(t, f, 1, 1, "before its life is over")
		s.ask(t.Context(), alice)
		mustBe(t, f, 0, 1, "its last question")
		s.ask(t.Context(), alice)
		mustBe(t, f, 1, 2, "after")
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	manning(t, 3, func(t *testing.T, f *fleet, s *authServers, _ *told) {
		f.takes = time.Millisecond
		for range 5 {
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() {
					if _, err := s.ask(t.Context(), Identity{"u", fmt.Sprint("db", i%7)}); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		if f.most != 3 {
			t.Errorf("%d connections at a time", f.most)
		}
		f.takes = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { s.ask(ctx, alice) })
		}
		synctest.Wait()
		if _, err := s.ask(ctx, alice); !errors.Is(err, context.DeadlineExceeded) || err.Error() == context.DeadlineExceeded.Error() {
			t.Errorf("without a turn: %v", err)
		}
		all.Wait()
	})
}

// The connections in quiet times: one a database.
func TestTheLastUsedIsUsedNext(t *testing.T) {
	manning(t, 4, func(t *testing.T, f *fleet, s *authServers, _ *told) {
		f.takes = time.Millisecond
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { s.ask(t.Context(), alice) })
		}
		all.Wait()
		mustBe(t, f, 4, 4, "a rush")
		for range 4 {
			time.Sleep(authIdle / 3)
			s.ask(t.Context(), alice)
		}
		mustBe(t, f, 1, 4, "calm")
	})
}

func TestABrokenConnectionIsReplacedOnce(t *testing.T) {
	manning(t, 4, func(t *testing.T, f *fleet, s *authServers, log *told) {
		f.takes = time.Millisecond
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { s.ask(t.Context(), alice) })
		}
		all.Wait()
		for _, c := range f.connections {
			c.broken = true
		}
		if _, err := s.ask(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		mustBe(t, f, 1, 5, "a restart")
		f.connections[4].broken = true
		f.down = errors.New("down")
		if _, err := s.ask(t.Context(), alice); !errors.Is(err, f.down) {
			t.Fatal(err)
		}
		mustBe(t, f, 0, 6, "a stop")
		if n := len(log.all()); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
}

// An upstream that is down is tried twice a second, and told of as often, however many ask.
func TestAnUpstreamThatIsDownIsTriedSeldom(t *testing.T) {
	manning(t, 4, func(t *testing.T, f *fleet, s *authServers, log *told) {
		f.down = errors.New("down")
		for range 1000 {
			if _, err := s.ask(t.Context(), alice); !errors.Is(err, f.down) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if _, dials := f.count(); dials != 20 || len(log.all()) != 20 {
			t.Errorf("%d dials in 10 s, told %d times", dials, len(log.all()))
		}
		if _, err := s.ask(t.Context(), Identity{"alice", "other"}); !errors.Is(err, f.down) {
			t.Fatal("another database is not tried")
		}
		if _, dials := f.count(); dials != 21 {
			t.Errorf("%d dials with another database", dials)
		}
	})
}

// A name for which the query fails keeps nobody else out.
func TestAFailingQuestionDoesNotPauseTheOthers(t *testing.T) {
	manning(t, 4, func(t *testing.T, f *fleet, s *authServers, _ *told) {
		if _, err := s.ask(t.Context(), Identity{"raises", "app"}); err == nil {
			t.Fatal("no error")
		}
		if _, err := s.ask(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		mustBe(t, f, 1, 1, "after an error")
	})
}

func TestAClosedAuthQuerySaysSo(t *testing.T) {
	manning(t, 4, func(t *testing.T, f *fleet, s *authServers, _ *told) {
		f.takes = time.Second
		under := make(chan error)
		go func() { _, err := s.ask(t.Context(), alice); under <- err }()
		synctest.Wait()
		s.close()
		if err := <-under; err != nil {
			t.Errorf("a question under way: %v", err)
		}
		synctest.Wait()
		mustBe(t, f, 0, 1, "after it")
		if _, err := s.ask(t.Context(), alice); !errors.Is(err, errAuthQueryClosed) {
			t.Error(err)
		}
	})
}

func TestNewAuthQueryNamesWhatIsMissing(t *testing.T) {
	for want, cfg := range map[string]AuthQueryConfig{
		"write query_user": {Upstreams: []string{"h:1"}},
		"no upstream":      {User: "u"},
		"is not host:port": {User: "u", Upstreams: []string{"h:1", "h"}},
	} {
		if _, err := NewAuthQuery(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
