package routing

import (
	"slices"
	"testing"
	"time"
)

func TestATrackerOfNobody(t *testing.T) {
	r := track(t, usual)
	if got := r.Topology(r.now); got.Primary != -1 || len(got.Upstreams) != 0 || got.WriteTarget() != -1 {
		t.Errorf("%+v", got)
	}
	if r.isPrimary("a", 1, 100) || r.Failed(r.now, "a") || r.Succeeded(r.now, "a") || r.Ended(r.now, "a") {
		t.Error("one that is not declared changes something")
	}
}

func TestATopologyIsANewOneOnlyIfSomethingDiffers(t *testing.T) {
	r := trio(t, usual)
	before := r.Topology(r.now)
	r.Succeeded(r.now, "a")
	r.pass(time.Second)
	if r.Topology(r.now) != before {
		t.Error("nothing differs, and it is another one")
	}
	kept := slices.Clone(before.Upstreams)
	if r.isReplica("b", 1, 100) {
		t.Error("numbers for people are a change") // one more probe
	}
	if r.Topology(r.now) == before {
		t.Error("one more probe makes no difference")
	}
	r.isSilent("b")
	r.isSilent("b")
	if !slices.Equal(kept, before.Upstreams) {
		t.Error("an old topology has changed")
	}
}

func TestDeclareKeepsWhatIsKnown(t *testing.T) {
	r := trio(t, usual)
	r.isSilent("c")
	r.isSilent("c")
	list := auto("c", "d", "a", "b")
	list[2].Weight = 5
	if !r.Declare(r.now, usual, list) {
		t.Error("it is no change")
	}
	r.primaryIs("a")
	r.upIs("c", false)
	r.readersAre(r.mark-1, ReadsReplica, "b")
	if a, d := r.of("a"), r.of("d"); a.Weight != 5*WeightUnit || a.Probes != 1 || d.Probes != 0 || d.Role != Unknown {
		t.Errorf("%+v %+v", a, d)
	}
	if r.Declare(r.now, usual, list) {
		t.Error("the same is a change")
	}
	list[0].Role = Replica
	r.Declare(r.now, usual, list)
	r.upIs("c", true) // it is something else now, of which nothing is known
}

func TestOneThatGoesIsForgotten(t *testing.T) {
	r := trio(t, usual)
	r.Declare(r.now, usual, auto("b", "c"))
	r.primaryIs("")
	r.readersAre(0, ReadsReplica, "b", "c")
	r.Declare(r.now, usual, auto("a", "b", "c"))
	r.primaryIs("")
	r.isPrimary("a", 1, 100)
	r.primaryIs("a")
}

func TestStateTellsWhatAProbeFound(t *testing.T) {
	r := track(t, usual, auto("a", "b")...)
	r.probed(Report{Address: "a", Timeline: 3, System: 7, Position: 0x3000028, Mark: 9, Latency: time.Millisecond})
	r.probed(Report{Address: "b", InRecovery: true, Timeline: 3, System: 7, Position: 5, Latency: 2 * time.Millisecond})
	a, b := r.of("a"), r.of("b")
	if a.Timeline != 3 || a.System != 7 || a.Position != 0x3000028 || a.Latency != time.Millisecond || a.Since != r.now {
		t.Errorf("%+v", a)
	}
	if b.Lag != time.Millisecond || !b.HasLag || b.Position != 5 { // the position was asked for a millisecond ago
		t.Errorf("%+v", b)
	}
}

func TestEventsAreBounded(t *testing.T) {
	r := track(t, usual, auto("a")...)
	for range MaxEvents {
		r.isSilent("a")
		r.isSilent("a")
		r.isPrimary("a", 1, 100)
	}
	if n := len(r.Events()); n != MaxEvents {
		t.Errorf("%d events", n)
	}
	if n := len(r.Events()); n != 0 {
		t.Errorf("%d events are told twice", n)
	}
	for k := EventUp; k <= EventBreakerClosed; k++ {
		if k.String() == "" {
			t.Errorf("event %d has no name", k)
		}
	}
}

func TestWordsOfEvents(t *testing.T) {
	r := trio(t, usual)
	r.isPrimary("b", 2, 120)
	r.isSilent("c")
	r.isSilent("c")
	var words []string
	for _, e := range r.Events() {
		words = append(words, e.Address+", "+e.Kind.String()+": "+e.Words)
	}
	want := []string{
		"a, role: its role is unknown, and was primary",
		"a, doubted: it claims to be primary, and gets no writes: there is a newer timeline than its own",
		"b, role: its role is primary, and was replica",
		"b, primary: it is the primary: writes go there",
		"c, down: it is down: no answer",
	}
	if !slices.Equal(words, want) {
		t.Errorf("%q", words)
	}
}

func TestOneAddressDeclaredTwiceIsOnePrimary(t *testing.T) {
	r := track(t, usual, auto("a", "a")...)
	r.isPrimary("a", 1, 100)
	r.transactionsGoTo("a")
	r.isPrimary("a", 1, 110)
	r.transactionsGoTo("a")
}

func BenchmarkProbed(b *testing.B) {
	k := NewTracker(usual)
	list := auto("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t")
	k.Declare(1, usual, list)
	now := int64(0)
	for b.Loop() {
		now++
		k.Probed(now, Report{Address: "a", Timeline: 1, Position: LSN(now), Mark: uint64(now)})
	}
}
