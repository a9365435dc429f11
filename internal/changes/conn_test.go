package changes

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// saying is a connection on which the server says this.
func saying(t *testing.T, said []byte) *conn {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close() })
	go func() {
		_, _ = far.Write(said) // whether or not all of it is read
		far.Close()
	}()
	go io.Copy(io.Discard, far)
	return newConn(near)
}

func message(kind byte, length int) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(length-1)), make([]byte, length-pgwire.HeaderLen)...)
}

// Of a row that is longer than anybody needs the beginning is kept, and what follows it is read as usual.
func TestALongMessageIsCut(t *testing.T) {
	for _, length := range []int{maxMessageBytes, maxMessageBytes + 1, 3 * maxMessageBytes} {
		c := saying(t, append(message('d', length), message('Z', 6)...))
		kind, m, err := c.receive()
		if err != nil || kind != 'd' || len(m) != min(length, maxMessageBytes) {
			t.Errorf("%d bytes: %q with %d, %v", length, kind, len(m), err)
		}
		if kind, m, err = c.receive(); err != nil || kind != 'Z' || len(m) != 6 {
			t.Errorf("behind %d bytes: %q with %d, %v", length, kind, len(m), err)
		}
		if _, _, err := c.receive(); err == nil {
			t.Errorf("behind the end there is something")
		}
	}
}

func TestALengthThatCannotBe(t *testing.T) {
	for _, length := range []uint32{0, 3, 1 << 31, 0xffffffff, pgwire.MaxFrame} {
		c := saying(t, binary.BigEndian.AppendUint32([]byte{'d'}, length))
		if _, _, err := c.receive(); err == nil || bytes.Contains([]byte(err.Error()), []byte("closed")) {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

func TestAnAnswerOfTooManyRows(t *testing.T) {
	row := message('D', 7) // no columns
	for _, n := range []int{maxRows, maxRows + 1} {
		c := saying(t, append(bytes.Repeat(row, n), message('Z', 6)...))
		if rows, err := c.ask("SELECT", time.Minute); (err == nil) != (n == maxRows) {
			t.Errorf("of %d rows there are %d, %v", n, len(rows), err)
		}
	}
}

func TestAStatusUpdate(t *testing.T) {
	got := appendStatus(nil, 0x1122, epoch.Add(time.Second), true)
	want := []byte("r" + "\x00\x00\x00\x00\x00\x00\x11\x22" + "\x00\x00\x00\x00\x00\x00\x11\x22" + "\x00\x00\x00\x00\x00\x00\x11\x22" +
		"\x00\x00\x00\x00\x00\x0f\x42\x40" + "\x01")
	if !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
