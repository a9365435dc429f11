package command

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorded is an answer of the admin API.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decoded[T any](t testing.TB, name string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(recorded(t, name), &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// golden compares with what is on file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s is not what it was (go test -update, and look at the difference); got\n%s", path, got)
	}
}

// What the recordings have, the types have, and the other way round: decoded and encoded they are the same.
func TestRecordingsAreWhatTheTypesSay(t *testing.T) {
	for name, same := range map[string]func(*testing.T, string){
		"pools.json": roundTrip[[]adminapi.Pool], "pool_app.json": roundTrip[adminapi.PoolDetail], "upstreams.json": roundTrip[[]adminapi.Upstream],
		"clients.json": roundTrip[[]adminapi.Client], "servers.json": roundTrip[[]adminapi.Server], "queries.json": roundTrip[[]adminapi.Query],
		"cache.json": roundTrip[[]adminapi.Cache],
	} {
		same(t, name)
	}
}

func roundTrip[T any](t *testing.T, name string) {
	t.Helper()
	text := recorded(t, name)
	var v T
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var was bytes.Buffer
	if err := json.Compact(&was, text); err != nil {
		t.Fatal(err)
	}
	if got := string(encoded); got != strings.TrimSpace(was.String()) {
		t.Errorf("%s: got  %s\nwant %s", name, got, was.String())
	}
}

// noon is when the pictures were taken.
var noon = time.Date(2026, 1, 7, 12, 4, 0, 0, time.UTC)

// taken is two pictures of a view, two seconds apart, as a screen that has seen both.
func taken(t testing.TB, v view) *screen {
	t.Helper()
	s := &screen{source: "localhost:2019", interval: 2 * time.Second, view: v}
	first := &picture{
		wish: s.wish(), at: noon, pools: decoded[[]adminapi.Pool](t, "pools.json"), upstreams: decoded[[]adminapi.Upstream](t, "upstreams.json"),
		queries: decoded[[]adminapi.Query](t, "queries.json"), clients: decoded[[]adminapi.Client](t, "clients.json"),
		servers: decoded[[]adminapi.Server](t, "servers.json"),
	}
	later := *first
	later.at = noon.Add(2 * time.Second)
	later.pools, later.queries = decoded[[]adminapi.Pool](t, "pools_later.json"), decoded[[]adminapi.Query](t, "queries_later.json")
	if v == viewPools {
		first.clients, later.clients = first.clients[2:4], first.clients[2:4] // those that wait
	}
	s.show(first, nil)
	s.show(&later, nil)
	return s
}
