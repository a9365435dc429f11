package changes

import "time"

// Pauses between questions.
const (
	// hurriedPause is it while a change is told that may not be visible yet: nothing that depends on it can be kept meanwhile.
	hurriedPause = 10 * time.Millisecond
	// beginningPause is it while the stream does not follow yet.
	beginningPause = 100 * time.Millisecond
)

// pulseDue is when the next question is due.
func (f *follower) pulseDue() time.Time {
	switch {
	case len(f.unseen) > 0:
		return f.pulsedAt.Add(min(hurriedPause, f.Interval))
	case !f.told():
		return f.pulsedAt.Add(min(beginningPause, f.Interval))
	}
	return f.pulsedAt.Add(f.Interval)
}

// untilNext is when something is due, if nothing comes.
func (f *follower) untilNext(now time.Time) time.Duration {
	next := f.reportedAt.Add(f.Interval)
	if f.asked.what == nothing {
		for _, due := range []time.Time{f.pulseDue(), f.membersDue} {
			if due.Before(next) {
				next = due
			}
		}
	}
	return max(next.Sub(now), 0)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
