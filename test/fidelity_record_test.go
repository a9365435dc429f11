//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// recording is every byte that a client was told.
type recording struct {
	mu    sync.Mutex
	bytes bytes.Buffer
	ended bool
}

// record connects a client whose every byte is kept.
func record(t testing.TB, addr string) (*recording, *client) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatalf("connecting: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	r := &recording{}
	return r, &client{t: t, conn: conn, Frontend: pgproto3.NewFrontend(tee{conn, r}, conn)}
}

// tee hands on what a connection brings, and keeps it.
type tee struct {
	net.Conn
	to *recording
}

func (t tee) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.to.mu.Lock()
	defer t.to.mu.Unlock()
	t.to.bytes.Write(p[:n])
	t.to.ended = t.to.ended || err != nil && !os.IsTimeout(err)
	return n, err
}

// lines is the recording, a message a line, without what differs between any two sessions. The parameters told at the
// login come in no certain order.
func (r *recording) lines() (lines []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := r.bytes.Bytes()
	login := 0
	for len(rest) > 0 {
		size := 5
		if len(rest) >= size {
			size = 1 + int(binary.BigEndian.Uint32(rest[1:]))
		}
		if size < 5 || size > len(rest) {
			lines = append(lines, fmt.Sprintf("half a message: %q", rest))
			break
		}
		lines = append(lines, messageLine(rest[0], rest[5:size]))
		if rest[0] == 'Z' && login == 0 {
			login = len(lines)
		}
		rest = rest[size:]
	}
	if login == 0 { // refused: Postgres looks at some things before the password, and at some after it
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "R ") })
	}
	slices.Sort(lines[:login])
	if r.ended {
		lines = append(lines, "end")
	}
	return lines
}

// longestLine is how much of a message is shown; of a longer one, what makes it comparable.
const longestLine = 600

func messageLine(typ byte, body []byte) string {
	text := fmt.Sprintf("%c %q", typ, body)
	switch typ {
	case 'K': // process id and secret
		return "K"
	case 'A': // process id
		text = fmt.Sprintf("A %q", body[min(4, len(body)):])
	case 'E', 'N':
		text = fmt.Sprintf("%c %s", typ, strings.Join(fields(body), " | "))
	case 'T':
		text = fmt.Sprintf("T %q", withoutTables(slices.Clone(body)))
	}
	if len(text) > longestLine {
		text = fmt.Sprintf("%s… %d bytes %x", text[:longestLine/2], len(body), sha256.Sum256(body))
	}
	return text
}

// fields is those of an ErrorResponse or NoticeResponse; of one that ends the session only what tells why. The end of the connection
// amid a COPY is found at a line of Postgres's that we cannot tell.
func fields(body []byte) []string {
	list := strings.Split(strings.TrimRight(string(body), "\x00"), "\x00")
	if slices.Contains(list, "VFATAL") {
		return slices.DeleteFunc(list, func(f string) bool { return !strings.ContainsAny(f[:min(1, len(f))], "SCM") })
	}
	if slices.Contains(list, "RCopyGetData") && slices.Contains(list, "C08006") {
		return slices.DeleteFunc(list, func(f string) bool { return strings.HasPrefix(f, "L") })
	}
	return list
}

// withoutTables takes the object ids of tables out of a RowDescription if they are not Postgres's own.
func withoutTables(body []byte) []byte {
	const firstNormal = 16384
	for at := 2; at < len(body); {
		end := bytes.IndexByte(body[at:], 0)
		if end < 0 || at+end+19 > len(body) {
			break
		}
		field := body[at+end+1:]
		if binary.BigEndian.Uint32(field) >= firstNormal {
			binary.BigEndian.PutUint32(field, firstNormal)
		}
		at += end + 19
	}
	return body
}
