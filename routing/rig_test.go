package routing

import (
	"slices"
	"testing"
	"time"
)

// rig is a Tracker, a clock, and marks.
type rig struct {
	*Tracker
	t    *testing.T
	now  int64
	mark uint64 // the newest; from 1 on, since 0 is that of a session that has written nothing
}

// usual is what the tests go by unless they say otherwise.
var usual = Settings{Passes: 1, Fails: 2, Interval: time.Second, BreakerFails: 3, BreakerOpen: 4 * time.Second}

func track(t *testing.T, s Settings, list ...Declared) *rig {
	t.Helper()
	r := &rig{Tracker: NewTracker(s), t: t, now: int64(time.Hour), mark: 1}
	r.Declare(r.now, s, list)
	return r
}

// auto declares upstreams whose role is to be found out.
func auto(addresses ...string) (list []Declared) {
	for _, a := range addresses {
		list = append(list, Declared{Address: a, Weight: 1})
	}
	return list
}

func (r *rig) pass(d time.Duration) {
	r.now += int64(d)
	r.Tick(r.now)
}

// isPrimary, isReplica, isMute and isSilent are probes: with a role and all of it, with an answer but no role, without an answer.
func (r *rig) isPrimary(address string, timeline uint32, position LSN) bool {
	r.mark++
	return r.probed(Report{Address: address, Timeline: timeline, System: 1, Position: position, Mark: r.mark})
}

func (r *rig) isReplica(address string, timeline uint32, position LSN) bool {
	return r.probed(Report{Address: address, InRecovery: true, Timeline: timeline, System: 1, Position: position})
}

func (r *rig) isMute(address string) bool {
	return r.probed(Report{Address: address, RoleUnknown: true})
}

func (r *rig) isSilent(address string) bool {
	return r.probed(Report{Address: address, Failed: "no answer"})
}

func (r *rig) probed(p Report) bool { return r.Probed(r.now, p) }

// of is the state of an upstream.
func (r *rig) of(address string) State {
	r.t.Helper()
	s := r.Topology(r.now).stateOf(address)
	if s == nil {
		r.t.Fatalf("%s is not declared", address)
	}
	return *s
}

// primaryIs checks where writes go; empty: nowhere.
func (r *rig) primaryIs(want string) {
	r.t.Helper()
	topology := r.Topology(r.now)
	if got := topology.addressOf(topology.Primary); got != want {
		r.t.Fatalf("writes go to %q and not to %q", got, want)
	}
}

// upIs checks who is up.
func (r *rig) upIs(address string, want bool) {
	r.t.Helper()
	if s := r.of(address); s.Up != want {
		r.t.Fatalf("%s is up: %v (%s)", address, s.Up, s.Why)
	}
}

// readersAre checks who may have a read.
func (r *rig) readersAre(mark uint64, prefer Reads, want ...string) {
	r.t.Helper()
	topology := r.Topology(r.now)
	got, _ := topology.ReadCandidates(nil, mark, prefer)
	if names := r.names(got); !slices.Equal(names, want) {
		r.t.Fatalf("a read with mark %d, %v, may go to %q and not to %q", mark, prefer, names, want)
	}
}

// transactionsGoTo checks who may have a transaction of a pool that does not split.
func (r *rig) transactionsGoTo(want ...string) {
	r.t.Helper()
	got, _ := r.Topology(r.now).transactionCandidates(nil)
	if names := r.names(got); !slices.Equal(names, want) {
		r.t.Fatalf("transactions may go to %q and not to %q", names, want)
	}
}

func (r *rig) names(indexes []int) (names []string) {
	for _, i := range indexes {
		names = append(names, r.Topology(r.now).Upstreams[i].Address)
	}
	return names
}

// happenedTo checks which events there were of an upstream since they were asked for last; of others, they are forgotten.
func (r *rig) happenedTo(address string, want ...EventKind) {
	r.t.Helper()
	var got []EventKind
	for _, e := range r.Events() {
		if e.Words == "" || e.At == 0 {
			r.t.Errorf("%+v", e)
		}
		if e.Address == address {
			got = append(got, e.Kind)
		}
	}
	if !slices.Equal(got, want) {
		r.t.Fatalf("of %s there were %v and not %v", address, got, want)
	}
}

// transactionCandidates are those of whom TakesTransactions says so, and that may be dialed. Where there are none, open tells that there
// would be but for their circuit breakers.
func (t *Topology) transactionCandidates(dst []int) (candidates []int, open bool) {
	n := len(dst)
	for i := range t.Upstreams {
		s := &t.Upstreams[i]
		if t.TakesTransactions(i) && s.serves() {
			dst = append(dst, i)
		}
		open = open || t.TakesTransactions(i) && s.Breaker == Open
	}
	return dst, open && len(dst) == n
}
