package poolhandler

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mholt/caddy-l4/layer4"
	"go.uber.org/zap"
)

// rescuePause is how long a rescuer waits for descriptors to become free.
const rescuePause = 20 * time.Millisecond

// rescuers accept connections beside caddy-l4, from its own sockets and into its own routes, from the first time
// descriptors run short: its loop ends for good at its first EMFILE, and nobody would be served any more. Ours
// waits until there is room.
//
// Sockets are duplicated only then, and accepted from at once: a duplicate that nobody accepts from would, after a
// reload has closed its original, keep the old socket alive, and the kernel would go on giving it its share of the
// connections.
type rescuers struct {
	mu        sync.Mutex
	open      func() // adds every socket there is
	listeners []rescuer
	started   bool
	closed    bool
	serving   sync.WaitGroup // one for each of listeners
}

// rescuer is one listening socket of layer4 and what it leads to.
type rescuer struct {
	listener net.Listener // a duplicate
	route    layer4.Handler
	logger   *zap.Logger
}

// arm says how to find the sockets.
func (r *rescuers) arm(open func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = open
}

// add accepts from a socket of this server. start calls it, by way of open, with mu held.
func (r *rescuers) add(fd int, server *layer4.Server, logger *zap.Logger) error {
	dup, err := duplicate(fd)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(dup), "listener")
	listener, err := net.FileListener(file) // a duplicate again
	file.Close()
	if err != nil {
		return err
	}
	if unixListener, ok := listener.(*net.UnixListener); ok {
		unixListener.SetUnlinkOnClose(false)
	}
	end := layer4.HandlerFunc(func(*layer4.Connection) error { return nil })
	l := rescuer{
		listener: listener,
		route:    server.Routes.Compile(logger, time.Duration(server.MatchingTimeout), end),
		logger:   logger,
	}
	r.listeners = append(r.listeners, l)
	r.serving.Go(l.serve)
	return nil
}

// start begins to accept, once.
func (r *rescuers) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started || r.closed || r.open == nil {
		return
	}
	r.started = true
	r.open()
}

// close ends accepting, and returns when nobody accepts any more, which takes a rescuePause at most. Connections stay.
func (r *rescuers) close() {
	defer r.serving.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, l := range r.listeners {
		l.listener.Close()
	}
	r.listeners = nil
}

func (r rescuer) serve() {
	for {
		if theLimit.room(forClients) != nil {
			time.Sleep(rescuePause) // one more is taken each time, so that somebody is told
		}
		conn, err := r.listener.Accept()
		switch {
		case err == nil:
			go r.handle(conn)
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
			time.Sleep(rescuePause)
		case errors.Is(err, net.ErrClosed):
			return
		default: // the connection, not the listener: it was reset while it waited
			time.Sleep(time.Millisecond)
		}
	}
}

// handle does what layer4's server does with a connection.
func (r rescuer) handle(conn net.Conn) {
	defer conn.Close()
	if err := r.route.Handle(layer4.WrapConnection(conn, nil, r.logger)); err != nil {
		r.logger.Error("handling connection", zap.Stringer("remote", conn.RemoteAddr()), zap.Error(err))
	}
}
