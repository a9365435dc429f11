package command

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// How many rows a picture asks for at most. Those of clients and servers come by their ID, so of more than that, the longest waiting, say, is
// the longest of these.
const (
	askedRows    = 1000
	askedQueries = 100
)

// wish is what a picture is to show.
type wish struct {
	view view
	sort string
}

// picture is what the endpoint answered at one moment. What the wish does not need is not in it.
type picture struct {
	wish
	at        time.Time
	pools     []adminapi.Pool
	upstreams []adminapi.Upstream
	queries   []adminapi.Query
	clients   []adminapi.Client
	servers   []adminapi.Server
	// more: there are more clients or servers than were asked for.
	more bool
	// without is why there is nothing of a part, by its path: an endpoint that does not know it.
	without map[string]error
}

// look asks for what a wish needs. Without pools there is no picture; without another part there is one, which says why.
func (a *admin) look(ctx context.Context, w wish, now func() time.Time) (*picture, error) {
	p := &picture{wish: w, without: make(map[string]error)}
	if err := a.get(ctx, poolsPath, nil, &p.pools); err != nil {
		return nil, err
	}
	p.at = now() // the counters of pools are of about now
	switch w.view {
	case viewPools:
		p.part(upstreamsPath, a.get(ctx, upstreamsPath, nil, &p.upstreams))
		p.part(queriesPath, a.lookAtQueries(ctx, p, adminapi.QuerySorts[0]))
		p.part(clientsPath, lookAtRows(ctx, a, clientsPath, url.Values{"state": {adminapi.ClientWaiting}}, &p.clients, &p.more))
	case viewClients:
		p.part(clientsPath, lookAtRows(ctx, a, clientsPath, url.Values{}, &p.clients, &p.more))
	case viewServers:
		p.part(serversPath, lookAtRows(ctx, a, serversPath, url.Values{}, &p.servers, &p.more))
	case viewQueries:
		p.part(queriesPath, a.lookAtQueries(ctx, p, w.sort))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// part remembers why a part is not there.
func (p *picture) part(path string, err error) {
	if err != nil {
		p.without[path] = err
	}
}

func (a *admin) lookAtQueries(ctx context.Context, p *picture, sort string) error {
	query := url.Values{"limit": {strconv.Itoa(askedQueries)}, "sort": {sort}}
	return a.get(ctx, queriesPath, query, &p.queries)
}

func lookAtRows[T any](ctx context.Context, a *admin, path string, query url.Values, into *[]T, more *bool) error {
	all, isMore, err := a.pages(ctx, path, query, askedRows)
	if err != nil {
		return err
	}
	*more = isMore
	*into, err = decode[T](all)
	return err
}

// sortBy sorts rows by a number, those with the most first, and leaves equal ones as they are. What is not known, NaN, is less than any number.
func sortBy[T any](rows []T, most func(*T) float64) {
	slices.SortStableFunc(rows, func(a, b T) int { return cmp.Compare(most(&b), most(&a)) })
}
