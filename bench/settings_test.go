package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/bench/internal/load"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rig"
	"github.com/pgmux/caddy-pgmux/bench/internal/rival"
	"github.com/pgmux/caddy-pgmux/bench/internal/wire"
)

// withSettings is a mode of clients that set something.
func withSettings(t *testing.T, kind string, groups int) load.Mode {
	t.Helper()
	m, err := load.WithSettings(kind, groups)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// On servers of their own, all clients find what they have set, and servers hear nothing but clients.
func TestClientsFindTheirSettings(t *testing.T) {
	for _, kind := range []string{"none", "five", "local"} {
		st := onStage(t, "epoll", false)
		s := patiently(t, anything, func(w window) (report.Sample, error) {
			return st.measure(target{address: st.address}, withSettings(t, kind, 7), 20, w)
		})
		if s.PerSecond == 0 || s.Extra != 0 {
			t.Fatalf("%s: %+v", kind, s)
		}
	}
}

// A pooler that lets settings go to others, or be lost, is found out.
func TestAPoolerThatLosesSettingsIsFoundOut(t *testing.T) {
	for _, kind := range []string{"two", "five", "set"} {
		st := onStage(t, "epoll", false)
		address := theRelay(t, "epoll", st.address, 3)
		var err error
		for range 5 { // in a window in which the loop gets little CPU, it may be that nothing is lost
			if _, err = st.measure(target{address: address}, withSettings(t, kind, 4), 20, window{length: 300 * time.Millisecond}); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), "under the settings of another") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	st := onStage(t, "epoll", false)
	address := theRelay(t, "epoll", st.address, 3)
	if _, err := st.measure(target{address: address}, withSettings(t, "local", 4), 20, window{length: 300 * time.Millisecond}); err != nil {
		t.Errorf("in transactions the relay does it right: %v", err)
	}
}

// fakeClient is one on the fake server.
func fakeClient(t *testing.T, st *stage) (say func(sql string) (tags string)) {
	t.Helper()
	c, err := rig.Dial(st.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	if err := wire.Login(c, "bench", "bench"); err != nil {
		t.Fatal(err)
	}
	return func(sql string) string {
		if _, err := c.Write(wire.AppendQuery(nil, sql)); err != nil {
			t.Fatal(err)
		}
		return replies(t, c)
	}
}

// What a pooler asks besides is counted.
func TestExtraQueriesAreCounted(t *testing.T) {
	st := onStage(t, "epoll", false)
	say := fakeClient(t, st)
	m := withSettings(t, "two", 2)
	st.rig.Call(func() { st.backend.Expect(m.Texts()) })
	say("SELECT current_setting('application_name')")
	say("SELECT pg_catalog.set_config( E'application_name', E'group 1',false)")
	say("BEGIN")
	if c := st.counters(); c.Queries != 3 || c.Extra != 2 {
		t.Fatalf("%+v", c)
	}
	for _, c := range []struct {
		own   uint64
		extra float64
		fine  bool
	}{{0, 0, true}, {1000, maxExtra, true}, {20, 0.5, true}, {21, 0.5, false}} {
		if err := noExtras(report.Sample{Own: c.own, Extra: c.extra}, 20); (err == nil) != c.fine {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// The fake server has an empty catalog and no state, and keeps settings as Postgres does.
func TestFakeServerKeepsSettings(t *testing.T) {
	st := onStage(t, "epoll", false)
	say := fakeClient(t, st)
	for _, step := range []struct{ say, want string }{
		{"SELECT 1; SELECT 2", "T D C T D C ZI"},
		{"SET LOCAL search_path TO pg_catalog,pg_temp;SET LOCAL statement_timeout TO '20s';\nWITH RECURSIVE code AS (SELECT E'\\'; x''y') SELECT 1",
			"C C T C ZI"}, // of a catalog without suspects
		{"SELECT '';SELECT  E'work_mem',pg_catalog.current_setting( E'work_mem',true),(SELECT source OPERATOR(pg_catalog.<>) 'session' FROM x)",
			"T D C T D C ZI"},
		{"SET search_path = 'a'", "C ZI"},
		{"SET application_name TO 'a'", "C S ZI"}, // which is reported
		{"SET application_name = 'a'", "C ZI"},    // and not again
		{"BEGIN", "C ZT"},
		{"SET LOCAL application_name = 'b'", "C S ZT"},
		{"SET TimeZone = 'CET'", "C S ZT"},
		{"ROLLBACK", "C S S ZI"},
		{"SELECT pg_catalog.set_config( E'timezone', E'CET',false),pg_catalog.set_config( E'work_mem', E'8MB',false)", "T D C S ZI"},
		{`RESET "timezone";SET application_name=E'c';`, "C C S S ZI"},
		{"RESET ALL", "C S ZI"},
		{"DISCARD ALL", "C ZI"},
		{"SET TRANSACTION READ ONLY", "C ZI"},
	} {
		if got := say(step.say); got != step.want {
			t.Errorf("%q is answered with %s, want %s", step.say, got, step.want)
		}
	}
}

func TestSettingRowsAreReadOrRefusedWithACure(t *testing.T) {
	rows, err := parseSettingRows(settingRows)
	if err != nil || len(rows) < 10 || rows[0].mode.Name != report.Plain || rows[0].clients != 64 || rows[0].servers != 20 || rows[0].mode.Differs {
		t.Fatalf("%v, %v", rows, err)
	}
	for _, wrong := range []string{"", "64:two", "64/20", "0/20:two", "64/x:two", "64/20:two:0", "64/20:two:x", "64/20:two:1:1", "64/20:six", "64/20:two:1000"} {
		if _, err := parseSettingRows(wrong); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// Each pooler is measured where its replies can be right.
func TestWhoIsMeasuredWithWhichSettings(t *testing.T) {
	for spec, want := range map[string]string{
		"64/20:none": "pgbouncer relay pgmux", "64/20:two:20": "pgbouncer pgmux", "64/20:five": "pgmux",
		"64/20:set:2": "pgbouncer pgmux", "64/20:local:2": "pgbouncer relay pgmux",
	} {
		row, err := parseSettingRow(spec)
		if err != nil {
			t.Fatal(err)
		}
		var suited []string
		for _, c := range []rival.Contender{rival.PgBouncer{}, rival.Relay{}, rival.Pgmux{}} {
			if row.suits(c) {
				suited = append(suited, c.Name())
			}
		}
		if got := strings.Join(suited, " "); got != want {
			t.Errorf("%s: %s, want %s", spec, got, want)
		}
	}
}
