package fleet

import "encoding/binary"

// decoder takes a text of bytes apart. Behind the first piece that is not there, ok is false and every piece is empty.
type decoder struct {
	rest []byte
	ok   bool
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// bytes is the next n, which are not copied; nil: there are not as many.
func (d *decoder) bytes(n int) []byte {
	if !d.ok || n > len(d.rest) {
		d.ok = false
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if !d.ok || n <= 0 {
		d.ok = false
		return 0
	}
	d.rest = d.rest[n:]
	return v
}
