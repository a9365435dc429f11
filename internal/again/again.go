// Package again does again what ends, with pauses that grow while it fails.
package again

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses is between which bounds a pause lies. It doubles each time, and half of it is left to chance, so that not all come back at one moment.
type Pauses struct{ Min, Max time.Duration }

// Run calls try until the context ends. It begins with short pauses anew when try reports that it worked for a while. Failed is told why each
// try ended but the last.
func (p Pauses) Run(ctx context.Context, try func(context.Context) (worked bool, err error), failed func(error)) {
	pause := p.Min
	for ctx.Err() == nil {
		worked, err := try(ctx)
		if ctx.Err() != nil {
			return
		}
		failed(err)
		if worked {
			pause = p.Min
		}
		Rest(ctx, pause/2+rand.N(pause/2+1))
		pause = min(2*pause, p.Max)
	}
}

// Rest waits, or until the context ends.
func Rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
