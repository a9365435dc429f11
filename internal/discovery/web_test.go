package discovery

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// webServer is one on loopback.
func webServer(t *testing.T, handle http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL
}

func testWeb() Web { return Web{Client: new(http.Client), Timeout: time.Minute} }

func TestAListIsFetchedAgainOnlyWhereItHasChanged(t *testing.T) {
	var version, full atomic.Int32
	url := webServer(t, func(w http.ResponseWriter, r *http.Request) {
		etag := fmt.Sprintf(`"v%d"`, version.Load())
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		full.Add(1)
		fmt.Fprintf(w, `[{"address": "a:%d"}]`, 5432+version.Load())
	})
	s := &HTTP{URL: url, Interval: time.Minute, Web: testWeb()}
	for i, want := range []string{"a:5432", "unchanged", "unchanged", "a:5433", "unchanged"} {
		if i == 3 {
			version.Add(1)
		}
		a, err := s.Ask(t.Context())
		got := shown(a.Upstreams)
		if a.Unchanged {
			got = "unchanged"
		}
		if err != nil || got != want || a.Again != time.Minute {
			t.Errorf("time %d: %s, %v, again in %v; want %s", i, got, err, a.Again, want)
		}
	}
	if n := full.Load(); n != 2 {
		t.Errorf("the list was sent %d times, want 2", n)
	}
}

func TestAListThatIsNotUnderstoodIsAskedForWholeAgain(t *testing.T) {
	var good atomic.Bool
	url := webServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"same"`)
		switch {
		case r.Header.Get("If-None-Match") != "":
			w.WriteHeader(http.StatusNotModified)
		case good.Load():
			fmt.Fprint(w, `[{"address": "a:1"}]`)
		default:
			fmt.Fprint(w, `[{"address`)
		}
	})
	s := &HTTP{URL: url, Interval: time.Minute, Web: testWeb()}
	if _, err := s.Ask(t.Context()); err == nil || !strings.Contains(err.Error(), url) {
		t.Errorf("got %v", err)
	}
	good.Store(true)
	if a, err := s.Ask(t.Context()); err != nil || shown(a.Upstreams) != "a:1" {
		t.Errorf("got %s, %v", shown(a.Upstreams), err)
	}
}

func TestWhatAWebServerMayNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"an error":                {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) }, "it says 502 Bad Gateway"},
		"304 without being asked": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, "it says 304"},
		"without end": {func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte("[" + strings.Repeat(" ", maxBody) + "]"))
		}, "longer than 1 MiB"},
		"a page of a proxy": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "invalid character '<'"},
	} {
		_, err := (&HTTP{URL: webServer(t, c.handle), Web: testWeb()}).Ask(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestASilentWebServerIsGivenUp(t *testing.T) {
	over := make(chan struct{})
	url := webServer(t, func(http.ResponseWriter, *http.Request) { <-over })
	defer close(over)
	s := &HTTP{URL: url, Web: Web{Client: new(http.Client), Timeout: 20 * time.Millisecond}}
	if _, err := s.Ask(t.Context()); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("got %v", err)
	}
}

func TestPatroniIsAskedWhoeverAnswers(t *testing.T) {
	var healthy atomic.Bool
	var asked atomic.Int32
	sick := webServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !healthy.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"members":[{"role":"leader","state":"running","host":"sick","port":1}]}`)
	})
	well := webServer(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.URL.Path != "/cluster" || user != "pgmux" || password != "secret" {
			t.Errorf("asked for %s as %s, %s", r.URL.Path, user, password)
		}
		fmt.Fprint(w, `{"members":[{"role":"leader","state":"running","host":"well","port":1}]}`)
	})
	web := testWeb()
	web.User, web.Password = "pgmux", "secret"
	s := &Patroni{URLs: []string{"http://127.0.0.1:1", sick, well + "/"}, Interval: time.Second, Web: web}
	for range 2 { // the second time who answered is asked first
		if a, err := s.Ask(t.Context()); err != nil || shown(a.Upstreams) != "well:1" || a.Again != time.Second {
			t.Errorf("got %s, %v", shown(a.Upstreams), err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the sick one was asked %d times, want once", n)
	}
}

func TestPatroniThatNobodyAnswersForIsAnErrorOfAll(t *testing.T) {
	s := &Patroni{URLs: []string{"http://127.0.0.1:1", "http://127.0.0.1:2"}, Web: testWeb()}
	_, err := s.Ask(t.Context())
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1/cluster") || !strings.Contains(err.Error(), "127.0.0.1:2/cluster") {
		t.Errorf("got %v", err)
	}
}
