package epoll_test

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/epoll"
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
)

func open(t *testing.T) loop.Driver {
	t.Helper()
	d, err := epoll.New(epoll.Options{})
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	return d
}

func TestDriver(t *testing.T) { looptest.Run(t, open) }
