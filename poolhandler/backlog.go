package poolhandler

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// A handler sees a connection only after it was accepted, and caddy-l4's loop accepts all that the kernel has queued
// before other goroutines get to run. So where the queue may be longer than the descriptors we keep in reserve, it is
// made shorter: what does not fit is asked to try again by TCP itself, a second later.

// backlogShare is the part of the reserve that one listener's queue may take: several may be drained at a time, and
// again while handlers are still busy with what came before. At a limit of 20,000 it makes 125, and PgBouncer's is 128.
const backlogShare = 16

// narrower shortens the queues of layer4's listeners once a configuration has started.
type narrower struct {
	ctx    caddy.Context
	logger *zap.Logger
}

// subscribe calls the narrower when every app of this configuration has started.
func (n *narrower) subscribe() error {
	events, err := n.ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting the events app: %w", err)
	}
	return events.(*caddyevents.App).On("started", n)
}

// Handle implements caddyevents.Handler. What fails here costs protection, not service, so it is only logged.
func (n *narrower) Handle(context.Context, caddy.Event) error {
	most, err := theLimit.read()
	if err != nil {
		return nil
	}
	backlog := max(int(reserve(most)/backlogShare), 1)
	if backlog >= somaxconn() {
		return nil
	}
	app, err := n.ctx.AppIfConfigured("layer4")
	if err != nil {
		return nil // nobody listens
	}
	names := listenNames(app.(*layer4.App))
	for _, fd := range openFiles() {
		if !names[listenName(fd)] {
			continue
		}
		if err := unix.Listen(fd, backlog); err != nil {
			n.logger.Warn("shortening the queue of a listener", zap.Error(err))
			continue
		}
		n.logger.Debug("a listener's queue was shortened, for the limit of open files is low",
			zap.String("listener", listenName(fd)), zap.Int("backlog", backlog), zap.Uint64("limit", most))
	}
	return nil
}

// listenNames is what listenName says of the sockets that layer4 listens on: their port or path.
func listenNames(app *layer4.App) map[string]bool {
	names := make(map[string]bool)
	repl := caddy.NewReplacer()
	for _, server := range app.Servers {
		for _, listen := range server.Listen {
			address, err := caddy.ParseNetworkAddress(repl.ReplaceAll(listen, ""))
			switch {
			case err != nil:
			case address.IsUnixNetwork():
				names[address.Host] = true
			case address.IsFdNetwork():
				if fd, err := strconv.Atoi(address.Host); err == nil {
					names[listenName(fd)] = true
				}
			default:
				for port := address.StartPort; port <= address.EndPort && port != 0; port++ {
					names[strconv.Itoa(int(port))] = true
				}
			}
		}
	}
	delete(names, "")
	return names
}

// listenName is the port or path of a listening stream socket, "" for anything else.
func listenName(fd int) string {
	if listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listening == 0 {
		return ""
	}
	address, err := unix.Getsockname(fd)
	if err != nil {
		return ""
	}
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return strconv.Itoa(a.Port)
	case *unix.SockaddrInet6:
		return strconv.Itoa(a.Port)
	case *unix.SockaddrUnix:
		return a.Name
	}
	return ""
}

// openFiles is the descriptors of this process.
func openFiles() (fds []int) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

// somaxconn is how long the kernel lets a queue be.
func somaxconn() int {
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		return 4096 // the default since Linux 5.4
	}
	n := 0
	fmt.Sscan(string(text), &n)
	return n
}
