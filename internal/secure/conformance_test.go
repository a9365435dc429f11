package secure

import (
	"crypto/tls"
	"io"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/epoll"
	"github.com/pgmux/caddy-pgmux/internal/loop"
	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
	"github.com/pgmux/caddy-pgmux/uring"
)

// drivers are those under test. The tight one cuts records into pieces.
var drivers = map[string]looptest.Open{
	"epoll": func(t *testing.T) loop.Driver { return opened(t)(epoll.New(epoll.Options{})) },
	"uring": func(t *testing.T) loop.Driver { return opened(t)(uring.New(uring.Options{})) },
	"tight uring": func(t *testing.T) loop.Driver {
		return opened(t)(uring.New(uring.Options{Entries: 4, Completions: 8, Buffers: 4, BufferBytes: 256}))
	},
}

func opened(t *testing.T) func(loop.Driver, error) loop.Driver {
	return func(d loop.Driver, err error) loop.Driver {
		if err != nil {
			t.Skipf("no driver here: %v", err)
		}
		return d
	}
}

// TestDriverWithoutLayers: a wrapped driver keeps the contract.
func TestDriverWithoutLayers(t *testing.T) {
	for _, name := range []string{"epoll", "uring"} {
		open := drivers[name]
		t.Run(name, func(t *testing.T) {
			wrapped := func(t *testing.T) loop.Driver { return Wrap(open(t)) }
			if testing.Short() {
				looptest.RunOver(t, wrapped, looptest.SocketPairs{})
				return
			}
			looptest.Run(t, wrapped)
		})
	}
}

// TestDriverWithLayers: with TLS on every connection it keeps the same contract.
func TestDriverWithLayers(t *testing.T) {
	for name, open := range drivers {
		t.Run(name, func(t *testing.T) {
			for _, net := range []struct {
				name    string
				net     looptest.Net
				version uint16
			}{
				{"unix, TLS 1.3", looptest.SocketPairs{}, tls.VersionTLS13},
				{"tcp, TLS 1.2", looptest.Loopback{}, tls.VersionTLS12},
			} {
				t.Run(net.name, func(t *testing.T) {
					if testing.Short() && (name == "tight uring") != (net.version == tls.VersionTLS12) {
						t.Skip("one of the two suffices")
					}
					n := newTLSNet(net.net, net.version)
					looptest.RunOver(t, func(t *testing.T) loop.Driver {
						return &attaching{Driver: Wrap(open(t)), net: n, layers: map[loop.ID]*Conn{}}
					}, n)
				})
			}
		})
	}
}

// tlsNet makes connections that have had their handshake, elsewhere.
type tlsNet struct {
	looptest.Net
	server, client *tls.Config
	layers         map[int]*Conn // by descriptor
	fars           []*tlsFar
}

func newTLSNet(n looptest.Net, version uint16) *tlsNet {
	server, client := configs(version)
	return &tlsNet{Net: n, server: server, client: client, layers: map[int]*Conn{}}
}

func (n *tlsNet) Pair(t *testing.T) (int, looptest.Far) {
	t.Helper()
	fd, far := n.Net.Pair(t)
	s, c := pair(t, n.server, n.client)
	n.layers[fd] = s
	return fd, n.far(far, c)
}

func (n *tlsNet) Near(fd int) looptest.Far { return n.far(n.Net.Near(fd), n.layers[fd]) }

func (n *tlsNet) far(far looptest.Far, layer *Conn) *tlsFar {
	f := &tlsFar{Far: far, layer: layer, buf: make([]byte, 64<<10)}
	n.fars = append(n.fars, f)
	return f
}

// flush goes on sending what far ends have sealed.
func (n *tlsNet) flush() {
	open := n.fars[:0]
	for _, f := range n.fars {
		if !f.closed {
			_ = f.flush()
			open = append(open, f)
		}
	}
	clear(n.fars[len(open):])
	n.fars = open
}

// attaching attaches every connection with its layer.
type attaching struct {
	loop.Driver
	net    *tlsNet
	layers map[loop.ID]*Conn
	ops    []loop.Op
}

// Capacity spares the suite some thousand handshakes.
func (d *attaching) Capacity() int { return min(d.Driver.Capacity(), 600) }

func (d *attaching) Wait(deadline int64) ([]loop.Event, int64) {
	d.net.flush()
	events, now := d.Driver.Wait(deadline)
	for i := range events {
		if e := &events[i]; e.Kind == loop.Detached {
			d.net.layers[int(e.FD)] = d.layers[e.Conn]
		}
	}
	return events, now
}

func (d *attaching) Submit(ops []loop.Op) {
	d.ops = append(d.ops[:0], ops...)
	for i := range d.ops {
		if op := &d.ops[i]; op.Kind == loop.Attach {
			layer := d.net.layers[int(op.FD)]
			d.layers[op.Conn], op.Layer = layer, layer
		}
	}
	d.Driver.Submit(d.ops)
}

// tlsFar is a far end that speaks TLS.
type tlsFar struct {
	looptest.Far
	layer  *Conn
	buf    []byte
	plain  []byte // opened and not read yet
	unsent []byte // sealed and not taken yet
	store  [2][]byte
	end    error // after plain
	shut   bool  // after unsent
	closed bool
}

func (f *tlsFar) flush() error {
	if len(f.unsent) > 0 {
		n, err := f.Far.Write(f.unsent)
		if err != nil {
			return err
		}
		f.unsent = f.unsent[n:]
	}
	if len(f.unsent) == 0 && f.shut {
		f.shut = false
		return f.Far.CloseWrite()
	}
	return nil
}

func (f *tlsFar) Write(p []byte) (int, error) {
	if err := f.flush(); err != nil || len(f.unsent) > 0 {
		return 0, err
	}
	p = p[:min(len(p), 64<<10)]
	sealed, err := f.layer.Seal(f.store[0][:0], p)
	if err != nil {
		return 0, err
	}
	f.unsent, f.store[0] = sealed, sealed
	if err := f.flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *tlsFar) Read(p []byte) (int, error) {
	for len(f.plain) == 0 {
		if f.end != nil {
			return 0, f.end
		}
		n, err := f.Far.Read(f.buf)
		if n == 0 {
			return 0, err
		}
		plain, ended, err := f.layer.Open(f.buf[:n], f.store[1][:0])
		f.plain, f.store[1], f.end = plain, plain, err
		if ended {
			f.end = io.EOF
		}
		f.unsent = f.layer.Own(f.unsent)
	}
	n := copy(p, f.plain)
	f.plain = f.plain[n:]
	return n, nil
}

func (f *tlsFar) CloseWrite() error {
	f.unsent, f.shut = f.layer.End(f.unsent), true
	return f.flush()
}

func (f *tlsFar) Reset() {
	f.closed = true
	f.Far.Reset()
}

func (f *tlsFar) Close() {
	f.closed = true
	f.Far.Close()
}
