// Package wire is what the benchmark needs to know of the Postgres protocol, version 3: where frames end, and the
// few messages that its clients and its server say.
package wire

import "encoding/binary"

// The tags of the messages that somebody here looks at.
const (
	Query          = 'Q'
	Parse          = 'P'
	Bind           = 'B'
	Describe       = 'D'
	Execute        = 'E'
	Close          = 'C'
	Sync           = 'S'
	Flush          = 'H'
	Terminate      = 'X'
	Authentication = 'R'
	ReadyForQuery  = 'Z'
	ErrorResponse  = 'E'
	DataRow        = 'D'
)

// headerSize is a tag and a length; the length counts itself.
const headerSize = 5

// Frame is a frame that has ended.
type Frame struct {
	Tag byte
	// First is the first byte of the body: the status of a ReadyForQuery. 0 if there is no body.
	First byte
	// Body is the body if it lay in one piece, a part of what was scanned; else nil.
	Body []byte
}

// Scanner finds frames by their length in a stream that comes in pieces. It keeps no bytes but a header.
type Scanner struct {
	head [headerSize + 1]byte // of a frame that lies in several pieces
	have int                  // bytes of head that are there
	left int                  // bytes of the frame still to come after those, once the header is there
	bad  bool
}

// Next consumes bytes of data up to the end of a frame, or all of it. f.Tag is 0 if no frame ended.
func (s *Scanner) Next(data []byte) (f Frame, n int) {
	if s.bad {
		return Frame{}, len(data)
	}
	if s.have > 0 || len(data) < headerSize {
		return s.piecewise(data)
	}
	total := 1 + int(binary.BigEndian.Uint32(data[1:]))
	if total < headerSize {
		s.bad = true
		return Frame{}, len(data)
	}
	if total > len(data) {
		return s.piecewise(data)
	}
	f = Frame{Tag: data[0], Body: data[headerSize:total]}
	if total > headerSize {
		f.First = data[headerSize]
	}
	return f, total
}

// Between tells whether the stream is at a frame's boundary.
func (s *Scanner) Between() bool { return s.have == 0 }

// Bad tells whether the stream held what cannot be a frame. It is then lost for good.
func (s *Scanner) Bad() bool { return s.bad }

// piecewise consumes a frame of which only a part is here.
func (s *Scanner) piecewise(data []byte) (f Frame, n int) {
	for n < len(data) && (s.have < headerSize || s.wantsFirst()) {
		s.head[s.have] = data[n]
		s.have++
		n++
		if s.have == headerSize {
			s.left = int(binary.BigEndian.Uint32(s.head[1:])) - 4
			if s.left < 0 {
				s.bad = true
				return Frame{}, len(data)
			}
		} else if s.have > headerSize {
			s.left--
		}
	}
	if s.have < headerSize {
		return Frame{}, n
	}
	skip := min(s.left, len(data)-n)
	s.left -= skip
	n += skip
	if s.left > 0 || s.wantsFirst() {
		return Frame{}, n
	}
	f = Frame{Tag: s.head[0]}
	if s.have > headerSize {
		f.First = s.head[headerSize]
	}
	s.have = 0
	return f, n
}

// wantsFirst tells that the header is there, a body follows, and its first byte has not come.
func (s *Scanner) wantsFirst() bool { return s.have == headerSize && s.left > 0 }
