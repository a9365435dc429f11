//go:build e2e

package e2e

import (
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// A socket that somebody else holds, as systemd does: processes come and go, clients that come meanwhile wait, and nobody is
// refused or reset. Who was in at the end of one was told.
func TestHandOverOfAnInheritedSocket(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("the pooler's own")
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		s := settings{
			Listen:   "fd/3",
			Launcher: []string{"/bin/sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`},
		}
		start := func() *pooler {
			p := newPooler(t, driver, server, s)
			p.Addr, p.files = listener.Addr().String(), []*os.File{file}
			p.run()
			t.Cleanup(p.finish)
			return p
		}
		p := start()
		v := startVisitors(listener.Addr().String(), 8)
		for range 3 {
			p.awaitListening()
			v.awaitServed(t, 50)
			p.stop()
			p = start()
		}
		v.awaitServed(t, 50)
		v.leave(t)
		v.expect(t, "57P01", "57P03")
	})
}

// Two processes at one address, of which the old one is told to stop: everything that a client hears of it is what one that
// tries again expects.
func TestHandOverOfASharedPort(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("the pooler's own")
		}
		s := settings{Listen: ownListener, Global: "drain_timeout 2s"}
		p := startPooler(t, driver, server, s)
		v := startVisitors(p.Addr, 8)
		for range 3 {
			v.awaitServed(t, 50)
			next := newPooler(t, driver, server, s)
			next.Addr = p.Addr
			next.write(s)
			next.run()
			t.Cleanup(next.finish)
			next.awaitListening()
			v.awaitServed(t, 50)
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			p.stop()
			p = next
		}
		v.awaitServed(t, 50)
		v.leave(t)
		v.expect(t, "57P01", "57P03")
	})
}
