package uring

// patience decides how often a loop without news asks the kernel once more, without blocking, before it sleeps.
//
// Asking costs a system call, about 0.2 µs, and keeps the processor. Sleeping costs the system call, a context switch
// each way, and the Go scheduler: it takes the P of a loop that blocks and never reschedules, and the loop has to get
// one back. So a loop asks as long as asking tends to find something, and no longer.
//
// The constants are the outcome of an experiment (see BenchmarkEcho), not of theory.
type patience struct {
	credit int
}

const (
	// maxTries bounds the asking in a row.
	maxTries = 8
	// maxCredit is how many failures in a row it takes to lose all patience.
	maxCredit = 16
	// successCredit is what one success earns; a failure costs 1 more each time than none.
	successCredit = 4
)

// tries is how often to ask now, with this much time left. With none left it is once: what has happened must be seen
// although ticking is due at every turn.
func (p *patience) tries(left int64) int {
	if left <= 0 {
		return 1
	}
	return min(p.credit, maxTries)
}

// found notes that asking found something.
func (p *patience) found() { p.credit = min(p.credit+successCredit, maxCredit) }

// missed notes that asking, if at all, was in vain.
func (p *patience) missed() { p.credit /= 2 }
