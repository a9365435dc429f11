package poolhandler

import (
	"errors"
	"fmt"
	"runtime"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/epoll"
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/secure"
	"github.com/pgmux/caddy-pgmux/uring"
)

var (
	errLinuxOnly     = errors.New("pooling Postgres connections needs Linux (io_uring or epoll): run Caddy there, or in a Linux container")
	errAskedForEpoll = errors.New("the configuration asks for epoll")
)

// choice is which driver it became, and why not io_uring.
type choice struct {
	driver string
	reason error
}

// fields says it for people to read.
func (c choice) fields() []zap.Field {
	fields := []zap.Field{zap.String("io_driver", c.driver)}
	var why *uring.Unavailable
	switch {
	case c.reason == nil:
		return fields
	case errors.Is(c.reason, errAskedForEpoll):
		return append(fields, zap.NamedError("why_not_io_uring", c.reason), zap.String("cure", "write `io_driver auto`, and restart"))
	case errors.As(c.reason, &why):
		return append(fields, zap.NamedError("why_not_io_uring", why.Cause), zap.String("cure", why.Cure))
	}
	return append(fields, zap.NamedError("why_not_io_uring", c.reason))
}

// openDrivers opens n drivers of the kind that io_driver asks for; auto is io_uring where every loop gets a ring,
// and else epoll.
func openDrivers(n int, ioDriver string) ([]loop.Driver, choice, error) {
	if runtime.GOOS != "linux" {
		return nil, choice{}, errLinuxOnly
	}
	reason := errAskedForEpoll
	if ioDriver != "epoll" {
		drivers, err := openAll(n, func() (loop.Driver, error) { return uring.New(uring.Options{}) })
		if err == nil {
			return drivers, choice{driver: "io_uring"}, nil
		}
		if ioDriver == "io_uring" {
			return nil, choice{}, fmt.Errorf("%w; or write `io_driver auto`, which falls back to epoll", err)
		}
		reason = err
	}
	drivers, err := openAll(n, func() (loop.Driver, error) { return epoll.New(epoll.Options{}) })
	return drivers, choice{driver: "epoll", reason: reason}, err
}

// openAll opens n drivers, or none. They respect the layers of connections.
func openAll(n int, open func() (loop.Driver, error)) ([]loop.Driver, error) {
	drivers := make([]loop.Driver, 0, n)
	for range n {
		d, err := open()
		if err != nil {
			closeAll(drivers)
			return nil, err
		}
		drivers = append(drivers, secure.Wrap(d))
	}
	return drivers, nil
}

func closeAll(drivers []loop.Driver) {
	for _, d := range drivers {
		d.Close()
	}
}
