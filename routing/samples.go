package routing

import (
	"slices"
	"sort"
)

// MaxSamples is how many of the primary's positions are remembered: one for each interval in which something was written, and the
// older they are the farther apart, so that a replica's lag is known to about a tenth of it, were it a day.
const MaxSamples = 128

// sample is a position that the primary had written up to.
type sample struct {
	// mark is the newest under which it was found there. What was acknowledged while an older mark was the newest is included.
	mark     uint64
	position LSN
	// at is when it was first found there.
	at int64
}

// source is whose positions they are. Those of another server, or of another timeline, are not comparable.
type source struct {
	address  string
	timeline uint32
	system   uint64
}

// samples are positions of one source, in the order of their marks, their times, and their positions.
type samples struct {
	source source
	list   []sample
}

// from forgets all samples if they are of another source.
func (s *samples) from(now source) {
	if s.source != now {
		s.source, s.list = now, s.list[:0]
	}
}

// add remembers one. A primary that has crashed may have lost what it had not flushed, and nobody was told that it was committed:
// positions beyond the new one are of what no longer exists.
func (s *samples) add(n sample) {
	n.position = replayable(n.position)
	for len(s.list) > 0 && s.last().position > n.position {
		s.list = s.list[:len(s.list)-1]
	}
	switch {
	case len(s.list) > 0 && s.last().position == n.position:
		s.last().mark = max(s.last().mark, n.mark)
		return
	case len(s.list) > 0 && s.last().mark >= n.mark:
		return
	case len(s.list) == MaxSamples:
		s.thin(n.at)
	}
	s.list = append(s.list, n)
}

func (s *samples) last() *sample { return &s.list[len(s.list)-1] }

// thin forgets the sample that is missed least: that between whose neighbours the least time lies, for its age. The first is never
// forgotten, so that the lag of a replica that replays nothing at all is known for ever, nor is the last.
func (s *samples) thin(now int64) {
	least, best := 0.0, 0
	for i := 1; i < len(s.list)-1; i++ {
		gap := float64(s.list[i+1].at-s.list[i-1].at) / float64(now-s.list[i].at+1)
		if best == 0 || gap < least {
			least, best = gap, i
		}
	}
	s.list = slices.Delete(s.list, best, best+1)
}

// replayed is how many of them, from the first, a replica that has come to the position has replayed.
func (s *samples) replayed(position LSN) int {
	return sort.Search(len(s.list), func(i int) bool { return s.list[i].position > position })
}

// fresh is the newest mark whose position has been replayed; 0: none.
func (s *samples) fresh(position LSN) uint64 {
	n := s.replayed(position)
	if n == 0 {
		return 0
	}
	return s.list[n-1].mark
}

// lag is how long ago the oldest sample was found that has not been replayed; 0: all have been. It is not known without samples.
func (s *samples) lag(position LSN, now int64) (lag int64, ok bool) {
	n := s.replayed(position)
	if n == len(s.list) {
		return 0, n > 0
	}
	return max(now-s.list[n].at, 0), true
}
