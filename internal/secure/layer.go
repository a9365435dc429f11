package secure

import (
	"errors"
	"io"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

var _ loop.Layer = (*Conn)(nil)

// The record layer (RFC 8446, 5; RFC 5246, 6.2): a header with the length in its last two bytes, then so many bytes.
const (
	headerBytes = 5
	// maxRecord is the longest record that anybody may send; TLS 1.2 allows more than 1.3.
	maxRecord = headerBytes + maxPayload + 2048
	// maxPayload is the plaintext that fits into one record.
	maxPayload = 16 << 10
	// maxOverhead is what a record adds to its plaintext, at most: header, IV, a MAC of SHA-384, padding.
	maxOverhead = headerBytes + 16 + 48 + 16
)

// minRead is the room for plaintext where nobody knows how much there is.
const minRead = 512

// Open implements loop.Layer. Once it has told the end or an error, it tells that for ever.
func (c *Conn) Open(cipher, plain []byte) (out []byte, ended bool, err error) {
	switch {
	case c.ended || c.err != nil || len(cipher) == 0:
		out = plain
	case c.inside.known():
		out = c.openRecords(cipher, plain)
	default:
		c.wire.in = cipher
		out = c.drain(plain)
		c.wire.in = nil
	}
	return out, c.ended, c.err
}

// openRecords lays record by record where crypto/tls looks first, so that it need not read.
func (c *Conn) openRecords(cipher, plain []byte) []byte {
	raw := c.inside.borrow()
	for !c.ended && c.err == nil {
		for missing(raw.Bytes()) > 0 && len(cipher) > 0 {
			n := min(missing(raw.Bytes()), len(cipher))
			raw.Write(cipher[:n])
			cipher = cipher[n:]
		}
		if missing(raw.Bytes()) > 0 {
			break
		}
		plain, _ = c.read(plain, raw.Len())
	}
	c.inside.giveBack()
	return plain
}

// missing is how many bytes a record, of which these have come, needs next: the rest of its header, or of itself. What can
// be no record is missing nothing: crypto/tls shall say so at once.
func missing(record []byte) int {
	if len(record) < headerBytes {
		return headerBytes - len(record)
	}
	whole := headerBytes + int(record[3])<<8 + int(record[4])
	if whole > maxRecord {
		return 0
	}
	return whole - len(record)
}

// drain reads until nothing is there.
func (c *Conn) drain(plain []byte) []byte {
	for more := true; more; {
		plain, more = c.read(plain, max(minRead, min(len(c.wire.in), maxPayload)))
	}
	return plain
}

// read appends what one Read brings to plain, which gets so much room. It reports whether another one makes sense.
func (c *Conn) read(plain []byte, room int) ([]byte, bool) {
	plain = slices.Grow(plain, room)
	n, err := c.tls.Read(plain[len(plain):cap(plain)])
	plain = plain[:len(plain)+n]
	switch {
	case err == nil:
		return plain, true
	case errors.Is(err, errNoBytes):
	case errors.Is(err, io.EOF):
		c.ended = true
	default:
		c.err = err
	}
	return plain, false
}

// Seal implements loop.Layer. Nothing of b makes no record.
func (c *Conn) Seal(cipher, b []byte) ([]byte, error) {
	if c.err != nil {
		return c.Own(cipher), c.err
	}
	records := (len(b) + maxPayload - 1) / maxPayload
	cipher = slices.Grow(cipher, len(c.wire.out)+len(b)+records*maxOverhead)
	c.wire.out = c.Own(cipher)
	_, err := c.tls.Write(b)
	cipher, c.wire.out = c.wire.out, nil
	return cipher, err
}

// Own implements loop.Layer.
func (c *Conn) Own(cipher []byte) []byte {
	cipher = append(cipher, c.wire.out...)
	c.wire.out = nil
	return cipher
}

// End implements loop.Layer. Who has failed has said so, and no more is said.
func (c *Conn) End(cipher []byte) []byte {
	if c.err == nil {
		_ = c.tls.CloseWrite() // what can fail is the writing
	}
	return c.Own(cipher)
}
