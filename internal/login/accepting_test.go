package login

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// generous bounds what does not depend on how long it takes: the machine may be busy with others for seconds.
const generous = time.Minute

// outOfTime tells that the time had passed: also before, or while, the connection was made.
func outOfTime(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// accepted is what became of one connection.
type accepted struct {
	conn   net.Conn
	client *Client
	cancel *CancelRequest
	err    error
}

// accepting runs Accept on every connection to the address, and tells what became of each.
func accepting(t testing.TB, timeout time.Duration, auth Auth) (address string, results <-chan accepted) {
	t.Helper()
	return acceptingTLS(t, timeout, auth, nil)
}

func acceptingTLS(t testing.TB, timeout time.Duration, auth Auth, config *tls.Config) (address string, results <-chan accepted) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	told := make(chan accepted, 100)
	late := &Refusal{SQLState: "57014", Message: "canceling authentication due to timeout"}
	cfg := Config{TLS: config, Late: late, Choose: func(s *Startup) (Auth, *Refusal) {
		if s.Database == "nowhere" {
			return Auth{}, &Refusal{SQLState: "3D000", Message: `database "nowhere" does not exist`, Hint: "There are others."}
		}
		return auth, nil
	}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), timeout)
				defer cancel()
				a := accepted{conn: conn}
				a.client, a.cancel, a.err = Accept(ctx, conn, nil, cfg)
				told <- a
			}()
		}
	}()
	return l.Addr().String(), told
}

func result(t testing.TB, results <-chan accepted) accepted {
	t.Helper()
	select {
	case a := <-results:
		t.Cleanup(func() { a.conn.Close() })
		return a
	case <-time.After(generous):
		t.Fatal("Accept does not return")
		panic("unreachable")
	}
}

func connect(t testing.TB, network, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(generous))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// packet is a packet without a type: its length, its code, and zero-terminated strings.
func packet(code uint32, strs ...string) []byte {
	out := binary.BigEndian.AppendUint32(make([]byte, 4), code)
	for _, s := range strs {
		out = append(append(out, s...), 0)
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)))
	return out
}

// startup is a StartupMessage of protocol 3.0.
func startup(strs ...string) []byte { return packet(3<<16, append(strs, "")...) }

// replies reads to the end of the conversation, or to AuthenticationOk, and shows what was said.
func replies(t testing.TB, conn net.Conn) string {
	t.Helper()
	var said []string
	r := newReader(conn, nil)
	for {
		if err := r.fill(1); err != nil {
			if !errors.Is(err, io.EOF) {
				said = append(said, err.Error())
			}
			return strings.Join(append(said, "end"), "; ")
		}
		if r.unread()[0] == 'N' { // an answer to SSLRequest; a notice does not come this early
			r.next(1)
			said = append(said, "N")
			continue
		}
		if r.unread()[0] == 'E' && r.fill(2) == nil && r.unread()[1] != 0 {
			for r.fill(len(r.unread())+1) == nil {
			}
			return strings.Join(append(said, fmt.Sprintf("%q", r.unread())), "; ")
		}
		kind, raw, err := r.message(1 << 16)
		if err != nil {
			t.Fatalf("after %q: %v", said, err)
		}
		body := raw[headerBytes:]
		switch {
		case kind == 'E':
			var m pgproto3.ErrorResponse
			if err := m.Decode(body); err != nil {
				t.Fatal(err)
			}
			said = append(said, strings.TrimRight(fmt.Sprintf("%s %s %s: %s", m.Severity, m.Code, m.Message, m.Detail), ": "))
		case kind == 'R' && len(body) == 4 && body[3] == 0:
			return strings.Join(append(said, "ok"), "; ")
		case kind == 'R' && body[3] == pgproto3.AuthTypeSASLContinue:
			said = append(said, "SASLContinue")
		default:
			said = append(said, fmt.Sprintf("%c %q", kind, body))
		}
	}
}

var trustAll = Config{Choose: func(*Startup) (Auth, *Refusal) { return Auth{Method: Trust}, nil }}

func raw2(messages ...pgproto3.FrontendMessage) (out []byte) {
	for _, m := range messages {
		var err error
		if out, err = m.Encode(out); err != nil {
			panic(err)
		}
	}
	return out
}
