package poolhandler

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

const cachePath = "/postgres/cache"

// How many tables and forms of a pool are shown, unless `?tables=` and `?forms=` say more or fewer, and at most.
const (
	shownTables    = 1000
	maxShownTables = 1 << 16
	shownForms     = 50
	maxShownForms  = 1000
)

// serveCache shows the query caches, or empties them.
func (a *Admin) serveCache(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return a.showCaches(w, r.URL.Query())
	case http.MethodDelete:
		return a.purgeCaches(w, r.URL.Query())
	}
	w.Header().Set("Allow", "GET, HEAD, DELETE")
	return caddy.APIError{
		HTTPStatus: http.StatusMethodNotAllowed,
		Err:        fmt.Errorf("%s can be read and emptied: use GET or DELETE, not %s", cachePath, r.Method),
	}
}

// showCaches lists the caches of all pools, or of one.
func (a *Admin) showCaches(w http.ResponseWriter, asked url.Values) error {
	if err := onlyAsked(asked, "pool", "tables", "forms"); err != nil {
		return err
	}
	pool, err := a.askedPool(asked)
	if err != nil {
		return err
	}
	tables, err := askedNumber(asked, "tables", shownTables, maxShownTables)
	if err != nil {
		return err
	}
	forms, err := askedNumber(asked, "forms", shownForms, maxShownForms)
	if err != nil {
		return err
	}
	list := []adminapi.Cache{}
	for _, s := range a.process.caches() {
		if pool == "" || s.Pool == pool {
			list = append(list, a.process.newCacheStatus(&s, tables, forms))
		}
	}
	return answer(w, list)
}

// purgeCaches drops the replies of all pools, or of one; all of them, or those that depend on a table.
func (a *Admin) purgeCaches(w http.ResponseWriter, asked url.Values) error {
	if err := onlyAsked(asked, "pool", "table"); err != nil {
		return err
	}
	pool, err := a.askedPool(asked)
	if err != nil {
		return err
	}
	table := withoutSchema(asked.Get("table"))
	if asked.Has("table") && table == "" {
		return badRequest("table has no name; write one, like ?table=public.orders, or leave it out for all replies")
	}
	var done adminapi.Purged
	if r := a.process.running.Load(); r != nil {
		done.Dropped = r.PurgeCache(pool, table)
	}
	return answer(w, done)
}

// withoutSchema is a table's name as the cache knows it: what stands behind the last dot, or between the last quotes.
func withoutSchema(name string) string {
	if quoted, ok := strings.CutSuffix(name, `"`); ok {
		return quoted[strings.LastIndexByte(quoted, '"')+1:]
	}
	return name[strings.LastIndexByte(name, '.')+1:]
}

// askedNumber is a number of the query string, 0 to most.
func askedNumber(asked url.Values, name string, or, most int) (int, error) {
	if !asked.Has(name) {
		return or, nil
	}
	n, err := strconv.Atoi(asked.Get(name))
	if err != nil || n < 0 || n > most {
		return 0, badRequest("%s is %q, but must be 0 to %d: how many are shown", name, asked.Get(name), most)
	}
	return n, nil
}

// onlyAsked refuses what nobody looks at, so that a slip of the pen does not empty a whole cache.
func onlyAsked(asked url.Values, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if slices.Contains(known, name) {
			continue
		}
		if len(known) == 0 {
			return badRequest("there is no parameter %q, nor any other", name)
		}
		if near := config.Nearest(name, known); near != "" {
			return badRequest("there is no parameter %q; did you mean %s?", name, near)
		}
		return badRequest("there is no parameter %q; there are %s", name, strings.Join(known, ", "))
	}
	return nil
}

func badRequest(format string, args ...any) error {
	return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: fmt.Errorf(format, args...)}
}
