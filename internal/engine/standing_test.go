package engine

import (
	"cmp"
	"slices"
	"testing"
)

// What stands is told as it is, for the pool and for databases for which it is something else, used or not.
func TestStanding(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.orders(OrderDisable, Target{Pool: "app"})
	r.orders(OrderPause, Target{Pool: "app", Database: "nobody's"})
	r.orders(OrderDrain, Target{Pool: "app", Database: "drained"}) // which is what stands for all
	r.orders(OrderPause, Target{Pool: "app", Database: "let in"})
	r.orders(OrderEnable, Target{Pool: "app", Database: "let in"})
	got := r.e.Standing()
	slices.SortFunc(got, func(a, b Standing) int { return cmp.Compare(a.Database, b.Database) })
	want := []Standing{
		{Target: Target{Pool: "app"}, Disabled: true},
		{Target: Target{Pool: "app", Database: "drained"}, Disabled: true},
		{Target: Target{Pool: "app", Database: "let in"}, Paused: true},
		{Target: Target{Pool: "app", Database: "nobody's"}, Paused: true, Disabled: true},
	}
	if !slices.Equal(got, want) {
		r.Errorf("what stands is %+v", got)
	}
	r.orders(OrderResume, Target{Pool: "app"})
	r.apply()
	if got := r.e.Standing(); len(got) != 0 {
		r.Errorf("of a pool that was removed stands %+v", got)
	}
}

// A pause that is not complete stands as any other.
func TestStandingOfAPauseThatIsWaitedFor(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.quiet = true
	r.says(r.client("a"), "begin")
	p := r.orders(OrderPause, Target{Pool: "app", Database: "db"})
	if got := r.e.Standing(); len(got) != 2 || !got[1].Paused || got[0].Paused {
		t.Errorf("while it is waited for, what stands is %+v", got)
	}
	p.Abandon()
	if got := r.e.Standing(); len(got) != 1 || got[0].Paused {
		t.Errorf("given up, what stands is %+v", got)
	}
}
