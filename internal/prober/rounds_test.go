package prober

import (
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/routing"
)

func TestThePrimaryIsAskedFirst(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		w.change(func() { w.servers["b"].takes = 20 * time.Millisecond })
		nextRound(w, 10*time.Millisecond)
		if asked, _ := w.take(); !slices.Equal(names(asked), []string{"b"}) {
			t.Fatalf("before the primary has answered: %q", asked)
		}
		nextRound(w, 20*time.Millisecond)
		if asked, reports := w.take(); len(asked) != 2 || slices.Contains(names(asked), "b") || len(reports) != 3 || reports[0].Address != "b" {
			t.Fatalf("after: %q, %+v", asked, reports)
		}
	}, replicaAt(100), primaryAt(100), replicaAt(100))
}

func TestAPrimaryThatHangsDelaysNobodyForLong(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		w.change(func() { w.servers["a"].takes = time.Hour })
		nextRound(w, testTimeout/headStart+time.Millisecond)
		if asked, reports := w.take(); len(asked) != 3 || len(reports) != 2 {
			t.Fatalf("while it hangs: %q, %+v", asked, reports)
		}
		time.Sleep(testTimeout)
		_, reports := w.take()
		if len(reports) != 1 || reports[0].Address != "a" || reports[0].Failed != "no answer within 1s" {
			t.Fatalf("when its time is over: %+v", reports)
		}
	}, primaryAt(100), replicaAt(100), replicaAt(100))
}

func TestAReplicaThatHangsDelaysNobody(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		w.change(func() { w.servers["b"].takes = time.Hour })
		for range 3 {
			nextRound(w, time.Millisecond)
			if _, reports := w.take(); len(reports) != 2 {
				t.Fatalf("while it hangs: %+v", reports)
			}
			time.Sleep(testTimeout)
			if _, reports := w.take(); len(reports) != 1 || reports[0].Failed == "" {
				t.Fatalf("of the one that hangs: %+v", reports)
			}
		}
	}, primaryAt(100), replicaAt(100), replicaAt(100))
}

// A replica that is a few milliseconds behind shows in the same round that it has replayed what the primary had written.
func TestAReplicaMayCatchUpWithinTheRound(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		w.change(func() { w.servers["a"].report.Position = 200 })
		nextRound(w, catchUp[0]/2)
		w.change(func() { w.servers["b"].report.Position = 200 })
		time.Sleep(catchUp[0])
		asked, reports := w.take()
		if !slices.Equal(names(asked), []string{"a", "b", "b"}) || len(reports) != 2 || reports[1].Position != 200 {
			t.Fatalf("%q, %+v", asked, reports)
		}
		w.change(func() { w.servers["a"].report.Position = 300 })
		nextRound(w, testTimeout)
		asked, reports = w.take()
		if len(asked) != 2+len(catchUp) || len(reports) != 2 || reports[1].Position != 200 {
			t.Fatalf("one that stays behind: %q, %+v", asked, reports)
		}
	}, primaryAt(100), replicaAt(100))
}

func TestEveryPrimarysPositionHasAMarkOfItsOwn(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		time.Sleep(5 * testInterval)
		_, reports := w.take()
		var last uint64
		for _, r := range reports {
			if r.InRecovery != (r.Mark == 0) || !r.InRecovery && r.Mark <= last {
				t.Fatalf("%+v", reports)
			}
			last = max(last, r.Mark)
		}
	}, primaryAt(100), replicaAt(100))
}

// A promotion is seen in one round, and in the next, at once, everybody knows whom to ask first.
func TestAPromotionBringsARoundAtOnce(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		w.change(func() {
			w.servers["a"].refused, w.servers["a"].broken = errors.New("connection refused"), errors.New("closed")
			w.servers["b"].report = routing.Report{Position: 300, Timeline: 2}
		})
		nextRound(w, soonPause/2)
		if asked, reports := w.take(); asked[0][:1] != "a" || len(reports) != 3 || reports[0].Failed == "" {
			t.Errorf("the first round: %q, %+v", asked, reports)
		}
		time.Sleep(soonPause)
		asked, reports := w.take()
		if got := slices.Compact(names(asked)); !slices.Equal(got, []string{"b", "c"}) || len(reports) != 3 || reports[0].Timeline != 2 {
			t.Errorf("the second: %q, %+v", asked, reports)
		}
	}, primaryAt(100), replicaAt(100), replicaAt(100))
}

func TestOfTwoPrimariesThatOfTheNewerTimelineIsFirst(t *testing.T) {
	two := routing.Report{Position: 50, Timeline: 2}
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		w.change(func() { w.servers["b"].takes = time.Millisecond })
		nextRound(w, 0)
		if asked, _ := w.take(); !slices.Equal(names(asked), []string{"b"}) {
			t.Errorf("asked %q", asked)
		}
	}, primaryAt(100), two, primaryAt(100))
}

func TestSoonIsAtOnceAndNotTooOften(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		p.Soon("b")
		synctest.Wait()
		if asked, reports := w.take(); !slices.Equal(names(asked), []string{"b"}) || len(reports) != 1 {
			t.Fatalf("at once: %q, %+v", asked, reports)
		}
		for range 100 {
			p.Soon("b")
			p.Soon("unknown")
			time.Sleep(time.Millisecond)
		}
		if asked, _ := w.take(); len(asked) != 0 {
			t.Fatalf("in the pause: %q", asked)
		}
		time.Sleep(soonPause - 100*time.Millisecond)
		synctest.Wait()
		if asked, _ := w.take(); !slices.Equal(names(asked), []string{"b"}) {
			t.Fatalf("after a hundred times: %q", asked)
		}
	}, primaryAt(100), replicaAt(100))
}

func TestAConnectionIsKeptAndReplacedWhenItIsOld(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		time.Sleep(lifetime / 2)
		if dials, open := w.count(); dials != 1 || open != 1 {
			t.Fatalf("%d dials, %d open", dials, open)
		}
		time.Sleep(10 * lifetime)
		if dials, open := w.count(); dials < 10 || dials > 15 || open != 1 {
			t.Fatalf("%d dials, %d open", dials, open)
		}
		// There is no room for a successor: it stays.
		w.change(func() { w.servers["a"].refused = &login.ServerError{SQLState: "53300"} })
		w.take()
		time.Sleep(2 * lifetime)
		_, reports := w.take()
		if len(reports) < 50 || slices.ContainsFunc(reports, func(r routing.Report) bool { return r.RoleUnknown || r.Failed != "" }) {
			t.Fatalf("a full server: %+v", reports)
		}
	}, primaryAt(100))
}

func TestABrokenConnectionIsReplacedInTheSameProbe(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		w.change(func() { w.servers["a"].broken = errors.New("reset by peer") })
		nextRound(w, time.Millisecond)
		dials, _ := w.count()
		if _, reports := w.take(); dials != 2 || len(reports) != 1 || reports[0].Failed != "reset by peer" {
			t.Fatalf("%d dials, %+v", dials, reports)
		}
	}, primaryAt(100))
}

// What is the matter with us is no failure of the server, and does not fill its log.
func TestARefusedLoginIsNoFailure(t *testing.T) {
	for name, refused := range map[string]error{
		"password": &login.ServerError{SQLState: "28P01"}, "nobody": ErrNobody, "question": errWontTell,
	} {
		t.Run(name, func(t *testing.T) {
			probing(t, func(t *testing.T, w *world, p *Prober) {
				settle(w)
				w.change(func() {
					w.servers["a"].refused, w.servers["a"].broken = refused, errors.New("reset by peer")
				})
				before, _ := w.count()
				time.Sleep(time.Minute)
				dials, _ := w.count()
				_, reports := w.take()
				if dials-before > 8 {
					t.Errorf("%d logins in a minute", dials-before)
				}
				if len(reports) < 28 || slices.ContainsFunc(reports, func(r routing.Report) bool { return !r.RoleUnknown }) {
					t.Errorf("reports %+v", reports)
				}
				w.change(func() { w.servers["a"].unreach = errors.New("connection refused") })
				nextFailure(t, w)
				w.change(func() { w.servers["a"].refused, w.servers["a"].broken, w.servers["a"].unreach = nil, nil, nil })
				p.Retry()
				time.Sleep(soonPause + 1)
				synctest.Wait()
				if _, reports := w.take(); len(reports) == 0 || reports[0].Position != 100 {
					t.Errorf("with another user: %+v", reports)
				}
			}, primaryAt(100))
		})
	}
}

// nextFailure waits for a few intervals, in which there must be a failure: only a login that is tried again just now is no failure.
func nextFailure(t *testing.T, w *world) {
	t.Helper()
	time.Sleep(5 * testInterval)
	_, reports := w.take()
	for _, r := range reports {
		if r.Failed != "connection refused" && !r.RoleUnknown {
			t.Errorf("%+v", r)
		}
	}
	if !slices.ContainsFunc(reports, func(r routing.Report) bool { return r.Failed != "" }) {
		t.Errorf("no failure in %+v", reports)
	}
}

func TestUpstreamsComeAndGo(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		w.change(func() { w.servers["c"] = &fakeServer{world: w, name: "c", report: replicaAt(100)} })
		p.Follow([]routing.Declared{{Address: "a"}, {Address: "c"}})
		time.Sleep(soonPause)
		synctest.Wait()
		asked, _ := w.take()
		if !slices.Equal(names(asked), []string{"a", "c"}) {
			t.Errorf("asked %q", asked)
		}
		if dials, open := w.count(); dials != 3 || open != 2 {
			t.Errorf("%d dials, %d open", dials, open)
		}
	}, primaryAt(100), replicaAt(100))
}

func TestRoundsAreEvenlySpacedButNotQuite(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		time.Sleep(1000 * testInterval)
		asked, _ := w.take()
		if n := len(asked); n < 970 || n > 1030 {
			t.Errorf("%d rounds in 1000 intervals", n)
		}
		if same := slices.Compact(slices.Sorted(slices.Values(asked))); len(same) < 900 {
			t.Errorf("%d moments", len(same))
		}
	}, primaryAt(100))
}

// A connection that nobody answers on is given up with its probe.
func TestAFailedDialIsToldInTime(t *testing.T) {
	probing(t, func(t *testing.T, w *world, p *Prober) {
		settle(w)
		w.change(func() {
			w.servers["a"].takes, w.servers["a"].refused = time.Hour, &net.OpError{Op: "dial", Err: errors.New("never")}
		})
		time.Sleep(5 * testInterval)
		_, reports := w.take()
		if len(reports) < 4 || slices.ContainsFunc(reports[1:], func(r routing.Report) bool { return r.Failed != "no answer within 1s" }) {
			t.Errorf("%+v", reports)
		}
	}, primaryAt(100))
}
