package pool

import "time"

// Priority says who of those who wait is served first.
type Priority uint8

// The priorities. The zero one is that of those of whom nothing is said.
const (
	Normal Priority = iota
	High
	Low

	priorities = 3
)

// How much later a client counts as having come than one of high priority, in nanoseconds. A client is overtaken by
// those only that came less than the difference after it: nobody starves, however many of a higher priority there are.
const (
	NormalPenalty = int64(5 * time.Second)
	LowPenalty    = int64(10 * time.Second)
)

// penalty is by Priority.
var penalty = [priorities]int64{Normal: NormalPenalty, High: 0, Low: LowPenalty}
