package poolhandler

import (
	"sync"
	"time"
)

// viewInterval is how long a view is given to whoever asks: the loops are asked once a second at most, however many people look.
const viewInterval = time.Second

// sharedView is one view for all who look. The first who asks when it is too old has it taken anew; those who ask meanwhile wait for that
// one, which is snapshotTimeout for each thing that is asked at most. A failure is shared as well, or each of them would wait for its own.
type sharedView struct {
	mu    sync.Mutex
	taken time.Time // zero: never
	view  []byte    // never changed once it has been given out
	err   error
}

// get returns the view, which the caller may keep and must not change.
func (s *sharedView) get(take func() ([]byte, error)) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken.IsZero() || time.Since(s.taken) >= viewInterval {
		s.view, s.err = take()
		s.taken = time.Now()
	}
	return s.view, s.err
}
