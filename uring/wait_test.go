//go:build linux

package uring

import (
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

func TestWake(t *testing.T) {
	r := newRig(t, Options{})
	for range 300 {
		go r.Wake()
		r.expect(loop.Woken, 0)
	}
	r.quiet()
	r.Wake()
	r.Wake()
	r.expect(loop.Woken, 0)
	r.quiet()
	r.Driver.Close()
	r.Wake()
}

func TestDeadline(t *testing.T) {
	r := newRig(t, Options{})
	for _, d := range []time.Duration{-time.Second, 0, 3 * time.Millisecond} {
		start := r.Now()
		events, now := r.Wait(start + int64(d))
		if len(events) > 0 || now < start+int64(d) || now > start+int64(testTimeout) {
			t.Errorf("waiting %v: %d events after %v", d, len(events), time.Duration(now-start))
		}
		r.Submit(nil)
	}
}
