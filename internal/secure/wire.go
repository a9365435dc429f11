package secure

import (
	"net"
	"time"
)

// wire is what crypto/tls takes for the network. Until the release it is the real connection, with what was read of it
// before in front. Afterwards it is two queues: reading finds what Open was given, writing collects what is to be sent.
type wire struct {
	conn net.Conn // nil after the release
	in   []byte   // bytes to read before those of conn
	out  []byte   // after the release: what was written and nobody has taken
}

// noBytes is the read error that crypto/tls forgets.
type noBytes struct{}

func (noBytes) Error() string   { return "no bytes yet" }
func (noBytes) Timeout() bool   { return false }
func (noBytes) Temporary() bool { return true }

var errNoBytes net.Error = noBytes{}

func (w *wire) Read(p []byte) (int, error) {
	switch {
	case len(w.in) > 0:
		n := copy(p, w.in)
		w.in = w.in[n:]
		return n, nil
	case w.conn == nil:
		return 0, errNoBytes
	}
	w.in = nil // it may be part of something large
	return w.conn.Read(p)
}

func (w *wire) Write(p []byte) (int, error) {
	if w.conn == nil {
		w.out = append(w.out, p...)
		return len(p), nil
	}
	return w.conn.Write(p)
}

func (w *wire) Close() error {
	if w.conn == nil {
		return nil
	}
	return w.conn.Close()
}

func (w *wire) LocalAddr() net.Addr {
	if w.conn == nil {
		return nil
	}
	return w.conn.LocalAddr()
}

func (w *wire) RemoteAddr() net.Addr {
	if w.conn == nil {
		return nil
	}
	return w.conn.RemoteAddr()
}

func (w *wire) SetDeadline(t time.Time) error {
	if w.conn == nil {
		return nil
	}
	return w.conn.SetDeadline(t)
}

func (w *wire) SetReadDeadline(t time.Time) error {
	if w.conn == nil {
		return nil
	}
	return w.conn.SetReadDeadline(t)
}

// SetWriteDeadline is called by crypto/tls around its close_notify.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.conn == nil {
		return nil
	}
	return w.conn.SetWriteDeadline(t)
}
