package sim

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The wire format once more, written apart from package pgwire, so that a mistake there is not made here too.

// message is one message without its length.
type message struct {
	typ  byte
	body []byte
}

// build appends a message. A string is written with its NUL, a []byte as it is.
func build(dst []byte, typ byte, parts ...any) []byte {
	at := len(dst)
	dst = append(dst, typ, 0, 0, 0, 0)
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			dst = append(append(dst, p...), 0)
		case []byte:
			dst = append(dst, p...)
		case byte:
			dst = append(dst, p)
		case int16:
			dst = binary.BigEndian.AppendUint16(dst, uint16(p))
		case int32:
			dst = binary.BigEndian.AppendUint32(dst, uint32(p))
		case uint32:
			dst = binary.BigEndian.AppendUint32(dst, p)
		default:
			panic(fmt.Sprintf("bug: building a message with a %T", p))
		}
	}
	binary.BigEndian.PutUint32(dst[at+1:], uint32(len(dst)-at-1))
	return dst
}

// reader cuts a stream of bytes into messages.
type reader struct{ buf []byte }

func (r *reader) add(p []byte) { r.buf = append(r.buf, p...) }

// next returns the next message, once it is complete. A length that cannot be is an error.
func (r *reader) next() (m message, ok bool, err error) {
	if len(r.buf) < 5 {
		return message{}, false, nil
	}
	n := int(binary.BigEndian.Uint32(r.buf[1:]))
	if n < 4 || n > 1<<28 {
		return message{}, false, fmt.Errorf("message %q of length %d", r.buf[0], n)
	}
	if len(r.buf) < n+1 {
		return message{}, false, nil
	}
	m = message{r.buf[0], r.buf[5 : n+1 : n+1]}
	r.buf = r.buf[n+1:]
	return m, true, nil
}

// fields reads the parts of a body.
type fields struct{ b []byte }

func (f *fields) text() string {
	i := strings.IndexByte(string(f.b), 0)
	if i < 0 {
		s := string(f.b)
		f.b = nil
		return s
	}
	s := string(f.b[:i])
	f.b = f.b[i+1:]
	return s
}

func (f *fields) int16() int {
	if len(f.b) < 2 {
		return 0
	}
	n := int(int16(binary.BigEndian.Uint16(f.b)))
	f.b = f.b[2:]
	return n
}

func (f *fields) int32() int {
	if len(f.b) < 4 {
		return 0
	}
	n := int(int32(binary.BigEndian.Uint32(f.b)))
	f.b = f.b[4:]
	return n
}

func (f *fields) byte() byte {
	if len(f.b) == 0 {
		return 0
	}
	c := f.b[0]
	f.b = f.b[1:]
	return c
}

func (f *fields) bytes(n int) []byte {
	n = min(max(n, 0), len(f.b))
	p := f.b[:n]
	f.b = f.b[n:]
	return p
}

// errorField is one field of an ErrorResponse.
func errorField(body []byte, name byte) string {
	f := fields{body}
	for len(f.b) > 0 {
		c := f.byte()
		if c == 0 {
			return ""
		}
		if v := f.text(); c == name {
			return v
		}
	}
	return ""
}

// String shows a message to a reader.
func (m message) String() string {
	body := string(m.body)
	if m.typ == 'E' && len(body) > 1 && strings.Contains(body, "\x00C") {
		body = errorField(m.body, 'C') + " " + errorField(m.body, 'M')
	}
	if len(body) > 120 {
		body = fmt.Sprintf("%s… (%d bytes)", body[:120], len(body))
	}
	return fmt.Sprintf("%c %q", m.typ, body)
}

// dull reports whether a message would only make a trace long: rows, of a result or of a COPY, and what is said at every
// login.
func (m message) dull() bool {
	return m.typ == 'D' && len(m.body) > 5 && m.body[0] == 0 || m.typ == 'd' || m.typ == 'S' && len(m.body) > 0 || m.typ == 'T'
}

// tagOf is the tag in a frame: what stands between two signs of @. It begins with the client's name.
func tagOf(b []byte) string {
	s := string(b)
	i := strings.IndexByte(s, '@')
	if i < 0 {
		return ""
	}
	j := strings.IndexByte(s[i+1:], '@')
	if j < 0 {
		return ""
	}
	return s[i+1 : i+1+j]
}

// tagName is the tag of a client's statement, without the signs around it.
func tagName(client, statement int) string { return fmt.Sprintf("c%d.%d", client, statement) }

// clientOfTag is the number of the client that a tag c12.3 names; -1 if it is none.
func clientOfTag(tag string) int {
	var client, query int
	if _, err := fmt.Sscanf(tag, "c%d.%d", &client, &query); err != nil {
		return -1
	}
	return client
}
