package console

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// counting is a snapshot of one pool that has answered so many queries.
func counting(queries uint64) engine.Snapshot {
	return engine.Snapshot{Pools: []engine.PoolStats{{Pool: "app", Database: "shop", Counts: engine.Counts{Queries: queries}}}}
}

// Averages begin with the sample before the last: they are of one to two periods, and right from the start on.
func TestAveragesBeginWithTheSampleBeforeTheLast(t *testing.T) {
	var s Sampler
	at := place{"app", "shop"}
	if before := s.Before(); !before.At.IsZero() || before.counts[at] != (counted{}) {
		t.Errorf("without a sample: %+v", before)
	}
	for i, want := range []uint64{0, 0, 100, 200} {
		s.Add(noon.Add(time.Duration(i)*StatsPeriod), counting(uint64(i)*100))
		if got := s.Before().counts[at].queries; got != want {
			t.Errorf("after sample %d averages begin with %d queries, not %d", i, got, want)
		}
	}
}

func TestWhatIsForgottenDoesNotCountBackwards(t *testing.T) {
	since := counted{queries: 5}.minus(counted{queries: 7, sent: 1})
	if since != (counted{}) {
		t.Errorf("%+v", since)
	}
	if none := (counted{queries: 5}).average(0); none != (counted{}) {
		t.Errorf("in no time: %+v", none)
	}
}

// When users are forgotten, neither the sum of all falls nor the row of a database that others use.
func TestFiguresDoNotFallWhenUsersAreForgotten(t *testing.T) {
	w := newFakeWorld()
	figures := func() (total, row any) {
		return rowsOf(t, w, "totals")["total_query_count"][1], rowsOf(t, w, "stats")["app/shop"][3]
	}
	if total, row := figures(); total != uint64(600) || row != uint64(600) {
		t.Fatalf("the total is %v, the row has %v", total, row)
	}
	w.pools = w.pools[1:] // alice, who has counted it all; bob is still there
	w.totals = map[engine.Target]engine.Totals{{Pool: "app", Database: "shop"}: {Queries: 600}}
	if total, row := figures(); total != uint64(600) || row != uint64(600) {
		t.Errorf("without alice the total is %v, and the row has %v", total, row)
	}
	w.pools = w.pools[1:] // bob, too
	if total := rowsOf(t, w, "totals")["total_query_count"][1]; total != uint64(600) {
		t.Errorf("without either the total is %v", total)
	}
	if row := rowsOf(t, w, "stats")["shop"]; row[3] != uint64(0) {
		t.Errorf("that of another pool has %v", row)
	}
}

// Averages go on when users are forgotten.
func TestAveragesWhenUsersAreForgotten(t *testing.T) {
	w := newFakeWorld()
	w.sampler = Sampler{}
	w.sampler.Add(noon.Add(-time.Minute), w.figures())
	w.pools[1].Queries = 60
	w.pools = w.pools[1:]
	w.totals = map[engine.Target]engine.Totals{{Pool: "app", Database: "shop"}: {Queries: 600}}
	if got := rowsOf(t, w, "totals")["avg_query_count"][1]; got != uint64(1) {
		t.Errorf("the average of all is %v", got)
	}
	if got := rowsOf(t, w, "stats_averages")["app/shop"][3]; got != uint64(1) {
		t.Errorf("the average of the database is %v", got)
	}
}
