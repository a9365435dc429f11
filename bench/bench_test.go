package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/load"
	"github.com/pgmux/caddy-pgmux/bench/internal/relay"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// drivers are those every test runs on; io_uring may be refused here.
var drivers = []string{"epoll", "io_uring"}

// onStage gives a test the fake server.
func onStage(t *testing.T, driver string, onUnix bool) *stage {
	t.Helper()
	st, err := openStage(driver, onUnix)
	if err != nil {
		t.Skipf("driver %s cannot be had: %v", driver, err)
	}
	t.Cleanup(st.close)
	return st
}

// theRelay puts the bare relay before the fake server.
func theRelay(t *testing.T, driver, backend string, servers int) (address string) {
	t.Helper()
	g, err := rig.New(driver, 1024)
	if err != nil {
		t.Fatal(err)
	}
	g.Run()
	t.Cleanup(g.Stop)
	r := relay.New(g)
	if err := r.Connect(backend, servers); err != nil {
		t.Fatal(err)
	}
	l, err := rig.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go r.Serve(l)
	return l.Addr().String()
}

// patiently repeats a measurement, with a longer window each time, until its sample is good enough: a loop that gets no CPU meanwhile measures
// nothing, and one that gets it late a part.
func patiently(t *testing.T, enough func(report.Sample) bool, measure func(window) (report.Sample, error)) (s report.Sample) {
	t.Helper()
	length := 300 * time.Millisecond
	for range 5 {
		var err error
		if s, err = measure(window{length: length}); err != nil {
			t.Fatal(err)
		}
		if enough(s) {
			break
		}
		length *= 2
	}
	return s
}

// anything is enough where a sample is to be of something only.
func anything(s report.Sample) bool { return s.PerSecond > 0 }

// Every reply has one row and status I, or measure fails; so this also tells that nobody's reply goes astray.
func TestEveryModeRunsThroughTheRelay(t *testing.T) {
	for _, driver := range drivers {
		for _, mode := range load.Modes {
			t.Run(driver+"/"+mode.Name, func(t *testing.T) {
				st := onStage(t, driver, mode.Name == "extended")
				address := theRelay(t, driver, st.address, 5)
				s := patiently(t, anything, func(w window) (report.Sample, error) {
					return st.measure(target{address: address}, mode, 50, w)
				})
				if s.PerSecond == 0 || s.P50 == 0 || s.P50 > s.P999 {
					t.Fatalf("sample %+v", s)
				}
				if c := st.counters(); c.MaxSessions != 5 || c.Broken != 0 {
					t.Fatalf("the server saw %+v", c)
				}
			})
		}
	}
}

func TestFakeServerFollowsTransactionsAndErrors(t *testing.T) {
	st := onStage(t, "epoll", false)
	c, err := rig.Dial(st.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if err := wire.Login(c, "bench", "bench"); err != nil {
		t.Fatal(err)
	}
	query := func(sql string) []byte { return wire.AppendQuery(nil, sql) }
	failing := wire.AppendSync(wire.AppendExecute(wire.AppendBind(wire.AppendParse(nil, "f", "FAIL"), "f")))
	for _, step := range []struct {
		say  []byte
		want string // tags, in order, and after Z the status
	}{
		{query("SELECT 1"), "T D C ZI"},
		{query(""), "I ZI"},
		{query("DISCARD ALL"), "C ZI"},
		{query("BEGIN"), "C ZT"},
		{query("FAIL"), "E ZE"},
		{query("SELECT 1"), "E ZE"},
		{query("ROLLBACK"), "C ZI"},
		{failing, "1 2 E ZI"},
		{wire.AppendSync(wire.AppendExecute(wire.AppendDescribe(wire.AppendBind(nil, "f")))), "2 n E ZI"},
		{wire.AppendSync(wire.AppendExecute(wire.AppendDescribe(wire.AppendBind(nil, "new")))), "2 T D C ZI"},
	} {
		if _, err := c.Write(step.say); err != nil {
			t.Fatal(err)
		}
		if got := replies(t, c); got != step.want {
			t.Errorf("%q is answered with %s, want %s", step.say, got, step.want)
		}
	}
}

// replies reads up to ReadyForQuery.
func replies(t *testing.T, c interface{ Read([]byte) (int, error) }) string {
	t.Helper()
	var tags []string
	var s wire.Scanner
	for b := make([]byte, 1); ; {
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
		f, _ := s.Next(b)
		switch f.Tag {
		case 0:
		case wire.ReadyForQuery:
			return strings.Join(append(tags, "Z"+string(f.First)), " ")
		default:
			tags = append(tags, string(f.Tag))
		}
	}
}

func TestRowsAreReadOrRefusedWithACure(t *testing.T) {
	rows, err := parseRows("64:simple,1000:pipelined")
	if err != nil || len(rows) != 2 || rows[1].clients != 1000 || rows[1].mode.Name != "pipelined" {
		t.Fatalf("%v, %v", rows, err)
	}
	for _, wrong := range []string{"", "simple", "0:simple", "64:fast"} {
		if _, err := parseRows(wrong); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
