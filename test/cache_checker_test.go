//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/checker"
)

// cachePromise is what reads are held to in front of two replicas, of which one is late. How late they get while the machine is busy, nobody
// promises.
var cachePromise = checker.Promise{TTL: cacheTTL, Bypassed: cacheTTL}

// demandHits demands that the check has seen enough replies that were cached, by their stamps and by what the pooler says.
func (x *cacheTrial) demandHits(t *testing.T) {
	t.Helper()
	want := int(cacheHits * float64(x.Reads))
	if x.Cached < want {
		t.Errorf("%d of %d reads were cached, want %d at least: this shows little", x.Cached, x.Reads, want)
	}
	var said []struct{ Hits int }
	if err := x.p.getJSON("/postgres/cache", &said); err != nil {
		t.Error(err)
	}
	if text, err := x.p.get("/postgres/cache?forms=20&tables=10"); err == nil {
		t.Log(text)
	}
	if len(said) != 1 || said[0].Hits < want {
		t.Errorf("GET /postgres/cache tells of %+v, want hits: %d at least", said, want)
	}
}

// demandNone demands that nothing was wrong.
func demandNone(t *testing.T, found []checker.Violation) {
	t.Helper()
	for _, v := range found {
		t.Error(v)
	}
}

// The promise of the cache, over a primary and replicas of which one is late, in all ways in which one can write and read. See
// internal/checker for the rules.
func TestCachedReadsAreNeverOlderThanTheLastWrite(t *testing.T) {
	all := drivers()
	for _, driver := range all {
		t.Run(driver, func(t *testing.T) {
			x := newCacheTrial(t, driver, cacheBlock, cachePromise)
			found := x.run(t, cacheTime(t, time.Minute)/time.Duration(len(all)))
			t.Log(x.summary())
			demandNone(t, found)
			if !t.Failed() {
				x.demandHits(t)
			}
		})
	}
}

// With `invalidation wal`, what is written past the pooler shows as soon as the pooler has heard of it: within a second, but for a
// machine that stands still, which it does not do each time.
func TestWritesPastThePoolerShowWithTheirWAL(t *testing.T) {
	block := strings.Replace(cacheBlock, "\n}", "\n\tinvalidation wal\n\treplication_user app secret\n}", 1)
	for _, driver := range someDrivers(t, 0) {
		var found []checker.Violation
		for range 4 {
			x := newCacheTrial(t, driver, block, checker.Promise{TTL: cacheTTL, Bypassed: cacheStream})
			found = x.run(t, 2*cacheRound)
			t.Log(x.summary())
			if !slices.ContainsFunc(found, func(v checker.Violation) bool { return v.Rule == checker.Behind }) {
				break
			}
		}
		demandNone(t, found)
	}
}

// Without a cache the same rules hold, and no reply is old.
func TestReadsWithoutACacheAreNeverOlderThanTheLastWrite(t *testing.T) {
	for _, driver := range someDrivers(t, 0) {
		if driver == "direct" {
			t.Skip("nothing is routed without the pooler")
		}
		x := newCacheTrial(t, driver, "", checker.Promise{})
		found := x.run(t, cacheRound)
		t.Log(x.summary())
		demandNone(t, found)
		if x.Cached > 0 {
			t.Errorf("%d reads are older than their question, without a cache", x.Cached)
		}
	}
}

// The check can fail: what late replicas answer is held to be the primary's.
func TestTheCheckFindsLateReplicas(t *testing.T) {
	for _, driver := range someDrivers(t, 1) {
		if driver == "direct" {
			t.Skip("nothing is routed without the pooler")
		}
		x := newCacheTrial(t, driver, "", checker.Promise{Lag: cacheDelay / 4})
		demandFound(t, x.run(t, 2*cacheRound), checker.Late)
		t.Log(x.summary())
	}
}

// The check finds it if writes make nothing invalid.
func TestTheCheckFindsACacheThatForgetsToInvalidate(t *testing.T) {
	t.Setenv("E2E_CADDY", faultyCaddy(t))
	t.Setenv("PGMUX_CACHE_FAULT", "no-invalidation")
	x := newCacheTrial(t, drivers()[0], cacheBlock, cachePromise)
	demandFound(t, x.run(t, 2*cacheRound), checker.Stale, checker.Back, checker.Torn, checker.Forgotten)
	t.Log(x.summary())
}

// cacheBlock is what switches the cache on.
var cacheBlock = fmt.Sprintf("query_cache {\n\tttl %v\n}", cacheTTL)

// demandFound demands that one of these rules is found to be broken.
func demandFound(t *testing.T, found []checker.Violation, rules ...checker.Rule) {
	t.Helper()
	for _, v := range found {
		if slices.Contains(rules, v.Rule) {
			t.Logf("as it should: %v", v)
			return
		}
	}
	t.Errorf("nothing is one of %v: %v", rules, found)
}

// faultyCaddy builds the program with its faults.
func faultyCaddy(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "caddy")
	build := exec.Command("go", "build", "-buildvcs=false", "-tags", "cachefault", "-o", path, "./cmd/caddy")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building a faulty program: %v: %s", err, out)
	}
	return path
}
