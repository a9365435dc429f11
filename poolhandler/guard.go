package poolhandler

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
)

// A handler sees a connection only after it was accepted, and caddy-l4 accepts all that the kernel has queued before
// other goroutines get to run; and when descriptors run out, its loop ends for good. So two things are done to its
// listeners. Where the queue may be longer than the descriptors we keep in reserve, it is made shorter: what does not
// fit is asked to try again by TCP itself, a second later. And once descriptors run short, we accept beside caddy-l4,
// patiently ([rescuers]).

// backlogShare is the part of the reserve that one listener's queue may take: several may be drained at a time, and
// again while handlers are still busy with what came before. At a limit of 20,000 it makes 125, and PgBouncer's is 128.
const backlogShare = 16

// guard looks after layer4's listeners once a configuration has started.
type guard struct {
	ctx      caddy.Context
	logger   *zap.Logger
	rescuers *rescuers
	ours     func(fd int) bool // tells of the app's own listeners, which need no guard
}

// subscribe calls the guard when every app of this configuration has started.
func (g *guard) subscribe() error {
	events, err := g.ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting the events app: %w", err)
	}
	return events.(*caddyevents.App).On("started", g)
}

// Handle implements caddyevents.Handler. What fails here costs protection, not service, so it is only logged.
func (g *guard) Handle(context.Context, caddy.Event) error {
	app, err := g.ctx.AppIfConfigured("layer4")
	if err != nil {
		return nil // nobody listens
	}
	servers := listening(app.(*layer4.App))
	g.each(servers, "shortening its queue", func(fd int, _ *layer4.Server) error {
		if backlog := maxBacklog(); backlog < somaxconn() {
			return setBacklog(fd, backlog)
		}
		return nil
	})
	g.rescuers.arm(func() {
		g.each(servers, "accepting beside layer4", func(fd int, server *layer4.Server) error {
			return g.rescuers.add(fd, server, g.logger)
		})
	})
	return nil
}

// each calls f for every listening socket of these servers that is open now.
func (g *guard) each(servers map[string]*layer4.Server, doing string, f func(fd int, server *layer4.Server) error) {
	for _, fd := range openFiles() {
		server := servers[listenName(fd)]
		if server == nil || g.ours(fd) {
			continue
		}
		if err := f(fd, server); err != nil {
			g.logger.Warn("a listener is not protected against running out of descriptors",
				zap.String("listener", listenName(fd)), zap.Error(fmt.Errorf("%s: %w", doing, err)))
		}
	}
}

// maxBacklog is how long a listener's queue may be.
func maxBacklog() int {
	most, err := theLimit.read()
	if err != nil {
		return somaxconn()
	}
	return max(int(reserve(most)/backlogShare), 1)
}

// listening is the servers of layer4 by what listenName says of their sockets: their port or path. A port that two
// servers have, on different addresses, does not tell the server, and is left alone.
func listening(app *layer4.App) map[string]*layer4.Server {
	servers := make(map[string]*layer4.Server)
	repl := caddy.NewReplacer()
	for _, server := range app.Servers {
		for _, listen := range server.Listen {
			address, err := caddy.ParseNetworkAddress(repl.ReplaceAll(listen, ""))
			if err != nil {
				continue // layer4 has refused it
			}
			for _, name := range listenNames(address) {
				if other, taken := servers[name]; taken && other != server {
					server = nil
				}
				servers[name] = server
			}
		}
	}
	delete(servers, "")
	return servers
}

func listenNames(address caddy.NetworkAddress) (names []string) {
	switch {
	case address.IsUnixNetwork():
		path, _, _ := strings.Cut(address.Host, "|") // permissions
		return []string{path}
	case address.IsFdNetwork():
		fd, err := strconv.Atoi(address.Host)
		if err != nil {
			return nil
		}
		return []string{listenName(fd)}
	}
	for port := address.StartPort; port <= address.EndPort && port != 0; port++ {
		names = append(names, strconv.Itoa(int(port)))
	}
	return names
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
