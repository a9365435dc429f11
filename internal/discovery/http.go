package discovery

import (
	"context"
	"fmt"
	"time"
)

// HTTP is a list in JSON that a web server has; see [ParseList].
type HTTP struct {
	URL      string
	Interval time.Duration
	Web      Web

	etag string // of the list that was understood last
}

// Ask implements Source.
func (h *HTTP) Ask(ctx context.Context) (Answer, error) {
	p, err := h.Web.get(ctx, h.URL, h.etag)
	if err != nil {
		return Answer{}, err
	}
	if p.unchanged {
		return Answer{Unchanged: true, Again: h.Interval}, nil
	}
	list, err := ParseList(p.body)
	if err != nil {
		return Answer{}, fmt.Errorf("%w, in the answer of %s", err, h.URL)
	}
	h.etag = p.etag
	return Answer{Upstreams: list, Again: h.Interval}, nil
}
