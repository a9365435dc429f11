package engine

import "time"

// lines bounds the lines of one kind that a shard writes to the log in a second. The zero value is ready.
type lines struct {
	since   int64 // when the second began
	written int
	leftOut uint64 // since the last line
}

// take reports whether one more may be written, at most so many a second, and how many were not since the last.
func (l *lines) take(now int64, most int) (leftOut uint64, ok bool) {
	if now-l.since >= int64(time.Second) {
		l.since, l.written = now, 0
	}
	if l.written >= most {
		l.leftOut++
		return 0, false
	}
	l.written++
	leftOut, l.leftOut = l.leftOut, 0
	return leftOut, true
}
