package login

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Whatever a packet holds, it is understood or refused with a SQLSTATE, names are bounded, and nothing a client
// asked for is dropped.
func FuzzStartupPacket(f *testing.F) {
	f.Add(startup("user", "u", "options", "-c a=1", "b", "2")[4:])
	f.Add(packet(3<<16|9, "_pq_.x", "1", "user", "u", "")[4:])
	f.Add(packet(2 << 16)[4:])
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) < 4 || len(body) > maxStartupBytes {
			return
		}
		p, refusal := parseStartupPacket(body)
		if refusal == nil {
			refusal = p.checkReplication()
		}
		if refusal != nil {
			checkRefusal(t, refusal)
			return
		}
		s, refusal := p.resolve()
		if refusal != nil {
			checkRefusal(t, refusal)
			return
		}
		if s.User == "" || s.Database == "" || len(s.User) > maxNameBytes || len(s.Database) > maxNameBytes ||
			s.Protocol > newestProtocol || s.Protocol>>16 != 3 || len(s.Settings) < len(p.settings) {
			t.Fatalf("%+v of %q", s, body)
		}
	})
}

func checkRefusal(t *testing.T, r *Refusal) {
	t.Helper()
	if len(r.SQLState) != 5 || r.Message == "" || len(r.encode()) > 2*maxStartupBytes {
		t.Fatalf("%+v", r)
	}
}

// Words put together again with escapes are the words that were cut.
func FuzzSplitOptions(f *testing.F) {
	f.Add("-c a=1\x00b\\ c\x00\x00d")
	f.Fuzz(func(t *testing.T, joined string) {
		var line strings.Builder
		var want []string
		for word := range strings.SplitSeq(joined, "\x00") {
			if word == "" {
				continue
			}
			want = append(want, word)
			for i := range len(word) {
				line.WriteString(`\` + word[i:i+1])
			}
			line.WriteByte(' ')
		}
		got := splitOptions(line.String())
		if len(got) != len(want) {
			t.Fatalf("%q is cut into %q", line.String(), got)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%q is cut into %q", line.String(), got)
			}
		}
	})
}

// Whatever bytes a client sends in whatever portions, Accept ends, lets in nobody without the password, and
// returns what it did not use.
func FuzzAccept(f *testing.F) {
	f.Add(append(packet(sslRequestCode), startup("user", "u")...), byte(8))
	f.Add(append(startup("user", "u"), "p\x00\x00\x00\x0bsecret\x00"...), byte(100))
	f.Add(append(packet(cancelRequestCode), 1, 2, 3, 4, 5, 6, 7, 8), byte(0))
	auth := Auth{Method: Plain, Credentials: Users{"u": password(f, "not to be guessed")}}
	cfg := Config{TLS: serverSide(hostIdentity()), Choose: func(*Startup) (Auth, *Refusal) { return auth, nil }}
	hello := helloOf(f)
	f.Add(hello, byte(20))
	f.Add(append(packet(sslRequestCode), hello...), byte(8))
	f.Add(append(packet(gssEncRequestCode), packet(sslRequestCode)...), byte(0))
	f.Fuzz(func(t *testing.T, sent []byte, portion byte) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		go io.Copy(io.Discard, theirs)
		already := sent[:min(len(sent), int(portion))]
		go func() {
			theirs.SetWriteDeadline(time.Now().Add(5 * time.Second))
			theirs.Write(sent[len(already):])
			theirs.Close()
		}()
		client, cancel, err := Accept(t.Context(), ours, already, cfg)
		switch {
		case client != nil:
			t.Fatalf("let in: %+v", client)
		case err == nil && (cancel == nil || len(cancel.Secret) < minCancelKeyBytes):
			t.Fatal("no result")
		}
	})
}

// helloOf is how a client begins TLS.
func helloOf(t testing.TB) []byte {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go tls.Client(theirs, &tls.Config{ServerName: "localhost", NextProtos: []string{"postgresql"}}).Handshake()
	hello := make([]byte, 16<<10)
	n, err := ours.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}

// The same inside TLS: Accept ends, and lets in nobody without the password.
func FuzzAcceptInTLS(f *testing.F) {
	f.Add(startup("user", "u"))
	f.Add(append(startup("user", "u"), raw2(&pgproto3.SASLInitialResponse{
		AuthMechanism: "SCRAM-SHA-256-PLUS", Data: []byte("p=tls-server-end-point,,n=,r=ab")})...))
	f.Add(append(packet(sslRequestCode), packet(cancelRequestCode, "12345678")...))
	auth := Auth{Method: ScramSHA256, Credentials: Users{"u": password(f, "not to be guessed")}}
	cfg := Config{TLS: serverSide(hostIdentity()), Choose: func(*Startup) (Auth, *Refusal) { return auth, nil }}
	config := clientSide()
	config.ServerName, config.NextProtos = "localhost", []string{"postgresql"}
	f.Fuzz(func(t *testing.T, sent []byte) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		go func() {
			theirs.SetDeadline(time.Now().Add(5 * time.Second))
			c := tls.Client(theirs, config)
			if c.Handshake() != nil {
				return
			}
			go io.Copy(io.Discard, c)
			c.Write(sent)
			c.Close()
		}()
		client, cancel, err := Accept(withTimeout(t, 5*time.Second), ours, nil, cfg)
		switch {
		case client != nil:
			t.Fatalf("let in: %+v", client)
		case err == nil && (cancel == nil || len(cancel.Secret) < minCancelKeyBytes):
			t.Fatal("no result")
		case cancel != nil:
			cancel.Done(ours)
		}
	})
}

// Messages come out of the reader as they were put in, however they are cut up on their way.
func FuzzReader(f *testing.F) {
	f.Add([]byte("hello, world"), uint64(12345))
	f.Fuzz(func(t *testing.T, data []byte, cuts uint64) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		var wire []byte
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+int(cuts%7)*300)
			wire = binary.BigEndian.AppendUint32(append(wire, 'x'), uint32(n+4))
			wire = append(wire, rest[:n]...)
			rest = rest[n:]
		}
		go func() {
			defer theirs.Close()
			for len(wire) > 0 {
				n := min(len(wire), 1+int(cuts%13)*97)
				theirs.Write(wire[:n])
				wire = wire[n:]
			}
		}()
		r := newReader(ours, nil)
		var got []byte
		for {
			_, raw, err := r.message(1 << 16)
			if err != nil {
				break
			}
			got = append(got, raw[headerBytes:]...)
		}
		if string(got) != string(data) || cap(r.buf) > 4096 {
			t.Fatalf("%d of %d bytes, buffer %d", len(got), len(data), cap(r.buf))
		}
	})
}
