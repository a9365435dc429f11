package secure

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"sync"
	"unsafe"
)

// crypto/tls keeps, for as long as the connection lives, the buffer it has once read the longest record into: 18 KB for
// most clients that ever sent a large query, and nothing of its API can shrink it. And it allocates three times for each
// small record it reads from a net.Conn. Both ends if the record is laid into that buffer, and the buffer is only lent for
// the time of Open. The buffer is the field rawInput of tls.Conn, a bytes.Buffer that begins with a record's header, since
// Go 1.11; from it the field input takes what Read returns. Handshake messages are put together in the field hand.
//
// Should a later Go have other fields, none of this is done: all works as before and costs more. The tests tell.

// lentBytes holds the longest record, and the room that crypto/tls wants behind what it waits for.
const lentBytes = maxRecord + bytes.MinRead

// buffers are lent to connections of all loops.
var buffers = sync.Pool{New: func() any {
	b := new(bytes.Buffer)
	b.Grow(lentBytes)
	return b
}}

// fields is where they are; known: that they are there.
var fields = findFields()

type offsets struct {
	raw, input, hand uintptr
	known            bool
}

func findFields() offsets {
	raw, a := field[bytes.Buffer]("rawInput")
	input, b := field[bytes.Reader]("input")
	hand, c := field[bytes.Buffer]("hand")
	return offsets{raw: raw, input: input, hand: hand, known: a && b && c}
}

func field[T any](name string) (uintptr, bool) {
	f, ok := reflect.TypeFor[tls.Conn]().FieldByName(name)
	return f.Offset, ok && f.Type == reflect.TypeFor[T]()
}

// inside is the buffers in a tls.Conn; all nil if they are not where they should be.
type inside struct {
	conn *tls.Conn
	lent *bytes.Buffer // where raw's memory is from, while it has some of ours
}

func reach(t *tls.Conn) inside {
	if !fields.known {
		return inside{}
	}
	return inside{conn: t}
}

func (i *inside) known() bool { return i.conn != nil }

func (i *inside) raw() *bytes.Buffer {
	return (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(i.conn), fields.raw))
}

func (i *inside) input() *bytes.Reader {
	return (*bytes.Reader)(unsafe.Add(unsafe.Pointer(i.conn), fields.input))
}

func (i *inside) hand() *bytes.Buffer {
	return (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(i.conn), fields.hand))
}

// borrow lends raw a buffer, unless it has one, and returns raw. The part of a record that it holds moves along.
func (i *inside) borrow() *bytes.Buffer {
	raw := i.raw()
	if i.lent == nil {
		i.lent = buffers.Get().(*bytes.Buffer)
		i.lent.Write(raw.Bytes())
		*raw = *i.lent
	}
	return raw
}

// giveBack takes the buffer away, unless a part of a record is in it.
func (i *inside) giveBack() {
	if i.raw().Len() > 0 {
		return
	}
	i.lent.Reset()
	buffers.Put(i.lent)
	i.lent = nil
	i.empty()
}

// empty drops the memory of what is empty.
func (i *inside) empty() {
	if !i.known() {
		return
	}
	for _, b := range []*bytes.Buffer{i.raw(), i.hand()} {
		if b.Len() == 0 {
			*b = bytes.Buffer{}
		}
	}
	if input := i.input(); input.Len() == 0 {
		*input = bytes.Reader{}
	}
}
