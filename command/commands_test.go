package command

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

func TestTablesAreAsOnFile(t *testing.T) {
	for _, command := range []string{"status", "status app", "clients", "servers", "queries", "cache"} {
		got := newEndpoint(t).run(t, strings.Fields(command)...)
		if got.failure != nil {
			t.Errorf("%s: %v", command, got.failure)
		}
		out := sinceUnknown(got.out)
		golden(t, "command_"+strings.ReplaceAll(command, " ", "_"), out)
	}
}

// sinceUnknown leaves out tables of upstreams: for how long they are up depends on the day.
func sinceUnknown(out string) string {
	before, _, _ := strings.Cut(out, "\nPOOL     UPSTREAM")
	return before
}

func TestUpstreams(t *testing.T) {
	golden(t, "command_upstreams", strings.Join(upstreamTable(decoded[[]adminapi.Upstream](t, "upstreams.json"), noon).lines(0), "\n")+"\n")
	if got := newEndpoint(t).run(t, "upstreams"); got.failure != nil || !strings.Contains(got.out, "connection refused") {
		t.Errorf("got %+v", got)
	}
}

// --json is what the API answers, whether this program knows it or not.
func TestJSONIsTheAnswer(t *testing.T) {
	e := newEndpoint(t)
	e.answer("GET "+clientsPath, 200, `[{"id":"1","of_the_future":"<yes>"}]`)
	if got := e.run(t, "clients", "--json"); got.failure != nil || !strings.Contains(got.out, `"of_the_future": "<yes>"`) {
		t.Errorf("clients: %+v", got)
	}
	var both struct {
		Pools     []adminapi.Pool
		Upstreams []adminapi.Upstream
	}
	got := e.run(t, "status", "--json")
	if err := json.Unmarshal([]byte(got.out), &both); err != nil || len(both.Pools) != 3 || len(both.Upstreams) != 4 {
		t.Errorf("status: %v, %+v", err, got)
	}
	for _, command := range []string{"servers", "queries", "upstreams", "cache"} {
		var list []map[string]any
		if got := e.run(t, command, "--json"); json.Unmarshal([]byte(got.out), &list) != nil || len(list) == 0 {
			t.Errorf("%s: %+v", command, got)
		}
	}
	e.answer("GET "+serversPath, 200, `[]`)
	if got := e.run(t, "servers", "--json"); strings.TrimSpace(got.out) != "[]" {
		t.Errorf("no servers: %+v", got)
	}
}

// Nor does a terminal obey what is printed for programs, to which it is the same.
func TestJSONIsHarmless(t *testing.T) {
	e := newEndpoint(t)
	const evil = "\u007f\u0080\u009b2J\u009f\u202e\u2066\u200f\U000e0001 ä 統 😀"
	e.answer("GET "+clientsPath, 200, `[{"id":"1","application_name":"`+evil+`"}]`)
	got := e.run(t, "clients", "--json")
	var list []struct {
		ApplicationName string `json:"application_name"`
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || len(list) != 1 || list[0].ApplicationName != evil {
		t.Errorf("%v: %+v", err, got)
	}
	if strings.ContainsFunc(strings.ReplaceAll(got.out, "\n", ""), func(r rune) bool { return unicode.Is(unicode.C, r) }) || !strings.Contains(got.out, " ä 統 😀") {
		t.Errorf("printed %q", got.out)
	}
	e.answer("GET "+clientsPath, 200, "[{\"id\":\"\x9b\"}]")
	if got := e.run(t, "clients", "--json"); got.failure != nil || !utf8.ValidString(got.out) {
		t.Errorf("printed %q, %v", got.out, got.failure)
	}
}

func TestFlagsBecomeTheQuery(t *testing.T) {
	for command, want := range map[string]string{
		"clients --pool app --user alice --application web --from 10.1.0.7 --state waiting --upstream 10.0.0.1:5432 --database app --limit 7": "GET " +
			clientsPath + "?address=10.1.0.7&application_name=web&database=app&limit=7&pool=app&state=waiting&upstream=10.0.0.1%3A5432&user=alice",
		"servers --state active":                  "GET " + serversPath + "?limit=100&state=active",
		"queries --sort p99 --limit 3 --pool app": "GET " + queriesPath + "?limit=3&pool=app&sort=p99",
		"upstreams --pool app":                    "GET " + upstreamsPath + "?pool=app",
		"cache --pool app --limit 2":              "GET " + cachePath + "?forms=2&pool=app&tables=2",
		"purge":                                   "DELETE " + cachePath,
		"purge --pool app --table public.orders":  "DELETE " + cachePath + "?pool=app&table=public.orders",
		"purge --table=":                          "DELETE " + cachePath + "?table=",
		"disconnect 1043":                         "DELETE " + clientsPath + "/1043",
		"pause app":                               "POST " + poolsPath + "/app/pause?timeout=30s",
		"kill app --database x --timeout 1500ms":  "POST " + poolsPath + "/app/kill?database=x&timeout=1.5s",
		"resume a/b":                              "POST " + poolsPath + "/a%2Fb/resume?timeout=30s",
	} {
		e := newEndpoint(t)
		if e.run(t, strings.Fields(command)...); !e.wasAsked(want) {
			t.Errorf("%s: asked %q, want %s", command, e.asked, want)
		}
	}
}

func TestDeedsSayWhatTheyDid(t *testing.T) {
	e := newEndpoint(t)
	e.answer("DELETE "+cachePath, 200, `{"dropped":1234}`)
	e.answer("DELETE "+clientsPath+"/1043", 200, `{"closed":true}`)
	for _, o := range adminapi.Orders {
		e.answer("POST "+poolsPath+"/app/"+o, 200, fmt.Sprintf(`{"pool":"app","order":%q,"done":true,"left":0}`, o))
	}
	for command, want := range map[string]string{
		"purge":                   "1,234 replies are dropped.",
		"disconnect 1043":         "Client 1043 is disconnected.",
		"pause app":               "Pool app is paused; 'caddy postgres resume app' ends that.",
		"pause app --database db": "Database db of pool app is paused; 'caddy postgres resume app --database db' ends that.",
		"disable app":             "Pool app is disabled; 'caddy postgres enable app' ends that.",
		"resume app":              "Pool app is active.",
	} {
		if got := e.run(t, strings.Fields(command)...); got.failure != nil || strings.TrimSpace(got.out) != want {
			t.Errorf("%s: got %+v, want %q", command, got, want)
		}
	}
}

func TestEveryOrderIsACommand(t *testing.T) {
	if len(orders) != len(adminapi.Orders) {
		t.Errorf("%d commands for %d orders", len(orders), len(adminapi.Orders))
	}
	for i, name := range adminapi.Orders {
		if orders[i].name != name {
			t.Errorf("order %s has command %s", name, orders[i].name)
		}
	}
}

func TestAnEndpointOnASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: newEndpoint(t)}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	for _, address := range []string{"unix/" + path, "unix/" + path + "|0220"} {
		if got := run(t.Context(), "status", "--address", address); got.failure != nil || !strings.Contains(got.out, "reports") {
			t.Errorf("%s: %+v", address, got)
		}
	}
}

func TestPoolsAreCompleted(t *testing.T) {
	defer func(d time.Duration) { completionTimeout = d }(completionTimeout)
	completionTimeout = time.Minute
	g := &group{address: newEndpoint(t).address()}
	if names, _ := g.completePool(nil, nil, ""); len(names) != 3 || names[0] != "app" {
		t.Errorf("got %q", names)
	}
	if names, how := g.completePool(nil, []string{"app"}, ""); names != nil || how != cobra.ShellCompDirectiveNoFileComp {
		t.Errorf("behind the pool: %q", names)
	}
}

func TestTopPrintsPictures(t *testing.T) {
	e := newEndpoint(t)
	got := e.run(t, "top", "-n", "2", "--interval", "100ms")
	if n := strings.Count(got.out, "pgmux at "+e.address()); got.failure != nil || n != 2 || !strings.Contains(got.out, "SELECT o.id") {
		t.Errorf("%d pictures: %+v", n, got)
	}
	if got := e.run(t, "top", "--once", "--interval", "100ms", "--view", "clients", "--sort", "age"); strings.Count(got.out, "1043  app") != 1 {
		t.Errorf("once: %+v", got)
	}
}

// Interrupted, it ends as if it had been told to.
func TestTopEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := newEndpoint(t)
	e.handle("GET "+upstreamsPath, func(http.ResponseWriter, *http.Request) { cancel() })
	done := make(chan said)
	go func() { done <- run(ctx, "top", "--address", e.address(), "--interval", "100ms") }()
	select {
	case got := <-done:
		if got.failure != nil {
			t.Errorf("got %+v", got)
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
}
