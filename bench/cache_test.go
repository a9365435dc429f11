package main

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/bench/internal/load"
	"github.com/pgmux/caddy-pgmux/bench/internal/report"
	"github.com/pgmux/caddy-pgmux/bench/internal/rival"
)

func TestCacheRowsAreReadOrRefusedWithACure(t *testing.T) {
	rows, err := parseCacheRows(cacheRows)
	if err != nil || len(rows) != 7 || rows[0].clients != 64 || rows[0].loops != 1 {
		t.Fatalf("%v, %v", rows, err)
	}
	if first, last := rows[0].name(), rows[6].name(); first != "simple" || last != "pipelined, 2 loops" {
		t.Errorf("rows are called %s and %s", first, last)
	}
	for _, wrong := range []string{"", "64", "simple", "0:simple", "64:fast", "64:simple:0", "64:simple:x", "64:simple:2:2"} {
		if _, err := parseCacheRows(wrong); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// Only we have several event loops.
func TestWhoIsMeasuredWithSeveralLoops(t *testing.T) {
	for _, c := range []rival.Contender{rival.PgBouncer{}, rival.Pgmux{}, rival.Pgmux{Caches: true}} {
		if one, two := (cacheRow{loops: 1}).suits(c), (cacheRow{loops: 2}).suits(c); !one || two != strings.HasPrefix(c.Name(), "pgmux") {
			t.Errorf("%s: %v, %v", c.Name(), one, two)
		}
	}
}

// A figure is refused that is not of what it says: hits where none should be, and misses where all should be hits.
func TestSamplesThatAreNotOfHitsAreRefused(t *testing.T) {
	cached, plain := rival.Pgmux{Caches: true}, rival.Pgmux{}
	for _, x := range []struct {
		mode     string
		c        rival.Contender
		atServer float64
		fine     bool
	}{
		{"simple", cached, 0, true}, {"simple", cached, maxMisses, true}, {"simple", cached, 2 * maxMisses, false},
		{"simple", plain, 1, true}, {"simple", plain, 0, false}, {"simple", rival.PgBouncer{}, 1, true},
		{load.Unique, cached, 1, true}, {load.Unique, cached, 1 - maxHits, true}, {load.Unique, cached, 0.9 - maxHits, false},
	} {
		mode, err := load.ModeNamed(x.mode)
		if err != nil {
			t.Fatal(err)
		}
		if err := (cacheRow{mode: mode}).demandHits(x.c, report.Sample{AtServer: x.atServer}); (err == nil) != x.fine {
			t.Errorf("%s, %s, %.2f at the server: %v", x.mode, x.c.Name(), x.atServer, err)
		}
	}
}

// What comes to the server is counted, each query once; the windows of load and server differ a little.
func TestQueriesAtTheServerAreCounted(t *testing.T) {
	for _, name := range []string{"pgx", load.Unique, "pipelined"} {
		mode, err := load.ModeNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		st := onStage(t, "epoll", false)
		once := func(s report.Sample) bool { return s.AtServer >= 0.5 && s.AtServer <= 1.5 }
		s := patiently(t, once, func(w window) (report.Sample, error) {
			return st.measure(target{address: st.address}, mode, 4, w)
		})
		if !once(s) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
