package command

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// manyClients answers pages of so many clients, with the IDs from 1.
func (e *endpoint) manyClients(n int) {
	e.handle("GET "+clientsPath, func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		list := []map[string]string{}
		for id := after + 1; id <= n && len(list) < limit; id++ {
			list = append(list, map[string]string{"id": fmt.Sprint(id)})
		}
		if last := after + len(list); last < n {
			next := r.URL.Query()
			next.Set("after", fmt.Sprint(last))
			w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, clientsPath, next.Encode()))
		}
		_ = json.NewEncoder(w).Encode(list)
	})
}

func TestListsComeInPages(t *testing.T) {
	e := newEndpoint(t)
	a, err := newAdmin(e.address())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		there, limit, want int
		more               bool
	}{
		{0, 100, 0, false}, {100, 100, 100, false}, {101, 100, 100, true}, {25000, 0, 25000, false}, {25000, 20000, 20000, true}, {9999, 10001, 9999, false},
	} {
		e.manyClients(c.there)
		all, more, err := a.pages(t.Context(), clientsPath, url.Values{}, c.limit)
		if err != nil || len(all) != c.want || more != c.more {
			t.Errorf("%d of %d: got %d, more %v, %v", c.limit, c.there, len(all), more, err)
		}
	}
}

func TestMoreIsSaid(t *testing.T) {
	e := newEndpoint(t)
	e.manyClients(3)
	if got := e.run(t, "clients", "--limit", "2"); !strings.Contains(got.err, "--limit 0") || strings.Contains(got.out, "limit") {
		t.Errorf("got %+v", got)
	}
}

func TestNextPage(t *testing.T) {
	for link, want := range map[string]string{
		`</postgres/clients?after=7&limit=2>; rel="next"`: "7", `</postgres/clients?after=7>; rel="prev"`: "", "": "", `<%zz>; rel="next"`: "",
	} {
		if got := nextPage(link).Get("after"); got != want {
			t.Errorf("%q: got %q, want %q", link, got, want)
		}
	}
}
