package again

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Pauses grow up to their bound, and are short again behind a try that worked; the end of the context ends a pause, and is no failure.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		p := Pauses{Min: time.Second, Max: 4 * time.Second}
		bounds := []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second, time.Second, 2 * time.Second}
		last, tries, failures := time.Now(), 0, 0
		p.Run(ctx, func(context.Context) (bool, error) {
			if pause := time.Since(last); pause > bounds[tries] || pause < bounds[tries]/2 {
				t.Errorf("pause %d is %v, of %v at most", tries, pause, bounds[tries])
			}
			last = time.Now()
			if tries++; tries == len(bounds) {
				stop()
			}
			return tries == 5, errors.New("failed")
		}, func(error) { failures++ })
		if tries != len(bounds) || failures != len(bounds)-1 {
			t.Errorf("%d tries, %d failures", tries, failures)
		}
	})
}
