package login

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/internal/scram"
)

// scripted is a server that does what a test says to one connection.
func scripted(t *testing.T, serve func(conn net.Conn, b *pgproto3.Backend)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(generous))
		b := pgproto3.NewBackend(conn, conn)
		if _, err := b.ReceiveStartupMessage(); err == nil {
			serve(conn, b)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// raw is messages as bytes, to be sent in one write.
func raw(messages ...pgproto3.BackendMessage) (out []byte) {
	for _, m := range messages {
		var err error
		if out, err = m.Encode(out); err != nil {
			panic(err)
		}
	}
	return out
}

var (
	ok    = &pgproto3.AuthenticationOk{}
	key   = &pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte{1, 2, 3, 4}}
	ready = &pgproto3.ReadyForQuery{TxStatus: 'I'}
)

func status(name, value string) *pgproto3.ParameterStatus {
	return &pgproto3.ParameterStatus{Name: name, Value: value}
}

// What comes with the ReadyForQuery in one segment is not lost: a setting that changes at that moment is
// reported, and a message that has only begun is waited for.
func TestDialReadsToTheEndOfAMessage(t *testing.T) {
	late := raw(status("TimeZone", "UTC"), &pgproto3.NoticeResponse{Message: "hello"}, status("DateStyle", "ISO"))
	address := scripted(t, func(conn net.Conn, _ *pgproto3.Backend) {
		conn.Write(append(raw(ok, status("a", "1"), key, ready), late[:len(late)-3]...))
		time.AfterFunc(50*time.Millisecond, func() { conn.Write(late[len(late)-3:]) })
		io.Copy(io.Discard, conn)
	})
	s, err := Dial(withTimeout(t, generous), Target{Address: address, User: "u", Database: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s.FD)
	if len(s.Params) != 3 || s.Params[2] != (Setting{"DateStyle", "ISO"}) || s.PID != 7 || string(s.Secret) != "\x01\x02\x03\x04" {
		t.Fatalf("%+v", s)
	}
}

func TestDialByteByByte(t *testing.T) {
	address := scripted(t, func(conn net.Conn, _ *pgproto3.Backend) {
		for _, c := range raw(ok, status("a", "1"), key, ready) {
			conn.Write([]byte{c})
		}
		io.Copy(io.Discard, conn)
	})
	s, err := Dial(withTimeout(t, generous), Target{Address: address, User: "u", Database: "d"})
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(s.FD)
}

func TestDialServersThatMisbehave(t *testing.T) {
	fatal := &pgproto3.ErrorResponse{Severity: "FATAL", Code: "57P03", Message: "the database system is starting up"}
	for _, test := range []struct {
		name, want string
		permanent  bool
		says       []byte
	}{
		{"starting", "SQLSTATE 57P03", false, raw(fatal)},
		{"stops after login", "SQLSTATE 57P03", false, raw(ok, key, ready, fatal)},
		{"closes", "closed the connection", false, nil},
		{"closes in mid-message", "closed the connection", false, raw(ok)[:7]},
		{"HTTP", "bytes", false, []byte("HTTP/1.1 400 Bad Request\r\n\r\n")},
		{"ready without asking", "no place in a login", false, raw(ready)},
		{"key before authentication", "no place in a login", false, raw(key)},
		{"in a transaction", "not idle", false, raw(ok, &pgproto3.ReadyForQuery{TxStatus: 'T'})},
		{"data", "no place in a login", false, raw(ok, &pgproto3.DataRow{})},
		{"two ready", "no place in a login", false, raw(ok, ready, ready)},
		{"huge message", "bytes", false, []byte{'S', 0x7f, 0xff, 0xff, 0xff}},
		{"negative length", "bytes", false, []byte{'S', 0, 0, 0, 3}},
		{"GSS", "type 7", true, []byte{'R', 0, 0, 0, 8, 0, 0, 0, 7}},
		{"short authentication", "without a type", false, []byte{'R', 0, 0, 0, 6, 0, 0}},
		{"PLUS in clear", "takes TLS away", true, raw(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}})},
		{"no SCRAM", `["PLAIN"]`, true, raw(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"PLAIN"}})},
		{"PLUS only", "SCRAM-SHA-256-PLUS", true, raw(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256-PLUS"}})},
		{"other protocol", "protocol 3.0", false, raw(&pgproto3.NegotiateProtocolVersion{})},
		{"endless", "more than 1000 messages", false, []byte(string(raw(ok)) + strings.Repeat(string(raw(status("a", "b"))), 1001))},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := scripted(t, func(conn net.Conn, _ *pgproto3.Backend) { conn.Write(test.says) })
			_, err := Dial(withTimeout(t, generous), Target{Address: address, User: "u", Database: "d", Secret: password(t, "x")})
			if err == nil || !strings.Contains(err.Error(), test.want) || IsPermanent(err) != test.permanent {
				t.Fatalf("permanent=%v: %v", IsPermanent(err), err)
			}
		})
	}
}

func TestDialTimesOut(t *testing.T) {
	address := scripted(t, func(conn net.Conn, _ *pgproto3.Backend) { io.Copy(io.Discard, conn) })
	_, err := Dial(withTimeout(t, 50*time.Millisecond), Target{Address: address, User: "u", Database: "d"})
	if !outOfTime(err) || IsPermanent(err) {
		t.Fatal(err)
	}
}

// saslServer is a server that asks for SCRAM; cheat says what it does instead of proving that it knows the
// password.
func saslServer(t *testing.T, known string, cheat func(final []byte) []byte) string {
	return scripted(t, func(conn net.Conn, b *pgproto3.Backend) {
		salt := make([]byte, 16)
		rand.Read(salt)
		s := scram.NewServer(scram.Derive(known, salt, 1).Verifier(salt, 1), newNonce())
		conn.Write(raw(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-1", "SCRAM-SHA-256"}}))
		b.SetAuthType(pgproto3.AuthTypeSASL)
		m, err := b.Receive()
		if err != nil {
			return
		}
		reply, err := s.Step(m.(*pgproto3.SASLInitialResponse).Data)
		if err != nil {
			t.Error(err)
			return
		}
		conn.Write(raw(&pgproto3.AuthenticationSASLContinue{Data: reply}))
		b.SetAuthType(pgproto3.AuthTypeSASLContinue)
		if m, err = b.Receive(); err != nil {
			return
		}
		if reply, err = s.Step(m.(*pgproto3.SASLResponse).Data); err != nil && !errors.Is(err, scram.ErrProof) {
			t.Error(err)
		}
		conn.Write(cheat(raw(&pgproto3.AuthenticationSASLFinal{Data: reply})))
		io.Copy(io.Discard, conn)
	})
}

func TestDialBelievesOnlyServersThatKnowThePassword(t *testing.T) {
	welcome := raw(ok, key, ready)
	for name, test := range map[string]struct {
		known, want string
		cheat       func(final []byte) []byte
	}{
		"honest":       {"secret", "", func(final []byte) []byte { return append(final, welcome...) }},
		"no signature": {"secret", "broke the SCRAM exchange", func([]byte) []byte { return welcome }},
		"fake signature": {"guess", "not the server it claims to be", func([]byte) []byte {
			return append(raw(&pgproto3.AuthenticationSASLFinal{Data: []byte("v=" + strings.Repeat("A", 43) + "=")}), welcome...)
		}},
		"twice": {"secret", "broke the SCRAM exchange", func(final []byte) []byte { return append(final, final...) }},
	} {
		t.Run(name, func(t *testing.T) {
			address := saslServer(t, test.known, test.cheat)
			s, err := Dial(withTimeout(t, generous), Target{Address: address, User: "u", Database: "d", Secret: password(t, "secret")})
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				unix.Close(s.FD)
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatal(err)
			}
		})
	}
}

func TestCancelServerTimesOut(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = CancelServer(withTimeout(t, 50*time.Millisecond), l.Addr().String(), nil, 1, []byte{1, 2, 3, 4})
	if !outOfTime(err) {
		t.Fatal(err)
	}
}
