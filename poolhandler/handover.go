package poolhandler

import (
	"net"
	"os"
	"syscall"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// handOver gives the logged-in client to the engine. After it nothing of the connection is left in Go, unless it is
// not a plain socket: then a pump stays.
func (a *arrival) handOver(client *login.Client) error {
	if a.console != nil {
		return a.enterConsole(client)
	}
	fd, err := a.takeSocket(client)
	if err != nil {
		a.leave()
		return err
	}
	attached := engine.Client{
		FD: fd, Unread: client.Unread,
		Pool: a.admitted, Database: client.Database, User: a.pool.server.userFor(client.User), Login: client.User,
		Priority: a.pool.priorities.of(&client.Startup), LongKey: client.Protocol >= protocolLongKeys,
		Replication: client.Replication, Startup: settings(client.Settings), Address: a.remote,
	}
	if client.Layer != nil {
		attached.Layer = client.Layer
	}
	refused := a.running.Attach(attached)
	if refused == nil {
		return nil
	}
	a.leave()
	refusal := toClient(refused)
	a.refuse(fd, client, refusal)
	return refusal
}

// protocolLongKeys is the version from which cancel keys may be longer than 4 bytes: 3.2.
const protocolLongKeys = 3<<16 | 2

// takeSocket makes the connection a descriptor: its own, taken out of Go, or the end of a pump.
func (a *arrival) takeSocket(client *login.Client) (fd int, err error) {
	if isPlain(a.conn) {
		fd, err = login.TakeFD(a.conn)
	} else {
		a.pump, fd, err = newPump(a.conn)
	}
	if err != nil {
		refusal := lackOfRoom(err)
		client.Refuse(a.conn, refusal)
		return -1, refusal
	}
	if err := theLimit.fits(fd, forClients); err != nil {
		refusal := lackOfRoom(err)
		a.refuse(fd, client, refusal)
		return -1, refusal
	}
	setOptions(fd)
	return fd, nil
}

// refuse tells a client, whose descriptor has been taken, why it cannot stay, and closes everything.
func (a *arrival) refuse(fd int, client *login.Client, r *login.Refusal) {
	if a.pump != nil {
		closeFD(fd)
		a.pump.engine.Close()
		a.pump = nil
		client.Refuse(a.conn, r)
		return
	}
	file := os.NewFile(uintptr(fd), "client")
	conn, err := net.FileConn(file) // a duplicate
	file.Close()
	if err == nil {
		client.Refuse(conn, r)
	}
}

// isPlain tells whether what is read and written is the socket itself: a type that embeds one may do more.
func isPlain(conn net.Conn) bool {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// descriptor is the number of a plain socket.
func descriptor(conn net.Conn) (fd int, ok bool) {
	if !isPlain(conn) {
		return 0, false
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(n uintptr) { fd = int(n) })
	return fd, err == nil
}
