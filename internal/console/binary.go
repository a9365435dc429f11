package console

import "encoding/binary"

// appendBinary appends a whole number in the format that Postgres calls binary.
func appendBinary(out []byte, k kind, n uint64) []byte {
	switch k {
	case int4Kind:
		return binary.BigEndian.AppendUint32(out, uint32(n))
	case int8Kind:
		return binary.BigEndian.AppendUint64(out, n)
	}
	return appendNumeric(out, n)
}

// numericBase is that of the digits of a numeric on the wire.
const numericBase = 10_000

// appendNumeric appends a numeric: how many digits there are, the weight of the first, sign and scale, which are 0, and the digits without the
// zeros at the end (Postgres: numeric_send).
func appendNumeric(out []byte, n uint64) []byte {
	var digits []uint16 // the last first
	weight := -1
	for ; n > 0; n /= numericBase {
		weight++
		if d := uint16(n % numericBase); d != 0 || len(digits) > 0 {
			digits = append(digits, d)
		}
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(digits)))
	out = binary.BigEndian.AppendUint16(out, uint16(max(weight, 0)))
	out = binary.BigEndian.AppendUint32(out, 0)
	for i := len(digits) - 1; i >= 0; i-- {
		out = binary.BigEndian.AppendUint16(out, digits[i])
	}
	return out
}
