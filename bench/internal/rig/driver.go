package rig

import (
	"fmt"

	"github.com/pgmux/caddy-pgmux/internal/epoll"
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/uring"
)

// newDriver opens the driver of that name; auto takes io_uring if it can be had.
func newDriver(name string, capacity int) (loop.Driver, string, error) {
	switch name {
	case "auto":
		if d, err := uring.New(uring.Options{Connections: capacity}); err == nil {
			return d, "io_uring", nil
		}
		return newDriver("epoll", capacity)
	case "io_uring":
		d, err := uring.New(uring.Options{Connections: capacity})
		return d, name, err
	case "epoll":
		d, err := epoll.New(epoll.Options{Connections: capacity})
		return d, name, err
	}
	return nil, "", fmt.Errorf("unknown driver %q: take auto, io_uring or epoll", name)
}
