package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// TestHoppingClientsSeeOnePostgres: two clients, each on another server after every transaction, receive byte for byte what
// they receive from connections of their own. The servers are sessions of a real Postgres.
func TestHoppingClientsSeeOnePostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Postgres")
	}
	for _, version := range []int{15, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			server := pgtest.Start(t, pgtest.Options{Version: version, Roles: []pgtest.Role{{Name: "alice"}}, Databases: []string{"app"}})
			address := fmt.Sprintf("%s:%d", server.Host, server.Port)
			say(t, address, frame(pgwire.Query, []byte("create table t (c int); create table d (c text); insert into d values ('row')\x00")), 1)
			for i, lines := range scenes {
				hop(t, address, fmt.Sprint("scene ", i), 1, [][]step{stepsOf(t, lines)})
			}
			for seed := uint64(1); seed <= 20; seed++ {
				r := rand.New(rand.NewPCG(seed, 5))
				hop(t, address, fmt.Sprint("seed ", seed), seed, [][]step{randomProgram(r).steps, randomProgram(r).steps})
			}
		})
	}
}

// scenes are what a random program would seldom say.
var scenes = [][]string{
	{
		`Query "PREPARE \"Grüße\" (text, int) AS SELECT $1 || $2::text AS x -- done"`,
		`Query "EXECUTE \"Grüße\"('ä', 1)"`,
		`Query "EXECUTE \"Grüße\"('ä', nope)"`,
		`Query "SELECT 'é'; EXECUTE \"Grüße\"('ä', 1); SELECT nope"`,
		`Parse q "SELECT $1" 25; Describe S q; Sync`,
		`Query "EXECUTE q('protocol')"`,
		`Query "PREPARE q AS SELECT 1"`,
		`Query "/* ahead */ prepare q as select nope"`,
		`Parse "Grüße" "SELECT 1"; Sync`,
		`Describe S "Grüße"; Bind "" "Grüße" a 2; Describe P ""; Execute ""; Sync`,
		`Close S "Grüße"; Sync`,
		`Query "EXECUTE \"Grüße\"('ä', 1)"`,
	}, {
		// Through CREATE TABLE AS and EXPLAIN, and in a transaction that is rolled back.
		`Query "PREPARE r AS SELECT 7 AS seven"`,
		`Query "CREATE TABLE et AS EXECUTE r; SELECT count(*) FROM et; DROP TABLE et"`,
		`Query "EXPLAIN (COSTS OFF) EXECUTE r"`,
		`Query "EXPLAIN ANALYZE EXECUTE missing"`,
		`Query "BEGIN"; Query "PREPARE s AS SELECT 's'"; Query "ROLLBACK"`,
		`Query "EXECUTE s"`,
		`Query "BEGIN"; Query "DEALLOCATE s"; Query "selec"; Query "PREPARE s AS SELECT 2"; Query "ROLLBACK"`,
		`Query "EXECUTE s"`,
		`Query "DISCARD PLANS"; Query "EXECUTE r"`,
		`Query "PREPARE a AS SELECT $1::int; EXECUTE a(1); DEALLOCATE a; PREPARE a AS SELECT 2; EXECUTE a"`,
		`Query "EXECUTE a"`,
		`Query "SELECT 1; PREPARE b AS SELECT nope; SELECT 2"`,
		`Query "EXECUTE b"; Query "DEALLOCATE PREPARE a"; Query "EXECUTE a"; Query "DISCARD ALL"; Query "EXECUTE r"`,
	}, {
		// What is prepared by the protocol says EXECUTE, PREPARE and DEALLOCATE.
		`Query "PREPARE foo(text) AS SELECT $1 AS foo"`,
		`Parse outer "EXECUTE foo('x')"; Describe S outer; Sync`,
		`Bind "" outer; Describe P ""; Execute ""; Sync`,
		`Query "DEALLOCATE foo"`,
		`Bind "" outer; Describe P ""; Execute ""; Sync`,
		`Query "PREPARE foo(text) AS SELECT $1 AS bar, 2"`,
		`Bind "" outer; Execute ""; Sync`,
		`Parse make "PREPARE made AS SELECT 'made'"; Parse take "DEALLOCATE made"; Sync`,
		`Bind "" make; Execute ""; Sync`,
		`Bind "" make; Execute ""; Sync`,
		`Query "EXECUTE made"`,
		`Bind "" take; Execute ""; Bind "" take; Execute ""; Sync`,
		`Bind "" make; Execute ""; Bind "" make; Execute ""; Sync`,
		`Query "EXECUTE made"`,
		`Query "EXECUTE take"`,
		`Query "EXECUTE made"`,
		`Query "EXECUTE make"; Query "EXECUTE made"`,
	}, {
		// The view. (trap 20)
		`Query "PREPARE one(int) AS\n SELECT $1;"`,
		`Parse two "SELECT 2"; Sync`,
		`Query "SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements ORDER BY 1"`,
		`Query "EXECUTE one(1)"; Bind "" two; Execute ""; Sync`,
		`Query "PREPARE three AS SELECT 3"; Query "PREPARE two AS SELECT 3"; Parse one "SELECT 3"; Sync`,
		`Parse "" "SELECT name, statement, from_sql FROM pg_prepared_statements ORDER BY 1"; Bind "" ""; Execute ""; Sync`,
		`Query "DEALLOCATE one"; Query "SELECT count(*) FROM pg_prepared_statements"`,
		`Query "DEALLOCATE ALL"`,
		`Query "SELECT count(*) FROM pg_prepared_statements"`,
		`Query "PREPARE again AS SELECT 'again'"`,
		`Query "EXECUTE again"`,
		`Parse view "SELECT name, statement FROM pg_prepared_statements ORDER BY 1"; Sync`,
		`Bind "" view; Execute ""; Sync`,
	}, {
		// Names that are not rewritten.
		`Query "PREPARE U&\"\\0061bc\" AS SELECT 'unicode'"`,
		`Query "EXECUTE abc"`,
		`Query "PREPARE \"\" AS SELECT 1"; Query "PREPARE x AS"; Query "PREPARE"; Query "EXECUTE"`,
		`Query "PREPARE x AS CREATE TABLE y ()"`,
		`Query "PREPARE x AS SELECT 1"; Query "PREPARE x AS SELECT 2"; Query "EXECUTE x"`,
	}, {
		// Its table changes, and goes.
		`Query "CREATE TABLE gone (c int)"`,
		`Query "PREPARE g AS SELECT c + 0 AS c FROM gone"`,
		`Query "EXECUTE g"`,
		`Query "DROP TABLE gone"`,
		`Query "EXECUTE g"`,
		`Query "BEGIN"; Query "EXECUTE g"; Query "SELECT 1"; Query "ROLLBACK"`,
		`Bind "" g; Execute ""; Sync`,
	},
}

func stepsOf(t *testing.T, lines []string) (out []step) {
	t.Helper()
	for _, line := range lines {
		messages, err := splitMessages(line)
		if err != nil {
			t.Fatal(err)
		}
		s := step{text: line}
		for _, m := range messages {
			one, err := clientMessage(m)
			if err != nil {
				t.Fatal(err)
			}
			s.bytes = append(s.bytes, one...)
			if one[0] == pgwire.Query || one[0] == pgwire.Sync {
				s.ready++
			}
		}
		out = append(out, s)
	}
	return out
}

// hop has each client say its steps on a connection of its own, and then all of them by turns through three servers.
func hop(t *testing.T, address, what string, seed uint64, programs [][]step) {
	t.Helper()
	want := make([][][]byte, len(programs))
	for i, steps := range programs {
		conn := login(t, address)
		for _, s := range steps {
			want[i] = append(want[i], until(t, conn, s.bytes, s.ready))
		}
		conn.Close()
	}
	w := newWorld()
	for i := range 3 {
		s := w.addServer(fmt.Sprint(i + 1))
		s.conn = login(t, address)
		s.MaxPrepared = 3
		defer s.conn.Close()
	}
	for i := range programs {
		w.addClient(string(rune('a' + i))).Defers = seed%2 == 1 // it must make no difference
	}
	r := rand.New(rand.NewPCG(seed, 6))
	for n := 0; ; n++ {
		said := false
		for i, c := range w.clients {
			if n >= len(programs[i]) {
				continue
			}
			said = true
			if c.server == nil {
				c.prefers = w.resting(r)
			}
			if internalError(want[i][n]) {
				return
			}
			c.received = nil
			w.clientSays(c, programs[i][n].bytes)
			w.pump(t, c, readies(want[i][n]))
			if got := c.received; !bytes.Equal(alike(got), alike(want[i][n])) {
				p := &printer{names: map[string]string{}}
				var before []string
				for _, s := range programs[i][:n+1] {
					before = append(before, s.text)
				}
				t.Fatalf("%s: client %s says\n%s\nand at the end of it receives\n%s\n%q\nand not\n%s\n%q\n%v", what, c.name,
					strings.Join(before, "\n"), p.messages(got, true), got, p.messages(want[i][n], true), want[i][n], w.events)
			}
		}
		if !said {
			break
		}
	}
	for _, c := range w.clients {
		if c.server != nil && strings.HasPrefix(what, "scene 0") {
			t.Errorf("%s: a server is pinned", what)
		}
	}
}

// internalError reports whether Postgres has lost its way, as it does at a ROLLBACK in a batch whose transaction an EXECUTE
// has begun. It is not for us to be lost in the same way.
func internalError(b []byte) bool { return bytes.Contains(b, []byte("\x00CXX000\x00")) }

// alike leaves out what differs from one session to the next of the same Postgres: the time, which the only function that is
// called tells; and which of several faults of a message is told in a transaction that has failed.
func alike(b []byte) (out []byte) {
	for len(b) > 0 {
		m := b[:pgwire.FrameLen(b)]
		if m[0] != pgwire.FunctionCallResponse {
			out = append(out, m...)
		}
		b = b[len(m):]
	}
	return anyFault(out)
}

// resting is a server that no client has, another than most of the time the first.
func (w *world) resting(r *rand.Rand) *testServer {
	for {
		if s := w.servers[r.IntN(len(w.servers))]; s.state == "idle" {
			return s
		}
	}
}

// pump carries bytes from the servers until the client has been told that often that it may go on.
func (w *world) pump(t *testing.T, c *testClient, ready int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	buffer := make([]byte, 64<<10)
	for readies(c.received) < ready || c.server != nil && c.server.Owes() {
		if c.server == nil || time.Now().After(deadline) {
			t.Fatalf("client %s waits for ever, with %q: %v", c.name, c.received, w.events)
		}
		s := c.server
		_ = s.conn.SetReadDeadline(deadline)
		n, err := s.conn.Read(buffer)
		if err != nil {
			t.Fatalf("client %s, with %q: %v: %v", c.name, c.received, err, w.events)
		}
		w.serverSays(s, buffer[:n])
	}
}

func login(t *testing.T, address string) net.Conn {
	t.Helper()
	return loginTo(t, address, "app")
}

func loginTo(t *testing.T, address, database string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute)) // for all of its life
	hello, err := (&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters: map[string]string{"user": "alice", "database": database, "client_encoding": "UTF8"}}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	until(t, conn, hello, 1)
	return conn
}
