package poolhandler

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/secure"
)

// accepted takes a client that has been accepted from the socket of that name. It is called from the loops.
func (p *process) accepted(name uint64, fd int) (room bool) {
	found, ok := p.entrances.named.Load(name)
	if !ok {
		closeFD(fd)
		return true
	}
	l := found.(*entrance)
	l.failing.Store(false)
	p.entrances.answering.Add(1)
	go func() {
		defer p.entrances.answering.Add(-1)
		p.serve(l.address.String(), fd)
	}()
	return theLimit.fits(fd, forClients) == nil
}

// serve lets a client in, or tells it why not.
func (p *process) serve(address string, fd int) {
	file := os.NewFile(uintptr(fd), "client")
	conn, err := net.FileConn(file) // a duplicate
	file.Close()
	if err != nil {
		p.logger().Debug("a client was lost", zap.String("listener", address), zap.Error(fmt.Errorf("taking over its socket: %w", err)))
		return
	}
	a := throughListener(p, address, conn)
	defer a.conn.Close()
	a.handle()
}

// acceptFailed says so once, until somebody has been accepted again.
func (p *process) acceptFailed(name uint64, errno int32) {
	found, ok := p.entrances.named.Load(name)
	if !ok || found.(*entrance).failing.Swap(true) {
		return
	}
	p.logger().Warn("clients cannot be accepted and wait; it is tried again and again, and cured by raising RLIMIT_NOFILE if files are what is lacking",
		zap.Stringer("listener", found.(*entrance).address), zap.Error(syscall.Errno(errno)))
}

// dismiss tells a client that it has come too late: no loop is there any more to take it.
func (p *process) dismiss(c engine.Client, r *engine.Refusal) {
	p.entrances.answering.Add(1)
	go func() {
		defer p.entrances.answering.Add(-1)
		file := os.NewFile(uintptr(c.FD), "client")
		conn, err := net.FileConn(file) // a duplicate
		file.Close()
		if err != nil {
			return
		}
		client := &login.Client{}
		client.Layer, _ = c.Layer.(*secure.Conn)
		client.Refuse(conn, toClient(r))
	}()
}
