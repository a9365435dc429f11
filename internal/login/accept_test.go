package login

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	told := make(chan accepted, 100)
	cfg := Config{Choose: func(s *Startup) (Auth, *Refusal) {
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
	case <-time.After(10 * time.Second):
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
	conn.SetDeadline(time.Now().Add(10 * time.Second))
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

func TestAcceptResolvesTheStartup(t *testing.T) {
	address, results := accepting(t, 5*time.Second, Auth{Method: Trust})
	long := strings.Repeat("n", 64)
	for name, test := range map[string]struct {
		sends []byte
		want  Startup
	}{
		"database defaults to user": {startup("user", "alice"), Startup{User: "alice", Database: "alice"}},
		"names are cut": {startup("user", long, "database", long+"x"),
			Startup{User: long[:63], Database: long[:63]}},
		"a user cut names no other database": {startup("user", long), Startup{User: long[:63], Database: long[:63]}},
		"settings in order": {
			startup("work_mem", "1MB", "user", "u", "options", "-c b=2 --c-d=3", "A", "1", "work_mem", "2MB", "database", "d"),
			Startup{User: "u", Database: "d", Settings: []Setting{{"b", "2"}, {"c_d", "3"}, {"work_mem", "1MB"}, {"A", "1"}, {"work_mem", "2MB"}}},
		},
		"the last options count":   {startup("user", "u", "options", "-F", "options", "-ca=1"), Startup{User: "u", Database: "u", Settings: []Setting{{"a", "1"}}}},
		"replication switched off": {startup("user", "u", "replication", "0"), Startup{User: "u", Database: "u"}},
		"newer protocol":           {packet(3<<16|2, "user", "u", ""), Startup{User: "u", Database: "u"}},
	} {
		t.Run(name, func(t *testing.T) {
			connect(t, "tcp", address).Write(test.sends)
			a := result(t, results)
			test.want.Protocol = 3 << 16
			if a.err != nil || !reflect.DeepEqual(a.client.Startup, test.want) {
				t.Fatalf("got %+v, %v", a.client, a.err)
			}
		})
	}
}

func TestAcceptRefusesStartups(t *testing.T) {
	address, results := accepting(t, 5*time.Second, Auth{Method: Trust})
	for name, test := range map[string]struct {
		sends []byte
		state string
		want  string
	}{
		"physical replication": {startup("user", "u", "replication", "yes"), "0A000", "replication"},
		"logical replication":  {startup("user", "u", "replication", "database"), "0A000", "replication"},
		"an option not a setting": {startup("user", "u", "options", "-c a=1 -F"), "0A000",
			`"-F" in startup parameter "options" is not supported`},
		"a word in options": {startup("user", "u", "options", "a=1"), "42601", "invalid command-line argument for server process: a=1"},
		"no such database":  {startup("user", "u", "database", "nowhere"), "3D000", "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, "tcp", address)
			conn.Write(test.sends)
			if said := replies(t, conn); !strings.HasPrefix(said, "FATAL "+test.state) || !strings.Contains(said, test.want) {
				t.Errorf("said %s", said)
			}
			var r *Refusal
			if a := result(t, results); !errors.As(a.err, &r) || r.SQLState != test.state || r.Hint == "" {
				t.Errorf("told %v", a.err)
			}
		})
	}
}

// What comes behind the last login message belongs to the session, wherever the login ends.
func TestAcceptReturnsWhatItReadAhead(t *testing.T) {
	query := raw2(&pgproto3.Query{String: "SELECT " + strings.Repeat("1", 3000)})
	t.Run("trust", func(t *testing.T) {
		address, results := accepting(t, 5*time.Second, Auth{Method: Trust})
		conn := connect(t, "tcp", address)
		conn.Write(append(startup("user", "u"), query...))
		checkUnread(t, result(t, results), query)
	})
	t.Run("plain", func(t *testing.T) {
		address, results := accepting(t, 5*time.Second, Auth{Method: Plain, Credentials: Users{"u": password(t, "secret")}})
		conn := connect(t, "tcp", address)
		conn.Write(append(append(startup("user", "u"), raw2(&pgproto3.PasswordMessage{Password: "secret"})...), query...))
		checkUnread(t, result(t, results), query)
	})
	t.Run("already read", func(t *testing.T) {
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs)
		already := append(startup("user", "u"), query...)
		c, _, err := Accept(withTimeout(t, 5*time.Second), ours, already, trustAll)
		clear(already) // the caller's buffer is used again
		if err != nil || string(c.Unread) != string(query) || c.User != "u" {
			t.Fatalf("%+v, %v", c, err)
		}
	})
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

func checkUnread(t *testing.T, a accepted, want []byte) {
	t.Helper()
	if a.err != nil {
		t.Fatal(a.err)
	}
	rest := make([]byte, len(want)-len(a.client.Unread))
	a.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(a.conn, rest); err != nil {
		t.Fatal(err)
	}
	if got := string(a.client.Unread) + string(rest); got != string(want) {
		t.Fatalf("%d bytes unread and %d in the socket are not what was sent", len(a.client.Unread), len(rest))
	}
	if len(a.client.Unread) > maxStartupBytes {
		t.Fatalf("%d bytes read ahead", len(a.client.Unread))
	}
}

func TestAcceptCancelRequest(t *testing.T) {
	address, results := accepting(t, 5*time.Second, Auth{})
	for _, n := range []int{3, 4, 32, 256, 257} {
		secret := strings.Repeat("k", n)
		request := append(binary.BigEndian.AppendUint32(packet(cancelRequestCode), 77), secret...)
		binary.BigEndian.PutUint32(request, uint32(len(request)))
		connect(t, "tcp", address).Write(request)
		a := result(t, results)
		if fits := n >= 4 && n <= 256; !fits {
			if a.err == nil {
				t.Errorf("a key of %d bytes is taken", n)
			}
		} else if a.err != nil || a.cancel == nil || a.cancel.PID != 77 || string(a.cancel.Secret) != secret {
			t.Errorf("key of %d bytes: %+v, %v", n, a.cancel, a.err)
		}
	}
	// Also behind a refused SSLRequest, as libpq sends it with sslmode=prefer.
	conn := connect(t, "tcp", address)
	conn.Write(packet(sslRequestCode))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	request, _ := (&pgproto3.CancelRequest{ProcessID: 5, SecretKey: []byte("abcd")}).Encode(nil)
	conn.Write(request)
	if a := result(t, results); a.err != nil || a.cancel == nil || a.cancel.PID != 5 {
		t.Errorf("%+v, %v", a.cancel, a.err)
	}
}

// Trap 36: whoever sends little, slowly or nonsense costs bounded time and memory, and is not answered.
func TestTrap36AcceptIsBounded(t *testing.T) {
	t.Run("silence", func(t *testing.T) {
		address, results := accepting(t, 50*time.Millisecond, Auth{})
		conn := connect(t, "tcp", address)
		if a := result(t, results); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatal(a.err)
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Fatal("the connection is open")
		}
	})
	t.Run("dribble", func(t *testing.T) {
		address, results := accepting(t, 100*time.Millisecond, Auth{})
		conn := connect(t, "tcp", address)
		for _, c := range startup("user", strings.Repeat("u", 9000)) {
			if _, err := conn.Write([]byte{c}); err != nil {
				break
			}
			time.Sleep(time.Millisecond) // the client is slow; nothing waits for it but the deadline
		}
		if a := result(t, results); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatal(a.err)
		}
	})
	t.Run("silence before the proof", func(t *testing.T) {
		address, results := accepting(t, 100*time.Millisecond, Auth{Method: ScramSHA256, Credentials: Users{}})
		connect(t, "tcp", address).Write(startup("user", "u"))
		if a := result(t, results); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatal(a.err)
		}
	})
	t.Run("every byte alone", func(t *testing.T) {
		address, results := accepting(t, 5*time.Second, Auth{Method: Trust})
		conn := connect(t, "tcp", address)
		for _, c := range startup("user", "u", "application_name", "dribbler") {
			conn.Write([]byte{c})
		}
		if a := result(t, results); a.err != nil {
			t.Fatal(a.err)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		address, results := accepting(t, 5*time.Second, Auth{Method: Trust})
		connect(t, "tcp", address).Close()
		if a := result(t, results); !errors.Is(a.err, io.EOF) {
			t.Fatal(a.err)
		}
	})
	t.Run("half a packet", func(t *testing.T) {
		address, results := accepting(t, 5*time.Second, Auth{Method: Trust})
		conn := connect(t, "tcp", address)
		conn.Write(startup("user", "u")[:9])
		conn.Close()
		if a := result(t, results); !errors.Is(a.err, io.ErrUnexpectedEOF) {
			t.Fatal(a.err)
		}
	})
	t.Run("largest startup", func(t *testing.T) {
		address, results := accepting(t, 5*time.Second, Auth{Method: Trust})
		fixed := len(startup("user", "u", "a", ""))
		connect(t, "tcp", address).Write(startup("user", "u", "a", strings.Repeat("x", maxStartupBytes+4-fixed)))
		if a := result(t, results); a.err != nil {
			t.Fatal(a.err)
		}
		connect(t, "tcp", address).Write(startup("user", "u", "a", strings.Repeat("x", maxStartupBytes+5-fixed)))
		if a := result(t, results); a.err == nil {
			t.Fatal("a startup packet over the bound is taken")
		}
	})
	t.Run("context ends", func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("going away")
		cancel(why)
		if _, _, err := Accept(ctx, ours, nil, trustAll); !errors.Is(err, why) {
			t.Fatal(err)
		}
	})
}

// A refused client reads why, although it has sent more than was read.
func TestRefusalIsNotLostToAReset(t *testing.T) {
	address, results := accepting(t, 5*time.Second, Auth{Method: Trust})
	for range 20 {
		conn := connect(t, "tcp", address)
		conn.Write(append(startup("user", "u", "database", "nowhere"), make([]byte, 20_000)...))
		if said := replies(t, conn); !strings.Contains(said, "3D000") {
			t.Fatal(said)
		}
		conn.Close()
		result(t, results)
	}
}

func TestRefusalFieldsAreInPostgresOrder(t *testing.T) {
	got := string((&Refusal{SQLState: "53300", Message: "m", Detail: "d", Hint: "h", Cause: errors.New("secret")}).encode()[headerBytes:])
	if want := "SFATAL\x00VFATAL\x00C53300\x00Mm\x00Dd\x00Hh\x00\x00"; got != want {
		t.Fatalf("%q", got)
	}
}
