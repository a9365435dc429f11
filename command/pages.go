package command

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// rows is a list as the endpoint answers it. What this program does not know of a row is kept for --json.
type rows []json.RawMessage

// pages reads a list that comes in pages: at most limit rows, or all with 0. It says whether there are more.
func (a *admin) pages(ctx context.Context, path string, query url.Values, limit int) (all rows, more bool, err error) {
	for {
		ask := adminapi.MaxLimit
		if limit > 0 {
			ask = min(ask, limit-len(all))
		}
		query.Set("limit", strconv.Itoa(ask))
		page, next, err := a.page(ctx, path, query)
		if err != nil {
			return nil, false, err
		}
		all = append(all, page...)
		after := next.Get("after")
		if after == "" || len(page) == 0 {
			return all, false, nil
		}
		if limit > 0 && len(all) >= limit {
			return all, true, nil
		}
		query.Set("after", after)
	}
}

// page reads one page, and by what the next is asked for; nothing, if it is the last.
func (a *admin) page(ctx context.Context, path string, query url.Values) (rows, url.Values, error) {
	var page rows
	header, err := a.soon(ctx, http.MethodGet, path, query, &page)
	if err != nil {
		return nil, nil, err
	}
	return page, nextPage(header.Get("Link")), nil
}

// nextPage is the query of the link to the next page: `<…?after=7>; rel="next"`.
func nextPage(link string) url.Values {
	target, relation, _ := strings.Cut(link, ">")
	if !strings.Contains(relation, `rel="next"`) {
		return nil
	}
	u, err := url.Parse(strings.TrimPrefix(target, "<"))
	if err != nil {
		return nil
	}
	return u.Query()
}

// decode reads rows as what they are.
func decode[T any](all rows) ([]T, error) {
	out := make([]T, len(all))
	for i, row := range all {
		if err := json.Unmarshal(row, &out[i]); err != nil {
			return nil, fmt.Errorf("decoding row %d of the answer: %w", i+1, err)
		}
	}
	return out, nil
}
