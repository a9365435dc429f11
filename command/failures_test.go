package command

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

// What goes wrong is said with its cure, and nothing else is printed.
func TestWhatGoesWrongIsSaid(t *testing.T) {
	for command, want := range map[string]string{
		"status ap":                    `there is no pool "ap"; did you mean app?`,
		"status elsewhere":             `there is no pool "elsewhere"; there is app, reports and 統計データの長い名前のプール`,
		"pause repots":                 "did you mean reports?",
		"stauts":                       "did you mean status?",
		"pause":                        "write one pool: caddy postgres pause <pool>",
		"pause app reports":            "write one pool",
		"clients app":                  `takes no argument, but was given "app"`,
		"clients --limit -1":           "--limit is -1",
		"queries --sort tottal":        "did you mean total?",
		"queries --limit 0":            "--limit is 0",
		"disconnect alice":             `"alice" is no client; write the ID`,
		"disconnect 99":                "client 99 is not there",
		"pause app --timeout 0s":       "--timeout is 0s",
		"top --interval 1ms --once":    "the least is 100ms",
		"top --view client":            "did you mean clients?",
		"top --view clients --sort ag": "did you mean age?",
		"top --times -1":               "--times is -1",
		"status --config nothing":      "nothing",
	} {
		e := newEndpoint(t)
		e.refuse("DELETE "+clientsPath+"/99", 404, "client 99 is not there")
		args := append(strings.Fields(command), "--address", e.address())
		if strings.Contains(command, "--config") {
			args = strings.Fields(command)
		}
		if got := run(t.Context(), args...); got.failure == nil || !strings.Contains(got.failure.Error(), want) || got.out != "" {
			t.Errorf("%s: got %+v, want %q", command, got, want)
		}
	}
}

func TestAPauseThatIsTooLateHasFailed(t *testing.T) {
	e := newEndpoint(t)
	e.answer("POST "+poolsPath+"/app/pause", http.StatusGatewayTimeout, `{"pool":"app","order":"pause","done":false,"left":3}`)
	got := e.run(t, "pause", "app", "--timeout", "2s")
	const want = "pause of pool app is not done after 2s: 3 connections were still busy; it is taken back"
	if got.failure == nil || !strings.Contains(got.failure.Error(), want) {
		t.Errorf("got %+v, want %q", got, want)
	}
	e.refuse("POST "+poolsPath+"/app/drain", http.StatusGatewayTimeout, "not in time")
	if got := e.run(t, "drain", "app"); got.failure == nil || !strings.Contains(got.failure.Error(), "it goes on") {
		t.Errorf("drain: %+v", got)
	}
}

// Somebody else's resume ends an order that is waited for, and the exit code says so.
func TestAnOrderThatIsEndedHasFailed(t *testing.T) {
	e := newEndpoint(t)
	const why = "the order to pause was ended by a resume before it was done"
	e.answer("POST "+poolsPath+"/app/pause", http.StatusConflict, `{"pool":"app","order":"pause","done":false,"left":1,"error":"`+why+`"}`)
	if got := e.run(t, "pause", "app"); got.failure == nil || got.failure.Error() != why {
		t.Errorf("got %+v", got)
	}
}

// What is asked for wrongly has no rows, and an exit code that says that it is not because there are none.
func TestAStateThatThereIsNotHasFailed(t *testing.T) {
	e := newEndpoint(t)
	e.refuse("GET "+clientsPath, http.StatusBadRequest, `there is no state "wating"; did you mean waiting?`)
	if got := e.run(t, "clients", "--state", "wating"); got.failure == nil || !strings.Contains(got.failure.Error(), "did you mean waiting?") || got.out != "" {
		t.Errorf("got %+v", got)
	}
	e.refuse("GET "+serversPath, http.StatusNotFound, `there is no pool "ap"`)
	if got := e.run(t, "servers", "--pool", "ap"); got.failure == nil || !strings.Contains(got.failure.Error(), "did you mean app?") || got.out != "" {
		t.Errorf("got %+v", got)
	}
}

func TestNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	got := run(t.Context(), "status", "--address", l.Addr().String())
	want := "no Caddy answers at " + l.Addr().String()
	if got.failure == nil || !strings.Contains(got.failure.Error(), want) || !strings.Contains(got.failure.Error(), "--address") {
		t.Errorf("got %+v", got)
	}
}

func TestACaddyWithoutPools(t *testing.T) {
	e := newEndpoint(t)
	e.answer("GET "+poolsPath, 404, "404 page not found")
	if got := e.run(t, "status"); got.failure == nil || !strings.Contains(got.failure.Error(), "built without github.com/pgmux/caddy-pgmux") {
		t.Errorf("got %+v", got)
	}
	e.refuse("GET "+poolsPath, 503, "the event loops do not answer")
	if got := e.run(t, "status"); got.failure == nil || got.failure.Error() != "the event loops do not answer" {
		t.Errorf("got %+v", got)
	}
	e.answer("GET "+poolsPath, 200, "<html>")
	if got := e.run(t, "status"); got.failure == nil || !strings.Contains(got.failure.Error(), "decoding the answer to /postgres/pools") {
		t.Errorf("got %+v", got)
	}
}
