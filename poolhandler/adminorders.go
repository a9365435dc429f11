package poolhandler

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// How long an order may take that says no timeout of its own, and at most.
const (
	orderTimeout    = 30 * time.Second
	maxOrderTimeout = time.Hour
)

// orders is the engine's orders by the names that the admin API has for them.
var orders = map[string]engine.Order{}

func init() {
	for o := engine.OrderPause; o <= engine.OrderEnable; o++ {
		orders[o.String()] = o
	}
}

// order is what is asked for by POST /postgres/pools/<pool>/<order>.
type order struct {
	engine.Order
	target  engine.Target
	timeout time.Duration
}

// maxOrderBody bounds what may come with an order, of which nothing is read.
const maxOrderBody = 64 << 10 // bytes

// serveOrder gives an order and answers when it has been carried out, or its time is over. A pause that is not complete then, or when whoever
// asked for it has left, is taken back: nobody is kept waiting by chance.
func (a *Admin) serveOrder(w http.ResponseWriter, r *http.Request, pool, name string) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("%s changes something: use POST, not %s", r.URL.Path, r.Method)}
	}
	o, err := a.askedOrder(pool, name, r.URL.Query())
	if err != nil {
		return err
	}
	if err := passOver(w, r); err != nil {
		return err
	}
	running := a.process.running.Load()
	if running == nil {
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: fmt.Errorf("no pool runs")}
	}
	http.NewResponseController(w).SetReadDeadline(time.Time{}) // the admin endpoint's would end r.Context after ten seconds
	p := running.Order(o.Order, o.target)
	if refused := p.Refused(); refused != nil {
		return caddy.APIError{HTTPStatus: http.StatusConflict, Err: refused}
	}
	patience := time.NewTimer(o.timeout)
	defer patience.Stop()
	select {
	case <-p.Done():
	case <-patience.C:
	case <-r.Context().Done():
	}
	return carriedOut(w, o, p)
}

// passOver reads the body of a request to its end: before, net/http does not notice that whoever has sent it leaves.
func passOver(w http.ResponseWriter, r *http.Request) error {
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxOrderBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return caddy.APIError{HTTPStatus: http.StatusRequestEntityTooLarge,
			Err: fmt.Errorf("an order needs no body, and this one is longer than %d bytes; write it into the path, like %s/app/pause?timeout=30s", long.Limit, poolsPath)}
	case err != nil:
		return badRequest("reading the body: %w", err)
	}
	return nil
}

// progress is *engine.Progress, or a test's.
type progress interface {
	Done() <-chan struct{}
	Undone() bool
	Left() int
	Abandon()
}

// carriedOut answers how far an order has come. One that is completed in the moment in which nobody waits for it any more is complete: what
// it has left standing stands.
func carriedOut(w http.ResponseWriter, o *order, p progress) error {
	answered := adminapi.Progress{Pool: o.target.Pool, Order: o.Order.String(), Left: p.Left()}
	tooLate := !isOver(p)
	if tooLate {
		p.Abandon()
	}
	if isOver(p) && !p.Undone() {
		answered.Done, answered.Left = true, 0
		return answer(w, answered)
	}
	if tooLate {
		return answerWith(w, http.StatusGatewayTimeout, answered)
	}
	answered.Error = fmt.Sprintf("the order to %s was ended by a resume before it was done", o.Order)
	return answerWith(w, http.StatusConflict, answered)
}

func isOver(p progress) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// askedOrder is what a path and a query string ask for.
func (a *Admin) askedOrder(pool, name string, asked url.Values) (*order, error) {
	o, known := orders[name]
	if !known {
		if near := config.Nearest(name, adminapi.Orders); near != "" {
			return nil, notFound("nothing is called %q that can be done to a pool; did you mean %s?", name, near)
		}
		return nil, notFound("nothing is called %q that can be done to a pool; there are %s", name, strings.Join(adminapi.Orders, ", "))
	}
	if err := onlyAsked(asked, "database", "timeout"); err != nil {
		return nil, err
	}
	if err := a.declared(pool); err != nil {
		return nil, err
	}
	out := &order{Order: o, target: engine.Target{Pool: pool, Database: asked.Get("database")}, timeout: orderTimeout}
	if !asked.Has("timeout") {
		return out, nil
	}
	var err error
	if out.timeout, err = caddy.ParseDuration(asked.Get("timeout")); err != nil || out.timeout <= 0 || out.timeout > maxOrderTimeout {
		return nil, badRequest("timeout is %q, but must be a duration up to %v, like 30s", asked.Get("timeout"), maxOrderTimeout)
	}
	return out, nil
}
