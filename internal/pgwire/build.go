package pgwire

import "encoding/binary"

// begin appends a header whose length finish fills in.
func begin(dst []byte, typ byte) ([]byte, int) {
	return append(dst, typ, 0, 0, 0, 0), len(dst)
}

func finish(dst []byte, at int) []byte {
	binary.BigEndian.PutUint32(dst[at+1:], uint32(len(dst)-at-1))
	return dst
}

func appendCString(dst []byte, s string) []byte { return append(append(dst, s...), 0) }

// AppendReady appends ReadyForQuery.
func AppendReady(dst []byte, status byte) []byte {
	return append(dst, ReadyForQuery, 0, 0, 0, 5, status)
}

// AppendEmpty appends a message without a body: Sync, Flush, CopyDone, ParseComplete, CloseComplete, …
func AppendEmpty(dst []byte, typ byte) []byte { return append(dst, typ, 0, 0, 0, 4) }

// AppendParameterStatus appends a ParameterStatus.
func AppendParameterStatus(dst []byte, name, value string) []byte {
	dst, at := begin(dst, ParameterStatus)
	return finish(appendCString(appendCString(dst, name), value), at)
}

// AppendBackendKeyData appends a BackendKeyData with a key of protocol 3.0.
func AppendBackendKeyData(dst []byte, pid, secret uint32) []byte {
	dst = append(dst, BackendKeyData, 0, 0, 0, 12)
	dst = binary.BigEndian.AppendUint32(dst, pid)
	return binary.BigEndian.AppendUint32(dst, secret)
}

// AppendQuery appends a simple Query.
func AppendQuery(dst []byte, text string) []byte {
	dst, at := begin(dst, Query)
	return finish(appendCString(dst, text), at)
}

// AppendParse appends a Parse; types is a count and OIDs as on the wire.
func AppendParse(dst, name, text, types []byte) []byte {
	dst, at := begin(dst, Parse)
	dst = append(append(dst, name...), 0)
	dst = append(append(dst, text...), 0)
	return finish(append(dst, types...), at)
}

// AppendStatement appends a Describe or Close of a prepared statement.
func AppendStatement(dst []byte, typ byte, name []byte) []byte {
	dst, at := begin(dst, typ)
	dst = append(dst, 'S')
	return finish(append(append(dst, name...), 0), at)
}

// AppendBind appends the beginning of a Bind, up to and with the statement's name, for a body whose remainder, of
// the length given, follows.
func AppendBind(dst, portal, statement []byte, remainder int) []byte {
	dst, at := begin(dst, Bind)
	dst = append(append(dst, portal...), 0)
	dst = append(append(dst, statement...), 0)
	binary.BigEndian.PutUint32(dst[at+1:], uint32(len(dst)-at-1+remainder))
	return dst
}

// AppendPlainBind appends a Bind without parameters, all of whose results are text.
func AppendPlainBind(dst, portal, statement []byte) []byte {
	dst = AppendBind(dst, portal, statement, 6)
	return append(dst, 0, 0, 0, 0, 0, 0)
}

// AppendExecute appends an Execute of all rows.
func AppendExecute(dst, portal []byte) []byte {
	dst, at := begin(dst, Execute)
	return finish(append(append(dst, portal...), 0, 0, 0, 0, 0), at)
}

// AppendClose appends a Close of a portal, 'P', or a statement, 'S'.
func AppendClose(dst []byte, what byte, name []byte) []byte {
	dst, at := begin(dst, Close)
	dst = append(dst, what)
	return finish(append(append(dst, name...), 0), at)
}

// AppendCopyFail appends a CopyFail.
func AppendCopyFail(dst []byte, reason string) []byte {
	dst, at := begin(dst, CopyFail)
	return finish(appendCString(dst, reason), at)
}

// AppendErrorAs appends an ErrorResponse, given whole, with another SQLSTATE and message, and no line of Postgres's source.
func AppendErrorAs(dst, msg []byte, code, message string) []byte {
	dst, at := begin(dst, ErrorResponse)
	for b := msg[HeaderLen:]; len(b) > 1 && b[0] != 0; {
		value, rest, ok := CString(b[1:])
		if !ok {
			break
		}
		switch b[0] {
		case 'C':
			dst = appendCString(append(dst, 'C'), code)
		case 'M':
			dst = appendCString(append(dst, 'M'), message)
		case 'L':
		default:
			dst = append(append(append(dst, b[0]), value...), 0)
		}
		b = rest
	}
	return finish(append(dst, 0), at)
}

// AppendError appends an ErrorResponse in Postgres's order of fields; empty ones are left out.
func AppendError(dst []byte, severity, code, message, detail, hint string) []byte {
	dst, at := begin(dst, ErrorResponse)
	for _, f := range [...]struct {
		code  byte
		value string
	}{{'S', severity}, {'V', severity}, {'C', code}, {'M', message}, {'D', detail}, {'H', hint}} {
		if f.value != "" {
			dst = appendCString(append(dst, f.code), f.value)
		}
	}
	return finish(append(dst, 0), at)
}
