package wire

import "encoding/binary"

// Append appends one message of the given tag.
func Append(b []byte, tag byte, body ...[]byte) []byte {
	size := 4
	for _, p := range body {
		size += len(p)
	}
	b = binary.BigEndian.AppendUint32(append(b, tag), uint32(size))
	for _, p := range body {
		b = append(b, p...)
	}
	return b
}

// Text is a zero-terminated string.
func Text(s string) []byte { return append([]byte(s), 0) }

// Int16 and Int32 are numbers as the protocol writes them.
func Int16(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

// Int32 is a number as the protocol writes it.
func Int32(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// AppendQuery appends a simple query.
func AppendQuery(b []byte, sql string) []byte { return Append(b, Query, Text(sql)) }

// AppendParse appends a Parse without parameter types.
func AppendParse(b []byte, name, sql string) []byte {
	return Append(b, Parse, Text(name), Text(sql), Int16(0))
}

// AppendBind appends a Bind of the unnamed portal, without parameters, results as text.
func AppendBind(b []byte, statement string) []byte {
	return Append(b, Bind, Text(""), Text(statement), Int16(0), Int16(0), Int16(0))
}

// AppendBindNumber appends a Bind of the unnamed portal with one parameter, a bigint; it and the results are binary. The number is
// followed by AfterNumber bytes.
func AppendBindNumber(b []byte, statement string, n uint64) []byte {
	parameter := append(append(Int16(1), Int32(8)...), binary.BigEndian.AppendUint64(nil, n)...)
	return Append(b, Bind, Text(""), Text(statement), Int16(1), Int16(1), parameter, Int16(1), Int16(1))
}

// AfterNumber is how many bytes follow the number in a Bind: one format of results.
const AfterNumber = 4

// AppendDescribe appends a Describe of the unnamed portal.
func AppendDescribe(b []byte) []byte { return Append(b, Describe, []byte("P"), Text("")) }

// AppendExecute appends an Execute of the unnamed portal, all rows.
func AppendExecute(b []byte) []byte { return Append(b, Execute, Text(""), Int32(0)) }

// AppendSync appends a Sync.
func AppendSync(b []byte) []byte { return Append(b, Sync) }

// AppendError appends an ErrorResponse.
func AppendError(b []byte, sqlstate, message string) []byte {
	return Append(b, ErrorResponse, Text("SERROR"), Text("VERROR"), Text("C"+sqlstate), Text("M"+message), []byte{0})
}

// ErrorText is the SQLSTATE and the message of an ErrorResponse's body.
func ErrorText(body []byte) string {
	var code, message string
	for len(body) > 1 {
		field := body[0]
		text := body[1:]
		end := 0
		for end < len(text) && text[end] != 0 {
			end++
		}
		switch field {
		case 'C':
			code = string(text[:end])
		case 'M':
			message = string(text[:end])
		}
		body = text[min(end+1, len(text)):]
	}
	return code + " " + message
}
