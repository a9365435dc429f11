package load

import (
	"fmt"
	"sync"
)

// faults is what went wrong.
type faults struct {
	mu    sync.Mutex
	n     int
	first error
}

// note notes an error.
func (f *faults) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.first == nil {
		f.first = err
	}
}

// err is what went wrong first, and how many times anything did.
func (f *faults) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n > 1 {
		return fmt.Errorf("%w (and %d more)", f.first, f.n-1)
	}
	return f.first
}
