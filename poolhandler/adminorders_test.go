package poolhandler

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// request asks the admin API, and tells the status, the body and the error's text.
func request(t *testing.T, p *process, method, path string) (int, string, *httptest.ResponseRecorder) {
	t.Helper()
	w, err := get(t, p, method, path)
	if err == nil {
		return w.Code, strings.TrimSpace(w.Body.String()), w
	}
	var refused caddy.APIError
	if !errors.As(err, &refused) {
		t.Fatalf("%s %s: %v is no APIError", method, path, err)
	}
	return refused.HTTPStatus, refused.Err.Error(), w
}

// Every order reaches the engine, with its pool and its database, and is answered when it has been carried out.
func TestOrders(t *testing.T) {
	for _, name := range []string{"pause", "resume", "reconnect", "drain", "kill", "disable", "enable"} {
		p := busyProcess(t)
		f := p.running.Load().pooler.(*fakePooler)
		status, body, _ := request(t, p, "POST", "/postgres/pools/app/"+name+"?database=db&timeout=5s")
		if want := `{"pool":"app","order":"` + name + `","done":true,"left":0}`; status != 200 || body != want {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if got := strings.Join(f.orders, ","); got != name+" app db" {
			t.Errorf("the engine was told %q", got)
		}
	}
}

// What is asked for wrongly changes nothing, and the answer says what would be right.
func TestOrdersThatAreNone(t *testing.T) {
	p := busyProcess(t)
	f := p.running.Load().pooler.(*fakePooler)
	for _, test := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/postgres/pools/app/pause", 405, "/postgres/pools/app/pause changes something: use POST, not GET"},
		{"POST", "/postgres/pools/app/pase", 404, `nothing is called "pase" that can be done to a pool; did you mean pause?`},
		{"POST", "/postgres/pools/app/explode", 404, `nothing is called "explode" that can be done to a pool; there are pause, resume, reconnect, drain, kill, disable, enable`},
		{"POST", "/postgres/pools/ap/pause", 404, `there is no pool "ap"; did you mean app?`},
		{"POST", "/postgres/pools/nothing-like-it/pause", 404, `there is no pool "nothing-like-it"; GET /postgres/pools lists them`},
		{"POST", "/postgres/pools/app/pause?timeout=soon", 400, `timeout is "soon", but must be a duration up to 1h0m0s, like 30s`},
		{"POST", "/postgres/pools/app/pause?timeout=0", 400, `timeout is "0", but must be a duration up to 1h0m0s, like 30s`},
		{"POST", "/postgres/pools/app/pause?timeout=61m", 400, `timeout is "61m", but must be a duration up to 1h0m0s, like 30s`},
		{"POST", "/postgres/pools/app/pause?databas=x", 400, `there is no parameter "databas"; did you mean database?`},
	} {
		if status, says, _ := request(t, p, test.method, test.path); status != test.status || says != test.says {
			t.Errorf("%s %s: %d %s\nnot %d %s", test.method, test.path, status, says, test.status, test.says)
		}
	}
	if len(f.orders) > 0 {
		t.Errorf("the engine was told %v", f.orders)
	}
	if status, _, _ := request(t, p, "POST", "/postgres/pools/app/pause?timeout=60m"); status != 200 {
		t.Errorf("at the longest timeout: %d", status)
	}
}

// An order that is not carried out in time is answered with 504, and how much is left; a pause is taken back.
func TestAnOrderThatTakesTooLong(t *testing.T) {
	p := busyProcess(t)
	f := p.running.Load().pooler.(*fakePooler)
	e := engine.New(1, newHost(p)) // whose loop does not run
	f.progress = e.Order
	status, body, _ := request(t, p, "POST", "/postgres/pools/app/pause?timeout=1ms")
	if want := `{"pool":"app","order":"pause","done":false,"left":0}`; status != 504 || body != want {
		t.Errorf("%d %s", status, body)
	}
}

// Resuming a pool ends a pause that somebody else waits for, who is told so.
func TestAnOrderThatIsUndone(t *testing.T) {
	p := busyProcess(t)
	f := p.running.Load().pooler.(*fakePooler)
	f.progress = func(o engine.Order, target engine.Target) *engine.Progress {
		e := engine.New(1, newHost(p))
		progress := e.Order(o, target)
		e.Order(engine.OrderResume, target)
		return progress
	}
	status, body, _ := request(t, p, "POST", "/postgres/pools/app/pause?timeout=1m")
	const want = `{"pool":"app","order":"pause","done":false,"left":0,` +
		`"error":"the order to pause was ended by a resume before it was done"}`
	if status != 409 || body != want {
		t.Errorf("%d %s", status, body)
	}
}

// lateProgress is an order that is completed in the moment in which nobody waits for it any more.
type lateProgress struct{ done chan struct{} }

func (p *lateProgress) Done() <-chan struct{} { return p.done }
func (p *lateProgress) Undone() bool          { return false }
func (p *lateProgress) Left() int             { return 1 }
func (p *lateProgress) Abandon()              { close(p.done) }

// Who is told that a pause was taken back must not find the pool paused.
func TestAPauseThatIsCompleteAtTheLastMoment(t *testing.T) {
	w := httptest.NewRecorder()
	err := carriedOut(w, &order{Order: engine.OrderPause, target: engine.Target{Pool: "app"}}, &lateProgress{make(chan struct{})})
	if want := `{"pool":"app","order":"pause","done":true,"left":0}`; err != nil || w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("%d %s, %v", w.Code, w.Body, err)
	}
}

// slowOrders has orders given to an engine whose loops do not run, and tells of each.
func slowOrders(t *testing.T) (p *process, given chan *engine.Progress) {
	p, given = busyProcess(t), make(chan *engine.Progress, 10)
	e := engine.New(1, newHost(p))
	p.running.Load().pooler.(*fakePooler).progress = func(o engine.Order, target engine.Target) *engine.Progress {
		progress := e.Order(o, target)
		given <- progress
		return progress
	}
	return p, given
}

// Whoever has ordered a pause and leaves is noticed, whatever came with the order.
func TestAPauseIsTakenBackWhenItsAskerLeaves(t *testing.T) {
	p, given := slowOrders(t)
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := (&Admin{process: p}).serve(w, r); err != nil {
			t.Error(err)
		}
	}))
	defer admin.Close()
	for _, body := range []io.Reader{nil, strings.NewReader("{}"), io.MultiReader(strings.NewReader(strings.Repeat("x", maxOrderBody)))} {
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "POST", admin.URL+"/postgres/pools/app/pause?timeout=1h", body)
		if err != nil {
			t.Fatal(err)
		}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			if response, err := http.DefaultClient.Do(r); err == nil {
				response.Body.Close()
			}
		}()
		progress := <-given
		leave()
		<-gone
		select {
		case <-progress.Done():
		case <-time.After(time.Minute):
			progress.Abandon() // or the endpoint would not close
			t.Fatalf("with %d bytes: the pause stands, and nobody waits for it", r.ContentLength)
		}
		if !progress.Undone() {
			t.Errorf("with %d bytes: it was not taken back", r.ContentLength)
		}
	}
}

// What comes with an order is read, to a bound, before it is given.
func TestTheBodyOfAnOrderIsBounded(t *testing.T) {
	p := busyProcess(t)
	f := p.running.Load().pooler.(*fakePooler)
	for _, test := range []struct {
		body   io.Reader
		status int
		orders int
	}{
		{strings.NewReader(strings.Repeat("x", maxOrderBody)), 200, 1},
		{strings.NewReader(strings.Repeat("x", maxOrderBody+1)), 413, 0},
		{iotest.ErrReader(errors.New("it has stopped")), 400, 0},
	} {
		f.orders = nil
		w := httptest.NewRecorder()
		err := (&Admin{process: p}).serve(w, httptest.NewRequest("POST", "/postgres/pools/app/disable", test.body))
		status := w.Code
		var refused caddy.APIError
		if errors.As(err, &refused) {
			status = refused.HTTPStatus
		}
		if status != test.status || len(f.orders) != test.orders {
			t.Errorf("%d, %v, and orders %v; want %d", status, err, f.orders, test.status)
		}
	}
}
