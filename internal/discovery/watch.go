package discovery

import (
	"context"
	"time"
)

// A source that has failed is asked again after firstRetry, which doubles up to maxRetry: soon enough for one that restarts, and not
// a storm for one that is gone.
const (
	firstRetry = time.Second
	maxRetry   = 30 * time.Second
)

// Watch asks the source until ctx ends. It pushes the first list, and each that the source says is not the one before; an error
// changes nothing. told hears of each answer: nil, or why there was none.
func Watch(ctx context.Context, s Source, push func([]Upstream), told func(error)) {
	for retry := firstRetry; ctx.Err() == nil; {
		answer, err := s.Ask(ctx)
		if ctx.Err() != nil {
			return
		}
		told(err)
		pause := answer.Again
		if err != nil {
			pause, retry = retry, min(2*retry, maxRetry)
		} else {
			retry = firstRetry
			if !answer.Unchanged {
				push(answer.Upstreams)
			}
		}
		rest(ctx, pause)
	}
}

// rest returns after a while, or when ctx ends.
func rest(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
