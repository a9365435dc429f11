package command

import (
	"math"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

func press(s *screen, keys ...key) (quit bool) {
	for _, k := range keys {
		quit = quit || s.press(k)
	}
	return quit
}

func TestKeysGoThroughViews(t *testing.T) {
	s := &screen{}
	for _, want := range []view{viewClients, viewServers, viewQueries, viewPools} {
		if press(s, keyNext); s.view != want {
			t.Errorf("at %s, want %s", viewNames[s.view], viewNames[want])
		}
	}
	if press(s, keyPrevious); s.view != viewQueries {
		t.Errorf("back from the first: at %s", viewNames[s.view])
	}
	if press(s, keyFirst+key(viewServers)); s.view != viewServers {
		t.Errorf("3: at %s", viewNames[s.view])
	}
	if press(s, keyOther, keyPause) || !press(s, keyQuit) {
		t.Error("only q quits")
	}
}

func TestEachViewHasItsOrder(t *testing.T) {
	s := &screen{view: viewQueries}
	for _, want := range []string{"calls", "mean", "p99", "rows", "total", "calls"} {
		if press(s, keySort); s.wish() != (wish{viewQueries, want}) {
			t.Errorf("wishes %+v, want %s", s.wish(), want)
		}
	}
	if press(s, keyNext, keyPrevious); s.sort() != "calls" {
		t.Errorf("after another view: %s", s.sort())
	}
	if s.sortAs("nothing") || !s.sortAs("rows") || s.sort() != "rows" {
		t.Errorf("asked for rows: %s", s.sort())
	}
}

func TestAPausedPictureStands(t *testing.T) {
	s := taken(t, viewPools)
	was := s.shown
	press(s, keyPause)
	next := *was
	next.at = was.at.Add(2 * time.Second)
	if s.show(&next, nil); s.shown != was {
		t.Error("it was replaced")
	}
	press(s, keyPause)
	if s.show(&next, nil); s.shown != &next {
		t.Error("it still stands")
	}
	if press(s, keyPause, keySort); !s.frozen || s.sort() != "waiting" {
		t.Error("what stands cannot be sorted")
	}
	if press(s, keyNext); s.frozen {
		t.Error("another view stands, of which there is no picture")
	}
}

// at is a picture of one pool that has counted so many queries.
func at(seconds float64, queries uint64) *picture {
	p := adminapi.Pool{Name: "app"}
	p.Queries = queries
	return &picture{at: noon.Add(time.Duration(seconds * float64(time.Second))), pools: []adminapi.Pool{p}}
}

func TestRatesAreOfTwoPictures(t *testing.T) {
	s := &screen{interval: time.Second}
	rate := func(p *picture) float64 {
		s.show(p, nil)
		return s.rates.pool("app").queries
	}
	if got := rate(at(0, 100)); !math.IsNaN(got) {
		t.Errorf("of one picture: %v", got)
	}
	if got := rate(at(1, 150)); got != 50 {
		t.Errorf("50 queries in a second: %v", got)
	}
	if got := rate(at(1.001, 151)); got > 60 {
		t.Errorf("a key was pressed, and a query came in that millisecond: %v", got)
	}
	if got := rate(at(2.001, 251)); got < 99 || got > 101 {
		t.Errorf("100 queries in the next second: %v", got)
	}
	if got := rate(at(3, 10)); !math.IsNaN(got) {
		t.Errorf("Caddy was started anew: %v", got)
	}
	if got := s.rates.pool("other").queries; !math.IsNaN(got) {
		t.Errorf("of a pool that is not there: %v", got)
	}
}

func TestLoadIsOfTwoPictures(t *testing.T) {
	s := taken(t, viewQueries)
	r := s.rates.query(&s.shown.queries[0])
	if r.calls != 900 || math.Abs(r.load-11.07) > 0.001 {
		t.Errorf("1,800 calls of 12.3 ms in 2 s are %+v", r)
	}
}

func TestWhatIsNotKnownComesLast(t *testing.T) {
	list := []float64{1, math.NaN(), 3, math.NaN(), 2}
	sortBy(list, func(f *float64) float64 { return *f })
	if list[0] != 3 || list[1] != 2 || list[2] != 1 || !math.IsNaN(list[3]) || !math.IsNaN(list[4]) {
		t.Errorf("got %v", list)
	}
}
