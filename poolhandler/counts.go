package poolhandler

import "sync"

// controlCounts is what the control plane counts for the metrics.
type controlCounts struct {
	logins   outcomes // of clients
	connects outcomes // to servers
}

func (c *controlCounts) init() {
	c.logins.n = make(map[string]uint64)
	c.connects.n = make(map[string]uint64)
}

// outcomes counts by result; the results are words of this package, so there are few.
type outcomes struct {
	mu sync.Mutex
	n  map[string]uint64
}

func (o *outcomes) count(result string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n[result]++
}

// each tells all counts.
func (o *outcomes) each(tell func(result string, n uint64)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for result, n := range o.n {
		tell(result, n)
	}
}
