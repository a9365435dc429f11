package command

import (
	"slices"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// view is one of the pictures that `top` shows.
type view uint8

const (
	viewPools view = iota
	viewClients
	viewServers
	viewQueries
	views
)

var viewNames = [views]string{"pools", "clients", "servers", "queries"}

// viewSorts is by what the rows of each view can be sorted; the first is the default.
var viewSorts = [views][]string{
	viewPools:   {"name", "waiting", "used", "queries"},
	viewClients: {"state", "for", "age", "queries"},
	viewServers: {"state", "for", "age", "queries"},
	viewQueries: adminapi.QuerySorts,
}

// page is how many rows the keys for pages go.
const page = 10

// screen is what `top` shows: a state machine of keys and pictures, which knows neither a terminal nor a clock.
type screen struct {
	source   string // the endpoint's address
	interval time.Duration

	view   view
	sorts  [views]int
	scroll int
	frozen bool

	shown  *picture // what is on the screen
	latest *picture // what came last
	base   *picture // what came before, with which it is compared
	rates  rates
	err    error // why there is nothing newer
}

// wish is what the next picture is to have. Queries come sorted, of which there may be many; others are sorted here.
func (s *screen) wish() wish {
	if s.view == viewQueries {
		return wish{view: s.view, sort: s.sort()}
	}
	return wish{view: s.view}
}

func (s *screen) sort() string { return viewSorts[s.view][s.sorts[s.view]] }

// show takes a new picture, or why there is none. One that a key has asked for comes soon after another: rates of a moment tell nothing, so
// it is compared with the one before that.
func (s *screen) show(p *picture, err error) {
	if s.err = err; err != nil {
		return
	}
	if s.latest != nil && (s.base == nil || p.at.Sub(s.latest.at) >= s.interval/2) {
		s.base = s.latest
	}
	s.latest = p
	if !s.frozen {
		s.shown, s.rates = p, ratesOf(s.base, p)
	}
}

// press obeys a key, and reports whether that was to quit. A picture that stands still has nothing of another view, so then it goes on.
func (s *screen) press(k key) (quit bool) {
	before := s.wish()
	switch k {
	case keyQuit:
		return true
	case keySort:
		s.sorts[s.view] = (s.sorts[s.view] + 1) % len(viewSorts[s.view])
		s.scroll = 0
	case keyPause:
		s.frozen = !s.frozen
	case keyNext:
		s.view = (s.view + 1) % views
	case keyPrevious:
		s.view = (s.view + views - 1) % views
	case keyUp:
		s.move(-1)
	case keyDown:
		s.move(1)
	case keyPageUp:
		s.move(-page)
	case keyPageDown:
		s.move(page)
	}
	if k >= keyFirst && k < keyFirst+key(views) {
		s.view = view(k - keyFirst)
	}
	if s.wish() != before {
		s.scroll, s.frozen = 0, false
	}
	return false
}

// move scrolls, not beyond the last row.
func (s *screen) move(by int) {
	rows := 0
	if p := s.shown; p != nil && s.view != viewPools {
		rows = max(len(p.clients), len(p.servers), len(p.queries)) // a view has one of them
	}
	s.scroll = max(0, min(s.scroll+by, rows-1))
}

// sortAs begins with an order of the view; false if there is none of that name.
func (s *screen) sortAs(name string) bool {
	i := slices.Index(viewSorts[s.view], name)
	if i >= 0 {
		s.sorts[s.view] = i
	}
	return i >= 0
}
