//go:build linux

package uring

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// TestDriver runs the suite that every driver passes.
func TestDriver(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
	}{
		{"default", Options{}},
		{"plain", Options{plain: true}},
		{"without features", Options{without: ring.AllFeatures}},
		{"tight", Options{Entries: 4, Completions: 8, Buffers: 4, BufferBytes: 256}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && (c.options.plain || c.options.without != 0) {
				t.Skip("asks the kernel for less, and is the same otherwise")
			}
			looptest.Run(t, func(t *testing.T) loop.Driver {
				d, err := New(c.options)
				if err != nil {
					t.Fatal(err)
				}
				return d
			})
		})
	}
}
