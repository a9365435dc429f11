//go:build linux

package uring

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
)

// refuse forbids the whole process io_uring.
func refuse(t *testing.T) {
	if err := looptest.ForbidUring(true); err != nil {
		t.Skipf("no seccomp: %v", err)
	}
}
