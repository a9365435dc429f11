package uring

// patience decides how long a loop without news looks for some before it sleeps.
//
// Looking keeps the processor and costs nothing else: the kernel says in a word in memory that it has something to do.
// Sleeping is a system call, a context switch each way, and the Go scheduler: it takes the P of a loop that blocks and
// never reschedules, and the loop has to get one back. So it pays to look for about as long as a sleep costs, provided
// that sleeps would be that short; where they are long, looking is pure waste. The past tells: sleeps that turn out
// brief earn patience, and so does looking that finds something; a long sleep costs half of it.
//
// The constants come from an experiment, not from theory: BenchmarkEcho with 800, 8,000 and 24,000 looks. CPU per message
// did not differ by more than the machine's noise; sleeps per message did, 0.009, 0.005 and 0.003 with 64 and 1,000
// connections.
type patience struct {
	credit int
}

const (
	// maxLooks take 4 to 8 µs.
	maxLooks = 8000
	// briefSleepNanos is a sleep that asking might have saved. A third of it passes even if the news is there before
	// the loop is asleep.
	briefSleepNanos = 15_000
	// maxCredit: so many halvings from here to none, plus one.
	maxCredit = 8
)

// looks is how often to look now, with this much time left. With none left it is once: what has happened must be seen
// although every turn brings a deadline.
func (p *patience) looks(left int64) int {
	switch {
	case left <= 0:
		return 1
	case p.credit > 0:
		return maxLooks
	}
	return 0
}

// found notes that looking found something.
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
