package poolhandler

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// look asks a page, behind routes that have cut the path that the browser asked for.
func look(p *process, method, asked, cut string) (*httptest.ResponseRecorder, error) {
	d := &Dashboard{process: p}
	d.build()
	r := httptest.NewRequest(method, asked, nil)
	original := *r
	original.URL = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	r = r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original))
	r.URL.Path = strings.TrimPrefix(r.URL.Path, cut)
	w := httptest.NewRecorder()
	return w, d.ServeHTTP(w, r, nil)
}

func TestThePageIsAtAnyPrefix(t *testing.T) {
	p := busyProcess(t)
	for _, c := range []struct{ asked, cut, kind, location string }{
		{"/", "", "text/html; charset=utf-8", ""},
		{"/data", "", "application/json", ""},
		{"/postgres/", "/postgres", "text/html; charset=utf-8", ""},
		{"/postgres/", "/postgres/", "text/html; charset=utf-8", ""},
		{"/postgres", "/postgres", "", "./postgres/"},
		{"/postgres?a=b%20c", "/postgres", "", "./postgres/?a=b%20c"},
		{"/postgres/data", "/postgres", "application/json", ""},
		{"/a/b/c/", "", "text/html; charset=utf-8", ""},
		{"/a/b/c/data", "", "application/json", ""},
		{"/a/b/c", "", "", "./c/"},
		{"/a/b/c", "/a/b", "", "./c/"},
		{"/data", "/data", "", "./data/"}, // a prefix of that name, cut off
		{"/data/data", "/data", "application/json", ""},
		{"/data/", "", "text/html; charset=utf-8", ""},
	} {
		w, err := look(p, "GET", c.asked, c.cut)
		if err != nil {
			t.Errorf("%s without %s: %v", c.asked, c.cut, err)
		}
		if kind, location := w.Header().Get("Content-Type"), w.Header().Get("Location"); kind != c.kind || location != c.location {
			t.Errorf("%s without %s: %q, to %q; want %q, to %q", c.asked, c.cut, kind, location, c.kind, c.location)
		}
	}
}

// A redirect stays on this site, whatever the path is taken for.
func TestARedirectLeadsNowhereElse(t *testing.T) {
	for _, asked := range []string{"//example.com", "/https:example.com", "/\\example.com", "/a/javascript:alert(1)", "/..", "//"} {
		to := slashBehind(asked, "")
		u, err := url.Parse(to)
		if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "./") {
			t.Errorf("%q leads to %q, %v", asked, to, err)
		}
	}
}

func TestThePageIsGuarded(t *testing.T) {
	w, err := look(busyProcess(t), "GET", "/", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control": "no-cache", "Set-Cookie": "",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("the policy is %q", policy)
	}
}

func TestAPageThatIsKnownIsNotSentAgain(t *testing.T) {
	p := busyProcess(t)
	first, err := look(p, "GET", "/", "")
	if err != nil {
		t.Fatal(err)
	}
	d := &Dashboard{process: p}
	d.build()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("If-None-Match", first.Header().Get("ETag"))
	w := httptest.NewRecorder()
	if err := d.ServeHTTP(w, r, nil); err != nil || w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("%d with %d bytes, %v", w.Code, w.Body.Len(), err)
	}
}

func TestThePageIsOnlyRead(t *testing.T) {
	p := busyProcess(t)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		for _, path := range []string{"/", "/data"} {
			w, err := look(p, method, path, "")
			var status caddyhttp.HandlerError
			if !errors.As(err, &status) || status.StatusCode != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %v", method, path, err)
			}
		}
	}
	if _, err := look(p, "HEAD", "/data", ""); err != nil {
		t.Error(err)
	}
}

func TestWhyThereAreNoFiguresIsSaid(t *testing.T) {
	p := busyProcess(t)
	p.view.get(func() ([]byte, error) { return nil, errNoAnswer })
	w, err := look(p, "GET", "/data", "")
	var says struct{ Error string }
	if err != nil || w.Code != http.StatusServiceUnavailable || json.Unmarshal(w.Body.Bytes(), &says) != nil || says.Error != errNoAnswer.Error() {
		t.Errorf("%d %s, %v", w.Code, w.Body, err)
	}
}
