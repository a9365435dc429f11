//go:build linux

package enginetest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// postgres is a small Postgres behind one pool: its server processes, in the order in which they were begun.
type postgres struct {
	pool      string
	processes []*server
}

// server is one process. It answers a query with a row that repeats it, and knows besides: begin, commit, who (its
// number), hang (until it is cancelled), rows (4,096 of 1 KiB), copy.
type server struct {
	far        looptest.Far
	number     int
	in, out    []byte
	status     byte
	statements map[string]string
	portal     string
	copied     int
	queries    []string

	hanging, copying, skipping, gone bool
}

// connect begins a process.
func (p *postgres) connect(t *testing.T, net looptest.Net) engine.DialResult {
	fd, far := net.Pair(t)
	s := &server{far: far, number: len(p.processes) + 1, status: 'I', statements: map[string]string{}}
	p.processes = append(p.processes, s)
	return engine.DialResult{FD: fd, PID: uint32(s.number), Secret: secretOf(s.number),
		Params: []engine.Setting{{Name: "server_version", Value: "18"}}}
}

func secretOf(number int) []byte { return fmt.Appendf(nil, "key%d", number) }

// cancelQuery is a CancelRequest.
func (p *postgres) cancelQuery(pid uint32, secret []byte) {
	if s := p.processes[pid-1]; s.hanging && string(secret) == string(secretOf(s.number)) {
		s.hanging = false
		s.fail("57014", "canceling statement due to user request")
		s.out = pgwire.AppendReady(s.out, s.status)
	}
}

// open is how many processes there are.
func (p *postgres) open() (n int) {
	for _, s := range p.processes {
		if !s.gone {
			n++
		}
	}
	return n
}

// serve lets every process do what it can; it reports whether any did.
func (p *postgres) serve() (busy bool) {
	for _, s := range p.processes {
		busy = s.serve() || busy
	}
	return busy
}

func (s *server) serve() (busy bool) {
	if s.gone {
		return false
	}
	var buf [16 << 10]byte
	n, err := s.far.Read(buf[:])
	s.in = append(s.in, buf[:n]...)
	for !s.hanging && len(s.out) == 0 && len(s.in) >= pgwire.HeaderLen && pgwire.FrameLen(s.in) <= len(s.in) {
		m := s.in[:pgwire.FrameLen(s.in)]
		s.in = s.in[len(m):]
		s.message(m)
	}
	if err != nil {
		s.die()
		return true
	}
	if len(s.out) > 0 && !s.gone {
		sent, _ := s.far.Write(s.out)
		s.out = s.out[sent:]
		n += sent
	}
	return n > 0
}

// die ends the process.
func (s *server) die() {
	if !s.gone {
		s.gone = true
		s.far.Close()
	}
}

func (s *server) fail(code, message string) {
	if s.status == 'T' {
		s.status = 'E'
	}
	s.out = pgwire.AppendError(s.out, "ERROR", code, message, "", "")
}

func (s *server) message(m []byte) {
	body := m[pgwire.HeaderLen:]
	switch {
	case m[0] == pgwire.Terminate:
		s.die()
	case s.copying:
		s.copy(m[0])
	case m[0] == pgwire.Sync:
		s.skipping = false
		s.out = pgwire.AppendReady(s.out, s.status)
	case s.skipping:
	case m[0] == pgwire.Query:
		text := strings.TrimRight(string(body), "\x00")
		s.queries = append(s.queries, text)
		if s.query(text); !s.hanging && !s.copying {
			s.out = pgwire.AppendReady(s.out, s.status)
		}
	default:
		s.extended(m[0], body)
	}
}

// extended takes a message of the extended protocol.
func (s *server) extended(typ byte, body []byte) {
	first, second, _ := strings.Cut(string(body), "\x00")
	second, _, _ = strings.Cut(second, "\x00")
	switch typ {
	case pgwire.Parse:
		s.statements[first] = second
		s.out = pgwire.AppendEmpty(s.out, pgwire.ParseComplete)
	case pgwire.Bind:
		text, ok := s.statements[second]
		if !ok {
			s.fail("26000", "prepared statement \""+second+"\" does not exist")
			s.skipping = true
			return
		}
		s.portal = text
		s.out = pgwire.AppendEmpty(s.out, pgwire.BindComplete)
	case pgwire.Execute:
		s.query(s.portal)
	case pgwire.Close:
		delete(s.statements, first[1:])
		s.out = pgwire.AppendEmpty(s.out, pgwire.CloseComplete)
	}
}

// query runs a statement.
func (s *server) query(text string) {
	tag := "SELECT 1"
	switch text {
	case "begin":
		s.status, tag = 'T', "BEGIN"
	case "commit", "ROLLBACK":
		s.status, tag = 'I', strings.ToUpper(text)
	case "DISCARD ALL":
		clear(s.statements)
		tag = text
	case "hang":
		s.hanging = true
		return
	case "copy":
		s.copying, s.copied = true, 0
		s.out = frame(s.out, pgwire.CopyInResponse, "\x00\x00\x00")
		return
	case "who":
		s.row(fmt.Sprint(s.number))
	case "rows":
		for i := range largeRows {
			s.row(largeRow(i))
		}
	default:
		s.row(text)
	}
	s.out = frame(s.out, pgwire.CommandComplete, tag+"\x00")
}

// largeRows of 1 KiB are more than all the buffers on their way hold.
const largeRows = 4096

func largeRow(i int) string { return fmt.Sprintf("%d:%s", i, strings.Repeat("x", 1024)) }

func (s *server) row(text string) {
	head := binary.BigEndian.AppendUint32([]byte{0, 1}, uint32(len(text)))
	s.out = frame(s.out, pgwire.DataRow, string(head)+text)
}

// copy takes a message of a COPY FROM STDIN.
func (s *server) copy(typ byte) {
	switch typ {
	case pgwire.CopyData:
		s.copied++
	case pgwire.CopyDone:
		s.copying = false
		s.out = frame(s.out, pgwire.CommandComplete, fmt.Sprintf("COPY %d\x00", s.copied))
		s.out = pgwire.AppendReady(s.out, s.status)
	case pgwire.CopyFail:
		s.copying = false
		s.fail("57014", "COPY from stdin failed")
		s.out = pgwire.AppendReady(s.out, s.status)
	}
}

// frame appends a message.
func frame(dst []byte, typ byte, body string) []byte {
	dst = append(dst, typ)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)+4))
	return append(dst, body...)
}
