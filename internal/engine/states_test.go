package engine

import (
	"testing"
	"time"
)

// Every server is in one state, and the states are told.
func TestServerStates(t *testing.T) {
	p := onePool(6)
	p.ServerLifetime, p.ServerCheckInterval, p.ServerConnectTimeout = time.Hour, time.Minute, 5*time.Second
	r := newRig(t, 1, p)
	r.quiet = true
	expect := func(when string, change func(*PoolStats)) {
		t.Helper()
		got, want := r.stats(), PoolStats{}
		change(&want)
		if got.ServersIdle != want.ServersIdle || got.ServersActive != want.ServersActive || got.ServersResetting != want.ServersResetting ||
			got.ServersBeingCanceled != want.ServersBeingCanceled || got.ServersChecking != want.ServersChecking ||
			got.ServersDraining != want.ServersDraining || got.ServersConnecting != want.ServersConnecting {
			t.Fatalf("%s: %+v", when, got)
		}
	}
	r.holdDials = true
	a := r.client("a")
	expect("at first", func(s *PoolStats) { s.ServersConnecting = 1 })
	r.holdDials = false
	r.settle()
	expect("dialed", func(s *PoolStats) { s.ServersIdle = 1 })
	b, c := r.client("b"), r.client("c")
	r.says(a, "begin")
	r.says(b, "hang")
	expect("two in use", func(s *PoolStats) { s.ServersActive = 2 })
	r.holdCancels = true
	r.e.Cancel(b.pid(), []byte{0, 0, 0, 7})
	r.settle()
	expect("one being cancelled", func(s *PoolStats) { s.ServersActive, s.ServersBeingCanceled = 1, 1 })
	r.holdCancels = false
	r.settle()
	expect("cancelled", func(s *PoolStats) { s.ServersActive, s.ServersIdle = 1, 1 })
	r.pass(time.Minute)
	r.servers[1].mute = true
	r.says(c, "create temp table x")
	expect("one being checked", func(s *PoolStats) { s.ServersActive, s.ServersChecking = 1, 1 })
	r.servers[1].mute = false
	r.settle()
	expect("checked", func(s *PoolStats) { s.ServersActive = 2 })
	r.servers[1].mute = true
	r.leaves(c)
	expect("one being reset", func(s *PoolStats) { s.ServersActive, s.ServersResetting = 1, 1 })
	r.servers[1].mute = false
	r.settle()
	r.servers[1].slow = true
	q := p
	q.PoolSize = 1
	r.apply(q)
	expect("one being closed", func(s *PoolStats) { s.ServersActive, s.ServersDraining = 1, 1 })
	r.pass(closeTimeout)
	expect("closed", func(s *PoolStats) { s.ServersActive = 1 })
	q.Upstreams = []Upstream{{Address: "other:5432"}}
	r.apply(q)
	expect("one of an upstream that was removed", func(s *PoolStats) { s.ServersDraining = 1 })
	r.apply(p)
	expect("and is back as another", func(s *PoolStats) { s.ServersDraining = 1 })
	r.says(a, "commit")
	r.says(a, "begin")
	expect("a new one", func(s *PoolStats) { s.ServersActive = 1 })
	r.pass(time.Hour)
	if s := r.stats(); s.ServersDraining != 1 || s.ServersIdle != 1 {
		t.Fatalf("too old, with its replacement: %+v", s)
	}
	r.apply()
	if s := r.stats(); s.ServersDraining == 0 || s.ServersIdle+s.ServersActive > 1 {
		t.Fatalf("of a pool that was removed: %+v", s)
	}
}
