package routing

import (
	"math/rand/v2"
	"testing"
)

func TestSamplesTellMarksAndLag(t *testing.T) {
	var s samples
	if _, ok := s.lag(100, 50); ok || s.fresh(100) != 0 {
		t.Error("without samples something is known")
	}
	s.add(sample{mark: 1, position: 100, at: 10})
	s.add(sample{mark: 2, position: 200, at: 20})
	s.add(sample{mark: 3, position: 200, at: 30}) // nothing was written in between
	s.add(sample{mark: 4, position: 300, at: 40})
	for _, c := range []struct {
		position LSN
		fresh    uint64
		lag      int64
	}{{99, 0, 40}, {100, 1, 30}, {199, 1, 30}, {200, 3, 10}, {299, 3, 10}, {300, 4, 0}, {999, 4, 0}} {
		fresh := s.fresh(c.position)
		if lag, ok := s.lag(c.position, 50); fresh != c.fresh || lag != c.lag || !ok {
			t.Errorf("at %d: mark %d, lag %d (%v); not %d and %d", c.position, fresh, lag, ok, c.fresh, c.lag)
		}
	}
}

func TestWhatAPrimaryLostInACrashIsNotWaitedFor(t *testing.T) {
	var s samples
	s.add(sample{mark: 1, position: 100, at: 10})
	s.add(sample{mark: 2, position: 300, at: 20}) // not flushed, hence not acknowledged
	s.add(sample{mark: 3, position: 200, at: 30})
	if lag, ok := s.lag(200, 50); lag != 0 || !ok || s.fresh(200) != 3 {
		t.Errorf("lag %d, mark %d", lag, s.fresh(200))
	}
}

func TestAMarkThatIsNotNewerIsIgnored(t *testing.T) {
	var s samples
	s.add(sample{mark: 5, position: 100, at: 10})
	s.add(sample{mark: 4, position: 200, at: 20})
	if s.fresh(200) != 5 || len(s.list) != 1 {
		t.Errorf("%+v", s.list)
	}
}

// TestSamplesAreBoundedAndStayPrecise: after a day of a sample every second, the lag is known to 15 percent, however much it is, and
// of one that replays nothing exactly.
func TestSamplesAreBoundedAndStayPrecise(t *testing.T) {
	var s samples
	const day = 86400
	for i := range int64(day) {
		s.add(sample{mark: uint64(i + 1), position: LSN(100 + i), at: i})
	}
	if len(s.list) > MaxSamples {
		t.Fatalf("%d samples", len(s.list))
	}
	if lag, _ := s.lag(99, day); lag != day {
		t.Errorf("the lag of one that replays nothing is %d", lag)
	}
	worst, r := 0.0, rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		truth := 1 + r.Int64N(1<<r.IntN(17))
		if truth >= day {
			continue
		}
		lag, ok := s.lag(LSN(100+day-truth-1), day)
		if !ok || lag > truth {
			t.Fatalf("a lag of %d is %d", truth, lag)
		}
		if truth > 16 {
			worst = max(worst, float64(truth-lag)/float64(truth))
		}
	}
	if t.Logf("wrong by %.1f %% at most", 100*worst); worst > 0.15 {
		t.Errorf("wrong by %.1f %%", 100*worst)
	}
}
