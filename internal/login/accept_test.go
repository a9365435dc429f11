package login

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestAcceptResolvesTheStartup(t *testing.T) {
	address, results := accepting(t, generous, Auth{Method: Trust})
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
		"physical replication":     {startup("user", "u", "replication", "yes"), Startup{User: "u", Database: "u", Replication: "yes"}},
		"logical replication":      {startup("user", "u", "replication", "database"), Startup{User: "u", Database: "u", Replication: "database"}},
		"protocol 3.2":             {packet(3<<16|2, "user", "u", ""), Startup{User: "u", Database: "u", Protocol: 3<<16 | 2}},
		"newer protocol":           {packet(3<<16|9, "user", "u", ""), Startup{User: "u", Database: "u", Protocol: 3<<16 | 2}},
	} {
		t.Run(name, func(t *testing.T) {
			connect(t, "tcp", address).Write(test.sends)
			a := result(t, results)
			test.want.Protocol = max(test.want.Protocol, 3<<16)
			if a.err != nil || !reflect.DeepEqual(a.client.Startup, test.want) {
				t.Fatalf("got %+v, %v", a.client, a.err)
			}
		})
	}
}

func TestAcceptRefusesStartups(t *testing.T) {
	address, results := accepting(t, generous, Auth{Method: Trust})
	for name, test := range map[string]struct {
		sends []byte
		state string
		want  string
	}{
		"replication, perhaps": {startup("user", "u", "replication", "perhaps"), "22023", "invalid value"},
		"an option not a setting": {startup("user", "u", "options", "-c a=1 -P"), "0A000",
			`"-P" in startup parameter "options" is not supported`},
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
		address, results := accepting(t, generous, Auth{Method: Trust})
		conn := connect(t, "tcp", address)
		conn.Write(append(startup("user", "u"), query...))
		checkUnread(t, result(t, results), query)
	})
	t.Run("plain", func(t *testing.T) {
		address, results := accepting(t, generous, Auth{Method: Plain, Credentials: Users{"u": password(t, "secret")}})
		conn := connect(t, "tcp", address)
		conn.Write(append(append(startup("user", "u"), raw2(&pgproto3.PasswordMessage{Password: "secret"})...), query...))
		checkUnread(t, result(t, results), query)
	})
	t.Run("already read", func(t *testing.T) {
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs)
		already := append(startup("user", "u"), query...)
		c, _, err := Accept(withTimeout(t, generous), ours, already, trustAll)
		clear(already) // the caller's buffer is used again
		if err != nil || string(c.Unread) != string(query) || c.User != "u" {
			t.Fatalf("%+v, %v", c, err)
		}
	})
}

func checkUnread(t *testing.T, a accepted, want []byte) {
	t.Helper()
	if a.err != nil {
		t.Fatal(a.err)
	}
	rest := make([]byte, len(want)-len(a.client.Unread))
	a.conn.SetReadDeadline(time.Now().Add(generous))
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
	address, results := accepting(t, generous, Auth{})
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
