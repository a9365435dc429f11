package pgwire

import (
	"bytes"
	"encoding/binary"
)

// FrameLen is the length of the whole message that begins b, header included. b must hold the header. A length that
// no message can have gives a value below HeaderLen.
func FrameLen(b []byte) int { return int(int32(binary.BigEndian.Uint32(b[1:]))) + 1 }

// LegalClientFrame reports whether Postgres would accept a message of this type and length from a client after login.
func LegalClientFrame(typ byte, length int) bool {
	switch typ {
	case Query, Parse, Bind, FunctionCall, CopyData:
		return length >= HeaderLen && length <= MaxFrame
	case Close, Describe, Execute, Flush, Sync, CopyDone, CopyFail, Terminate:
		return length >= HeaderLen && length <= MaxSmallFrame
	}
	return false
}

// KnownClientType reports whether the type is one a client may send after login.
func KnownClientType(typ byte) bool { return LegalClientFrame(typ, HeaderLen) }

// CString splits b after its first NUL; ok is false if there is none.
func CString(b []byte) (s, rest []byte, ok bool) {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return nil, b, false
	}
	return b[:i], b[i+1:], true
}

// Names2 is the two strings that begin the body of a Bind (portal, statement), and where the second ends in b: the
// offset of what follows it. ok is false if b ends first.
func Names2(b []byte) (first, second []byte, end int, ok bool) {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return nil, nil, 0, false
	}
	j := bytes.IndexByte(b[i+1:], 0)
	if j < 0 {
		return nil, nil, 0, false
	}
	return b[:i], b[i+1 : i+1+j], i + j + 2, true
}

// ParseBody splits the body of a Parse: name, query text, and the parameter types as they are on the wire (a count of
// two bytes, then four bytes each).
func ParseBody(b []byte) (name, text, types []byte, ok bool) {
	name, text, end, ok := Names2(b)
	if !ok || len(b)-end < 2 {
		return nil, nil, nil, false
	}
	types = b[end:]
	if n := int(binary.BigEndian.Uint16(types)); len(types) != 2+4*n {
		return nil, nil, nil, false
	}
	return name, text, types, true
}

// ErrorField is one field of an ErrorResponse or NoticeResponse, given whole; nil if it has none.
func ErrorField(msg []byte, field byte) []byte {
	if len(msg) < HeaderLen {
		return nil
	}
	for b := msg[HeaderLen:]; len(b) > 1 && b[0] != 0; {
		v, rest, ok := CString(b[1:])
		if !ok {
			return nil
		}
		if b[0] == field {
			return v
		}
		b = rest
	}
	return nil
}

// Parameter splits the body of a ParameterStatus.
func Parameter(body []byte) (name, value []byte, ok bool) {
	name, rest, ok := CString(body)
	if !ok {
		return nil, nil, false
	}
	value, _, ok = CString(rest)
	return name, value, ok
}
