package pgwire

import "encoding/binary"

// Columns appends to dst the columns of a DataRow's body, NULL as nil. They are views of it. A malformed body yields the
// columns before the fault.
func Columns(dst [][]byte, body []byte) [][]byte {
	if len(body) < 2 {
		return dst
	}
	n := int(binary.BigEndian.Uint16(body))
	rest := body[2:]
	for ; n > 0 && len(rest) >= 4; n-- {
		length := int(int32(binary.BigEndian.Uint32(rest)))
		rest = rest[4:]
		if length < 0 {
			dst = append(dst, nil)
			continue
		}
		if length > len(rest) {
			break
		}
		dst = append(dst, rest[:length:length])
		rest = rest[length:]
	}
	return dst
}
