package session

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// How the transcripts write messages: the name the Postgres documentation has for it, then its fields. Fields that are
// empty or have blanks are quoted as in Go; *5000 is so many bytes.

// clientMessage builds what a client says.
func clientMessage(words []string) ([]byte, error) {
	w := &fields{words: words[1:]}
	var b body
	var typ byte
	switch words[0] {
	case "Query":
		typ = pgwire.Query
		b.cstring(w.next(""))
	case "Parse":
		typ = pgwire.Parse
		b.cstring(w.next(""))
		b.cstring(w.next(""))
		b.int16(len(w.words))
		for len(w.words) > 0 {
			b.int32(w.int(0))
		}
	case "Bind":
		typ = pgwire.Bind
		b.cstring(w.next(""))
		b.cstring(w.next(""))
		b.int16(0)
		b.int16(len(w.words))
		for len(w.words) > 0 {
			v := w.next("")
			b.int32(len(v))
			b.bytes(v)
		}
		b.int16(0)
	case "Describe", "Close":
		typ = map[string]byte{"Describe": pgwire.Describe, "Close": pgwire.Close}[words[0]]
		b.bytes(w.next("S"))
		b.cstring(w.next(""))
	case "Execute":
		typ = pgwire.Execute
		b.cstring(w.next(""))
		b.int32(w.int(0))
	case "FunctionCall":
		typ = pgwire.FunctionCall
		b.int32(w.int(1))
		b.int16(0)
		b.int16(0)
		b.int16(0)
	case "Sync":
		typ = pgwire.Sync
	case "Flush":
		typ = pgwire.Flush
	case "CopyData":
		typ = pgwire.CopyData
		b.bytes(w.next(""))
	case "CopyDone":
		typ = pgwire.CopyDone
	case "CopyFail":
		typ = pgwire.CopyFail
		b.cstring(w.next(""))
	case "Terminate":
		typ = pgwire.Terminate
	case "Raw":
		return []byte(w.next("")), nil
	default:
		return nil, fmt.Errorf("no client says %q", words[0])
	}
	return frame(typ, b), w.err
}

// serverMessage builds what a server says.
func serverMessage(words []string) ([]byte, error) {
	w := &fields{words: words[1:]}
	var b body
	var typ byte
	switch words[0] {
	case "ReadyForQuery":
		typ = pgwire.ReadyForQuery
		b.bytes(w.next("I"))
	case "CommandComplete":
		typ = pgwire.CommandComplete
		b.cstring(w.next(""))
	case "DataRow":
		typ = pgwire.DataRow
		columns := []string{w.next("")}
		for len(w.words) > 0 {
			columns = append(columns, w.next(""))
		}
		b.int16(len(columns))
		for _, v := range columns {
			b.int32(len(v))
			b.bytes(v)
		}
	case "RowDescription":
		typ = pgwire.RowDescription
		b = columns
		if names := w.words; len(names) > 0 {
			b = binary.BigEndian.AppendUint16(nil, uint16(len(names)))
			for _, name := range names {
				b.cstring(name)
				b.bytes(string(make([]byte, 18)))
			}
		}
	case "ErrorResponse", "NoticeResponse":
		m := pgwire.AppendError(nil, w.next("ERROR"), w.next("XX000"), w.next(""), "", "")
		for len(w.words) > 0 { // further fields, as R=routine
			v := w.next("")
			m = append(m[:len(m)-1], v[0])
			m = append(append(append(m, v[2:]...), 0), 0)
			binary.BigEndian.PutUint32(m[1:], uint32(len(m)-1))
		}
		if words[0] == "NoticeResponse" {
			m[0] = pgwire.NoticeResponse
		}
		return m, w.err
	case "ParameterStatus":
		return pgwire.AppendParameterStatus(nil, w.next(""), w.next("")), w.err
	case "NotificationResponse":
		typ = pgwire.NotificationResponse
		b.int32(1)
		b.cstring(w.next(""))
		b.cstring(w.next(""))
	case "CopyInResponse", "CopyOutResponse":
		typ = map[string]byte{"CopyInResponse": pgwire.CopyInResponse, "CopyOutResponse": pgwire.CopyOutResponse}[words[0]]
		b = body{0, 0, 1, 0, 0}
	case "CopyData":
		typ = pgwire.CopyData
		b.bytes(w.next(""))
	case "ParameterDescription":
		typ = pgwire.ParameterDescription
		b.int16(0)
	case "FunctionCallResponse":
		typ = pgwire.FunctionCallResponse
		b.int32(1)
		b.bytes("1")
	case "Raw":
		return []byte(w.next("")), nil
	default:
		t, ok := map[string]byte{"ParseComplete": pgwire.ParseComplete, "BindComplete": pgwire.BindComplete,
			"CloseComplete": pgwire.CloseComplete, "NoData": pgwire.NoData, "PortalSuspended": pgwire.PortalSuspended,
			"EmptyQueryResponse": pgwire.EmptyQueryResponse, "CopyDone": pgwire.CopyDone}[words[0]]
		if !ok {
			return nil, fmt.Errorf("no server says %q", words[0])
		}
		typ = t
	}
	return frame(typ, b), w.err
}

func frame(typ byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{typ}, uint32(len(body)+4))
	return append(b, body...)
}

type body []byte

func (b *body) bytes(s string)   { *b = append(*b, s...) }
func (b *body) cstring(s string) { *b = append(append(*b, s...), 0) }
func (b *body) int16(n int)      { *b = binary.BigEndian.AppendUint16(*b, uint16(n)) }
func (b *body) int32(n int)      { *b = binary.BigEndian.AppendUint32(*b, uint32(n)) }

// fields takes the fields of a message one by one.
type fields struct {
	words []string
	err   error
}

func (f *fields) next(missing string) string {
	if len(f.words) == 0 {
		return missing
	}
	v := f.words[0]
	f.words = f.words[1:]
	return v
}

func (f *fields) int(missing int) int {
	n, err := strconv.Atoi(f.next(strconv.Itoa(missing)))
	if err != nil {
		f.err = err
	}
	return n
}

// words splits a line into messages and their fields.
func splitMessages(line string) (out [][]string, err error) {
	var now []string
	for rest := strings.TrimSpace(line); ; rest = strings.TrimLeft(rest, " \t") {
		switch {
		case rest == "" || rest[0] == ';':
			if len(now) > 0 {
				out = append(out, now)
			}
			now = nil
			if rest == "" {
				return out, nil
			}
			rest = rest[1:]
		case rest[0] == '"':
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("in %q: %w", line, err)
			}
			v, _ := strconv.Unquote(q)
			now, rest = append(now, v), rest[len(q):]
		default:
			i := strings.IndexAny(rest, " \t;")
			if i < 0 {
				i = len(rest)
			}
			v := rest[:i]
			if n, err := strconv.Atoi(strings.TrimPrefix(v, "*")); err == nil && v[0] == '*' {
				v = strings.Repeat("x", n)
			}
			now, rest = append(now, v), rest[i:]
		}
	}
}

// printer writes messages as the transcripts have them. Our names of statements are told by their number.
type printer struct{ names map[string]string }

// messages writes down a run of messages.
func (p *printer) messages(b []byte, fromServer bool) string {
	var out []string
	for len(b) > 0 {
		if len(b) < pgwire.HeaderLen || pgwire.FrameLen(b) < pgwire.HeaderLen || pgwire.FrameLen(b) > len(b) {
			out = append(out, fmt.Sprintf("…%d bytes of a message", len(b)))
			break
		}
		n := pgwire.FrameLen(b)
		if fromServer {
			out = append(out, p.fromServer(b[0], &reader{b[pgwire.HeaderLen:n]}))
		} else {
			out = append(out, p.fromClient(b[0], &reader{b[pgwire.HeaderLen:n]}))
		}
		b = b[n:]
	}
	return strings.Join(repeated(out), "; ")
}

// repeated writes a message that comes many times in a row once.
func repeated(in []string) (out []string) {
	for i := 0; i < len(in); {
		n := 1
		for i+n < len(in) && in[i+n] == in[i] {
			n++
		}
		if n < 5 {
			out = append(out, in[i:i+n]...)
		} else {
			out = append(out, fmt.Sprintf("%s ×%d", in[i], n))
		}
		i += n
	}
	return out
}

func (p *printer) fromClient(typ byte, r *reader) string {
	switch typ {
	case pgwire.Query:
		return "Query " + p.quote(r.cstring())
	case pgwire.Parse:
		s := "Parse " + p.quote(r.cstring()) + " " + p.quote(r.cstring())
		for range r.int16() {
			s += " " + strconv.Itoa(int(r.int32()))
		}
		return s
	case pgwire.Bind:
		s := "Bind " + p.quote(r.cstring()) + " " + p.quote(r.cstring())
		r.skip(2 * int(r.int16()))
		for range r.int16() {
			s += " " + p.quote(string(r.take(int(r.int32()))))
		}
		return s
	case pgwire.Describe, pgwire.Close:
		name := map[byte]string{pgwire.Describe: "Describe ", pgwire.Close: "Close "}[typ]
		return name + string(r.byte()) + " " + p.quote(r.cstring())
	case pgwire.Execute:
		s := "Execute " + p.quote(r.cstring())
		if n := r.int32(); n > 0 {
			s += " " + strconv.Itoa(int(n))
		}
		return s
	case pgwire.CopyData:
		return "CopyData " + p.quote(string(r.b))
	case pgwire.CopyFail:
		return "CopyFail " + p.quote(r.cstring())
	}
	if s, ok := map[byte]string{pgwire.Sync: "Sync", pgwire.Flush: "Flush", pgwire.CopyDone: "CopyDone",
		pgwire.Terminate: "Terminate", pgwire.FunctionCall: "FunctionCall"}[typ]; ok {
		return s
	}
	return fmt.Sprintf("message %q of %d bytes", typ, len(r.b))
}

func (p *printer) fromServer(typ byte, r *reader) string {
	switch typ {
	case pgwire.ReadyForQuery:
		return "ReadyForQuery " + string(r.byte())
	case pgwire.CommandComplete:
		return "CommandComplete " + p.quote(r.cstring())
	case pgwire.DataRow:
		r.skip(2)
		return "DataRow " + p.quote(string(r.take(int(r.int32()))))
	case pgwire.ErrorResponse, pgwire.NoticeResponse:
		s := map[byte]string{pgwire.ErrorResponse: "ErrorResponse", pgwire.NoticeResponse: "NoticeResponse"}[typ]
		m := frame(typ, r.b)
		for _, f := range "VCM" {
			s += " " + p.quote(string(pgwire.ErrorField(m, byte(f))))
		}
		return s
	case pgwire.ParameterStatus:
		return "ParameterStatus " + p.quote(r.cstring()) + " " + p.quote(r.cstring())
	case pgwire.NotificationResponse:
		r.skip(4)
		return "NotificationResponse " + p.quote(r.cstring()) + " " + p.quote(r.cstring())
	case pgwire.CopyData:
		return "CopyData " + p.quote(string(r.b))
	}
	if s, ok := map[byte]string{pgwire.ParseComplete: "ParseComplete", pgwire.BindComplete: "BindComplete",
		pgwire.CloseComplete: "CloseComplete", pgwire.NoData: "NoData", pgwire.PortalSuspended: "PortalSuspended",
		pgwire.EmptyQueryResponse: "EmptyQueryResponse", pgwire.CopyDone: "CopyDone", pgwire.RowDescription: "RowDescription",
		pgwire.CopyInResponse: "CopyInResponse", pgwire.CopyOutResponse: "CopyOutResponse",
		pgwire.ParameterDescription: "ParameterDescription", pgwire.FunctionCallResponse: "FunctionCallResponse"}[typ]; ok {
		return s
	}
	return fmt.Sprintf("message %q of %d bytes", typ, len(r.b))
}

// quote writes a field; our names become {1}, {2}, … and long ones are cut.
func (p *printer) quote(s string) string {
	for {
		i := strings.Index(s, prepared.ServerNamePrefix)
		if i < 0 || len(s) < i+prepared.ServerNameLen {
			break
		}
		name := s[i : i+prepared.ServerNameLen]
		if p.names[name] == "" {
			p.names[name] = "{" + strconv.Itoa(len(p.names)+1) + "}"
		}
		s = s[:i] + p.names[name] + s[i+prepared.ServerNameLen:]
	}
	if len(s) > 200 {
		return fmt.Sprintf("%s…(%d)", s[:8], len(s))
	}
	if s == "" || strings.ContainsAny(s, " ;\"\n\\\t\x00") || s[0] == '*' || !utf8.ValidString(s) {
		return strconv.Quote(s)
	}
	return s
}
