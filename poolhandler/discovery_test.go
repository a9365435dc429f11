package poolhandler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// toldSource is a source that pushes what a test tells it.
type toldSource struct {
	lists chan []config.Upstream
	ended chan struct{} // one for each Watch that has returned

	watched atomic.Int32
}

func newToldSource() *toldSource {
	return &toldSource{lists: make(chan []config.Upstream), ended: make(chan struct{}, 1000)}
}

func (s *toldSource) Watch(ctx context.Context, push func([]config.Upstream)) {
	if s.watched.Add(1) != 1 {
		panic("watched twice at a time")
	}
	defer func() {
		s.watched.Add(-1)
		s.ended <- struct{}{}
	}()
	for {
		select {
		case list := <-s.lists:
			push(list)
		case <-ctx.Done():
			return
		}
	}
}

func (s *toldSource) tell(addresses ...string) {
	list := make([]config.Upstream, len(addresses))
	for i, a := range addresses {
		list[i].Address = a
	}
	s.lists <- list
}

// planWith is a plan whose pool app has these sources, named by number.
func planWith(t *testing.T, sources ...*toldSource) *plan {
	t.Helper()
	p := testPlan(t, onePool("app", 1))
	for i, s := range sources {
		p.pools["app"].sources = append(p.pools["app"].sources, newSource(sourceID{"app", fmt.Sprint(i)}, s))
	}
	return p
}

// awaitUpstreams waits until the engine was told these last.
func (f *fakePooler) awaitUpstreams(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got = f.upstreams(); slices.Equal(got, want) {
			return
		}
	}
	t.Fatalf("the engine has %q, want %q", got, want)
}

func (f *fakePooler) upstreams() (list []string) {
	if c := f.last(); len(c.Pools) > 0 {
		for _, u := range c.Pools[0].Upstreams {
			list = append(list, u.Address)
		}
	}
	return list
}

const written = "127.0.0.1:5432" // of onePool

func TestWhatIsFoundComesBehindWhatIsWritten(t *testing.T) {
	p, f := fakeProcess()
	one, two := newToldSource(), newToldSource()
	start(t, p, planWith(t, one, two))
	f.awaitUpstreams(t, written)
	two.tell("c:1", "a:1")
	f.awaitUpstreams(t, written, "c:1", "a:1")
	one.tell("a:1", written, "b:1", "b:1") // what is there twice counts once, as it comes first
	f.awaitUpstreams(t, written, "a:1", "b:1", "c:1")
	one.tell()
	f.awaitUpstreams(t, written, "c:1", "a:1")
	if got := p.pool("app").found.get(); !slices.Equal(got, []string{"c:1", "a:1"}) {
		t.Errorf("for who asks for secrets there are %q", got)
	}
}

func TestTheEngineIsToldOnlyWhatIsNew(t *testing.T) {
	p, f := fakeProcess()
	s := newToldSource()
	start(t, p, planWith(t, s))
	weight := 1
	for _, list := range [][]config.Upstream{{{Address: "a:1"}}, {{Address: "a:1", Role: "auto", Weight: &weight}}, {{Address: "a:1"}}} {
		s.lists <- list
	}
	s.tell("a:1", "b:1")
	f.awaitUpstreams(t, written, "a:1", "b:1")
	if n := len(f.applied); n != 3 {
		t.Errorf("the engine was told %d times, want 3", n)
	}
}

func TestAReloadKeepsWhatAnUnchangedSourceHasFound(t *testing.T) {
	p, f := fakeProcess()
	first, second := newToldSource(), newToldSource()
	old, next := planWith(t, first), planWith(t, second)
	start(t, p, old)
	first.tell("a:1")
	f.awaitUpstreams(t, written, "a:1")

	start(t, p, next)
	p.remove(old)
	if got := f.upstreams(); !slices.Equal(got, []string{written, "a:1"}) {
		t.Errorf("the new plan began with %q", got)
	}
	<-first.ended
	second.tell("b:1")
	f.awaitUpstreams(t, written, "b:1")
}

func TestAReloadForgetsWhatAnotherSourceHasFound(t *testing.T) {
	p, f := fakeProcess()
	s := newToldSource()
	old, next := planWith(t, s), planWith(t, newToldSource())
	next.pools["app"].sources[0].id.written = "another"
	start(t, p, old)
	s.tell("a:1")
	f.awaitUpstreams(t, written, "a:1")
	start(t, p, next)
	f.awaitUpstreams(t, written)
	p.remove(next) // it failed
	f.awaitUpstreams(t, written, "a:1")
	start(t, p, next)
	p.remove(old) // it did not
	if n := len(p.discoveries.lists); n != 0 {
		t.Errorf("%d lists are kept that no source has", n)
	}
}

func TestSourcesOfAFailedReloadEndAndTheOldOnesGoOn(t *testing.T) {
	p, f := fakeProcess()
	kept, failed := newToldSource(), newToldSource()
	old, next := planWith(t, kept), planWith(t, failed)
	start(t, p, old)
	kept.tell("a:1")
	start(t, p, next)
	<-kept.ended
	failed.tell("b:1")
	p.remove(next)
	<-failed.ended
	kept.tell("c:1")
	f.awaitUpstreams(t, written, "c:1")
}

func TestASourceIsWatchedOnceAtATime(t *testing.T) {
	p, f := fakeProcess()
	s := newToldSource()
	old := planWith(t, s)
	start(t, p, old)
	for range 100 { // reloads that fail
		next := planWith(t)
		start(t, p, next)
		p.remove(next)
	}
	s.tell("a:1")
	f.awaitUpstreams(t, written, "a:1")
}

func TestSourcesEndWithTheirPool(t *testing.T) {
	p, f := fakeProcess()
	s := newToldSource()
	only := planWith(t, s)
	start(t, p, only)
	s.tell("a:1")
	f.awaitUpstreams(t, written, "a:1")
	p.remove(only)
	<-s.ended
	p.found(only, sourceID{"app", "0"}, []config.Upstream{{Address: "late:1"}}) // what was under way comes too late
	if got := f.upstreams(); len(got) != 0 {
		t.Errorf("after the app the engine has %q", got)
	}
}

func TestFoundUpstreamsThatCannotBeUsedAreLeftOut(t *testing.T) {
	p, f := fakeProcess()
	s := newToldSource()
	plan := planWith(t, s)
	core, log := observer.New(zapcore.WarnLevel)
	plan.logger = zap.New(core)
	start(t, p, plan)
	zero := 0
	s.lists <- []config.Upstream{{Address: "db"}, {Address: "a:1", Role: "leader"}, {Address: "b:1", Weight: &zero}, {Address: "{env.HOME}:1"}, {Address: "c:1"}}
	f.awaitUpstreams(t, written, "c:1")
	if n := log.Len(); n != 4 {
		t.Errorf("%d warnings, want 4: %v", n, log.All())
	}
}

func TestTooManyFoundUpstreamsAreCutOff(t *testing.T) {
	p, f := fakeProcess()
	s := newToldSource()
	start(t, p, planWith(t, s))
	var many []string
	for i := range config.MaxUpstreams + 5 {
		many = append(many, fmt.Sprintf("db%d:5432", i))
	}
	s.tell(many...)
	f.awaitUpstreams(t, append([]string{written}, many[:config.MaxUpstreams-1]...)...)
}

func TestAPoolMayHaveSourcesOnly(t *testing.T) {
	app := onePool("app", 1)
	app.Pools["app"].Upstream = nil
	app.Pools["app"].DynamicUpstreams = append(app.Pools["app"].DynamicUpstreams, []byte(`{"source": "static"}`))
	app.Pools["app"].Auth.QueryUser = &config.ServerUser{Name: "pooler"}
	plan := testPlan(t, app)
	s := newToldSource()
	plan.pools["app"].sources = []source{newSource(sourceID{"app", "0"}, s)}
	p, f := fakeProcess()
	start(t, p, plan)
	f.awaitUpstreams(t)
	s.tell("a:1")
	f.awaitUpstreams(t, "a:1")
}

func TestFoundUpstreamsAreInTheAdminAPI(t *testing.T) {
	p, f := fakeProcess()
	s := newToldSource()
	start(t, p, planWith(t, s))
	s.tell("a:1")
	f.awaitUpstreams(t, written, "a:1")
	all := details(p.discoveries.inForce.Load(), engine.Snapshot{})
	if _, there := all[0].Upstreams["a:1"]; !there {
		t.Errorf("there are %v", all[0].Upstreams)
	}
}

func TestFailuresOfASourceAreLoggedOnceEach(t *testing.T) {
	core, log := observer.New(zapcore.InfoLevel)
	said := findings{logger: zap.New(core)}
	for _, err := range []error{nil, errNoAnswer, errNoAnswer, errNoAnswer, context.Canceled, nil, nil, errNoAnswer} {
		said.tell(err)
	}
	var lines []string
	for _, e := range log.All() {
		lines = append(lines, e.Level.String()+" "+e.Message)
	}
	got := strings.Join(lines, "; ")
	const failed, again = "warn upstreams cannot be found out; those found before stay", "info upstreams are found out again"
	if want := strings.Join([]string{failed, failed, again, failed}, "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
