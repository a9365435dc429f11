package routing

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// run is a transaction that ends.
type run struct {
	at    int64
	where int
	took  int64
}

// simulate lets clients run one transaction after the other, in virtual time, where upstream i takes about the i-th duration, and
// counts how many each upstream gets.
func simulate(clients int, span time.Duration, takes ...time.Duration) []int {
	r, list, latency := rand.New(rand.NewPCG(7, 7)), equal(len(takes)), make([]Latency, len(takes))
	got, running := make([]int, len(takes)), []run{}
	start := func(now int64) {
		for i := range list {
			list[i].Latency = latency[i].Value(now)
		}
		i := PeakEWMA{}.Select(list, &Request{Random: r.Uint64()})
		took := int64(float64(takes[i]) * (0.8 + 0.4*r.Float64()))
		got[i], list[i].Busy = got[i]+1, list[i].Busy+1
		running = append(running, run{now + took, i, took})
	}
	for range clients {
		start(0)
	}
	for now := int64(0); now < int64(span); {
		next := 0
		for i := range running {
			if running[i].at < running[next].at {
				next = i
			}
		}
		ended := running[next]
		running = slices.Delete(running, next, next+1)
		now = ended.at
		list[ended.where].Busy--
		latency[ended.where].Observe(now, ended.took)
		start(now)
	}
	return got
}

// TestASlowUpstreamGetsLittle: of three upstreams, one of which takes ten times as long, it gets less than 1 percent of the
// transactions, and some.
func TestASlowUpstreamGetsLittle(t *testing.T) {
	for _, clients := range []int{3, 30, 100} {
		got := simulate(clients, 20*time.Second, 10*time.Millisecond, time.Millisecond, time.Millisecond)
		share := float64(got[0]) / float64(got[0]+got[1]+got[2])
		if t.Logf("%d clients: %.2f %%", clients, 100*share); share > 0.01 || got[0] == 0 {
			t.Errorf("of %d clients' transactions the slow one gets %.2f %%", clients, 100*share)
		}
	}
}

// TestEquallyFastUpstreamsGetTheSame: within 5 percent.
func TestEquallyFastUpstreamsGetTheSame(t *testing.T) {
	got := simulate(30, 20*time.Second, time.Millisecond, time.Millisecond, time.Millisecond)
	for i := range got {
		if off := 3*float64(got[i])/float64(got[0]+got[1]+got[2]) - 1; math.Abs(off) > 0.05 {
			t.Errorf("%v", got)
		}
	}
}

func TestOneThatIsNotMeasuredIsTriedByOne(t *testing.T) {
	list := equal(2)
	list[0].Latency = 1e6
	if got := count(PeakEWMA{}, list, 100); got[1] != 100 {
		t.Error(got)
	}
	list[1].Busy = 1
	if got := count(PeakEWMA{}, list, 100); got[0] != 100 {
		t.Error(got)
	}
}

func TestMoreWeightIsLessCost(t *testing.T) {
	list := weights(1, 4)
	list[0].Latency, list[1].Latency, list[1].Busy = 1e6, 1e6, 2
	if got := count(PeakEWMA{}, list, 100); got[1] != 100 {
		t.Error(got)
	}
}

func TestAPeakCountsAtOnceAndIsForgottenSlowly(t *testing.T) {
	var l Latency
	now := int64(time.Hour)
	if l.Value(now) != 0 {
		t.Error("something is measured")
	}
	l.Observe(now, 1e6)
	l.Observe(now, 50e6)
	if v := l.Value(now); v != 50e6 {
		t.Errorf("after a peak it is %d", v)
	}
	for range 1000 { // a time constant long
		now += int64(LatencyDecay) / 1000
		l.Observe(now, 1e6)
	}
	if v, want := float64(l.Value(now)), 1e6+49e6/math.E; math.Abs(v-want) > 0.02*want {
		t.Errorf("after a time constant it is %.0f and not %.0f", v, want)
	}
}

func TestLatencyDecaysWithoutSamples(t *testing.T) {
	var l Latency
	l.Observe(0, 1e9)
	for n := 1; n <= 5; n++ {
		v, want := float64(l.Value(int64(n)*int64(LatencyDecay))), 1e9*math.Exp(-float64(n))
		if math.Abs(v-want) > 0.02*want {
			t.Errorf("after %d time constants it is %.0f and not %.0f", n, v, want)
		}
	}
	if v := l.Value(int64(time.Hour)); v != 0 {
		t.Errorf("after an hour it is %d", v)
	}
	l.Observe(int64(time.Hour), 2e6) // which is all that counts now
	if v := l.Value(int64(time.Hour)); v != 2e6 {
		t.Errorf("it is %d", v)
	}
}

func TestLatencyIsSharedByLoops(t *testing.T) {
	var l Latency
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for now := range int64(20000) {
				l.Observe(now<<16, 3e6)
				if v := l.Value(now << 16); v > 3e6 {
					t.Error(v)
					return
				}
			}
		})
	}
	group.Wait()
	if n := testing.AllocsPerRun(100, func() { l.Observe(1<<40, 1); l.Value(1 << 40) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLatencyValue(b *testing.B) {
	var l Latency
	l.Observe(0, 1e6)
	for b.Loop() {
		l.Value(1 << 30)
	}
}

func BenchmarkLatencyObserve(b *testing.B) {
	var l Latency
	now := int64(0)
	for b.Loop() {
		now += 1e5
		l.Observe(now, 1e6)
	}
}
