package uring

// patience decides how often a loop without news asks the kernel once more, without blocking, before it sleeps.
//
// Asking is a system call of about 0.2 µs that keeps the processor. Sleeping is a system call, a context switch each
// way, and the Go scheduler: it takes the P of a loop that blocks and never reschedules, and the loop has to get one
// back. So it pays to ask for about as long as a sleep costs, provided that sleeps would be that short; where they are
// long, asking is pure waste. The past tells: sleeps that turn out brief earn patience, and so does asking that finds
// something; a long sleep costs half of it.
//
// The constants come from an experiment, not from theory: BenchmarkEcho with 0 to 32 tries, on two cores that were busy
// otherwise. CPU per message differed by less than 5 % between 0, 4 and 16 tries with 8 or 64 connections, where a
// sleep is rare anyway; with one connection 32 tries cost 30 % more than 4. On a quiet machine it deserves repeating.
type patience struct {
	credit int
}

const (
	// maxTries of asking take about as long as a sleep costs.
	maxTries = 4
	// briefSleepNanos is a sleep that asking might have saved. A third of it passes even if the news is there before
	// the loop is asleep.
	briefSleepNanos = 15_000
	// maxCredit: so many halvings from here to none, plus one.
	maxCredit = 8
)

// tries is how often to ask now, with this much time left. With none left it is once: what has happened must be seen
// although every turn brings a deadline.
func (p *patience) tries(left int64) int {
	switch {
	case left <= 0:
		return 1
	case p.credit > 0:
		return maxTries
	}
	return 0
}

// found notes that asking found something.
func (p *patience) found() { p.earn() }

// slept notes how long a sleep was.
func (p *patience) slept(nanos int64) {
	if nanos < briefSleepNanos {
		p.earn()
		return
	}
	p.credit /= 2
}

func (p *patience) earn() { p.credit = min(p.credit+1, maxCredit) }
