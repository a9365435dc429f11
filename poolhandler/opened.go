package poolhandler

import (
	"io"
	"net"

	"github.com/pgmux/caddy-pgmux/internal/login"
	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// openedBytes is how much of an encrypted connection is read at once.
const openedBytes = 4 << 10

// opened is the connection of a client that has logged in, for code that waits: what the login has read beyond its own comes first, and what is
// encrypted is opened and sealed by the layer that the login has left. Reads and writes may not be at the same time where there is a layer,
// which may answer what it reads.
type opened struct {
	net.Conn
	layer  loop.Layer // nil: nothing is encrypted
	plain  []byte     // read, and not taken yet
	cipher []byte
	ended  bool
}

func newOpened(conn net.Conn, client *login.Client) *opened {
	o := &opened{Conn: conn, plain: client.Unread}
	if client.Layer != nil {
		o.layer, o.cipher = client.Layer, make([]byte, openedBytes)
	}
	return o
}

// Read implements net.Conn. After a deadline that has passed it can be called again.
func (o *opened) Read(b []byte) (int, error) {
	for len(o.plain) == 0 {
		if o.layer == nil {
			return o.Conn.Read(b)
		}
		if o.ended {
			return 0, io.EOF
		}
		if err := o.open(); err != nil {
			return 0, err
		}
	}
	n := copy(b, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

// open reads what there is, and decrypts it.
func (o *opened) open() error {
	n, err := o.Conn.Read(o.cipher)
	if err != nil {
		return err
	}
	if o.plain, o.ended, err = o.layer.Open(o.cipher[:n], nil); err != nil {
		return err
	}
	if own := o.layer.Own(nil); len(own) > 0 {
		_, err = o.Conn.Write(own)
	}
	return err
}

// Write implements net.Conn.
func (o *opened) Write(b []byte) (int, error) {
	if o.layer == nil {
		return o.Conn.Write(b)
	}
	sealed, err := o.layer.Seal(nil, b)
	if err == nil {
		_, err = o.Conn.Write(sealed)
	}
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close says that nothing follows, and closes the connection.
func (o *opened) Close() error {
	if o.layer != nil {
		o.Conn.Write(o.layer.End(nil)) // as far as it gets
	}
	return o.Conn.Close()
}
