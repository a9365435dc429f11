package engine

import (
	"fmt"
	"testing"
)

// mustBeBusy checks how many servers of each upstream policies think that clients have.
func (r *rig) mustBeBusy(t *testing.T, when string, want string) {
	t.Helper()
	got := ""
	for _, u := range *r.e.template("app").upstreams.Load() {
		got += fmt.Sprint(u.address, ":", u.busy.Load(), " ")
	}
	if got != want {
		t.Errorf("%s: busy %s, and not %s", when, got, want)
	}
}

// Servers in use are counted only where upstreams are chosen; those in use when that changes are counted from then on, and each is
// counted out that was counted in.
func TestServersInUseAreCountedWhereUpstreamsAreChosen(t *testing.T) {
	alone := onePool(3)
	alone.Upstreams = []Upstream{{Address: "one:5432", Role: RolePrimary}}
	several := alone
	several.Upstreams = []Upstream{{Address: "one:5432", Role: RolePrimary}, {Address: "two:5432", Role: RolePrimary}}
	r := newRig(t, 1, alone)
	r.byUpstream = true
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.mustBeBusy(t, "alone", "one:5432:0 ")
	r.apply(several)
	r.mustBeBusy(t, "beside another", "one:5432:1 two:5432:0 ")
	r.says(b, "begin")
	r.mustBeBusy(t, "one more", "one:5432:1 two:5432:1 ")
	r.says(b, "commit")
	r.mustBeBusy(t, "one less", "one:5432:1 two:5432:0 ")
	r.apply(alone)
	r.mustBeBusy(t, "alone again", "one:5432:0 ")
	r.says(a, "commit")
	r.mustBeBusy(t, "at rest", "one:5432:0 ")
	r.says(a, "begin")
	r.apply(several)
	r.says(a, "commit")
	r.mustBeBusy(t, "beside another, at rest", "one:5432:0 two:5432:0 ")
}

// What a shard that crashes had in use is in use no longer.
func TestServersOfAShardThatCrashesAreNotInUse(t *testing.T) {
	r := splitRig(t, 1, nil)
	a, b := r.client("a"), r.client("b")
	r.says(a, "begin")
	r.says(b, "begin read only")
	r.mustBeBusy(t, "in use", "one:5432:1 two:5432:1 three:5432:0 ")
	r.loops[0].shard.Crash("a test", nil)
	r.mustBeBusy(t, "crashed", "one:5432:0 two:5432:0 three:5432:0 ")
}
