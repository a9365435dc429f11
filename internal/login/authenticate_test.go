package login

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// welcoming lets clients in and then answers every query with nothing, as a pool would.
func welcoming(t testing.TB, auth Auth) (host, port string, outcomes <-chan accepted) {
	return welcomingTLS(t, auth, nil)
}

func welcomingTLS(t testing.TB, auth Auth, config *tls.Config) (host, port string, outcomes <-chan accepted) {
	address, results := acceptingTLS(t, generous, auth, config)
	told := make(chan accepted, 100)
	go func() {
		for a := range results {
			if a.client != nil {
				go serve(sessionOf(a))
			}
			told <- a
		}
	}()
	host, port, _ = net.SplitHostPort(address)
	return host, port, told
}

// sessionOf is what the client and we say to each other from now on, in clear.
func sessionOf(a accepted) net.Conn {
	if a.client.Layer == nil {
		return rewound{a.conn, io.MultiReader(bytes.NewReader(a.client.Unread), a.conn)}
	}
	return &sealing{&released{Conn: a.conn, layer: a.client.Layer, plain: a.client.Unread}}
}

// sealing writes through the layer too, what the driver of an event loop does. One goroutine uses it.
type sealing struct{ *released }

func (s *sealing) Write(b []byte) (int, error) {
	sealed, err := s.layer.Seal(nil, b)
	if err != nil {
		return 0, err
	}
	_, err = s.Conn.Write(sealed)
	return len(b), err
}

func (s *sealing) Close() error {
	s.Conn.Write(s.layer.End(nil))
	return s.Conn.Close()
}

func serve(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(generous))
	conn.Write(raw(status("server_version", "15.0"), status("client_encoding", "UTF8"), key, ready))
	b := pgproto3.NewBackend(conn, conn)
	for {
		m, err := b.Receive()
		if err != nil {
			return
		}
		switch m.(type) {
		case *pgproto3.Query:
			conn.Write(raw(&pgproto3.EmptyQueryResponse{}, ready))
		case *pgproto3.Terminate:
			conn.Close()
			return
		}
	}
}

func someUsers(t testing.TB) Users {
	return Users{
		"text":     password(t, "secret"),
		"unicode":  password(t, "Ⅷ\u00a0pass\u00adwörd"),
		"verifier": password(t, verifierOf("secret", "salt of verifier")),
		"hash":     password(t, md5Hex("secret"+"hash")),
		"nothing":  {},
	}
}

func verifierOf(password, salt string) string {
	return newKeyCache().derive(password, []byte(salt), 4096).Verifier([]byte(salt), 4096).Text()
}

// Who gets in by which method, as libpq and pgx see it, and what the log is told of the others.
func TestMethods(t *testing.T) {
	const denied = "password authentication failed for user"
	for _, test := range []struct {
		method                      Method
		user, password, told, cause string
	}{
		{ScramSHA256, "text", "secret", "", ""},
		{ScramSHA256, "text", "wrong", denied, "the password is wrong"},
		{ScramSHA256, "unicode", "VIII passwörd", "", ""},
		{ScramSHA256, "verifier", "secret", "", ""},
		{ScramSHA256, "verifier", "wrong", denied, "the password is wrong"},
		{ScramSHA256, "hash", "secret", denied, `"hash" has an md5 hash`},
		{ScramSHA256, "nothing", "secret", denied, "has no password"},
		{ScramSHA256, "stranger", "secret", denied, "no such user"},
		{MD5, "text", "secret", "", ""},
		{MD5, "text", "wrong", denied, "the password is wrong"},
		{MD5, "hash", "secret", "", ""},
		{MD5, "hash", "wrong", denied, "the password is wrong"},
		{MD5, "verifier", "secret", "", ""}, // by SCRAM
		{MD5, "stranger", "secret", denied, "no such user"},
		{Plain, "text", "secret", "", ""},
		{Plain, "text", "wrong", denied, "the password is wrong"},
		{Plain, "verifier", "secret", "", ""},
		{Plain, "verifier", "wrong", denied, "the password is wrong"},
		{Plain, "hash", "secret", "", ""},
		{Plain, "hash", "wrong", denied, "the password is wrong"},
		{Plain, "nothing", "secret", denied, "has no password"},
		{Plain, "stranger", "secret", denied, "no such user"},
		{Trust, "stranger", "", "", ""},
	} {
		t.Run(fmt.Sprintf("%s/%s/%s", test.method, test.user, test.password), func(t *testing.T) {
			host, port, results := welcoming(t, Auth{Method: test.method, Credentials: someUsers(t)})
			ctx := withTimeout(t, generous)
			cfg, err := pgconn.ParseConfig(fmt.Sprintf("host=%s port=%s user=%s database=d sslmode=disable", host, port, test.user))
			if err != nil {
				t.Fatal(err)
			}
			cfg.Password = test.password
			conn, pgxErr := pgconn.ConnectConfig(ctx, cfg)
			if conn != nil {
				defer conn.Close(ctx)
			}
			psqlErr := psql(t, host, port, test.user, test.password)
			for _, got := range []struct {
				client string
				err    error
			}{{"pgx", pgxErr}, {"psql", psqlErr}} {
				if (got.err == nil) != (test.told == "") || got.err != nil && !strings.Contains(got.err.Error(), test.told) {
					t.Errorf("%s is told %v", got.client, got.err)
				}
				if a := result(t, results); a.err != nil && !strings.Contains(a.err.Error(), test.cause) {
					t.Errorf("with %s, the log is told %v", got.client, a.err)
				}
			}
		})
	}
}

// psql logs in and runs an empty query.
func psql(t testing.TB, host, port, user, password string) error {
	t.Helper()
	env := []string{"PGPASSWORD=" + password, "PGSSLMODE=prefer", "PGGSSENCMODE=prefer", "PGOPTIONS=-c work_mem=1MB"}
	return runPsql(t, env, "-h", host, "-p", port, "-U", user, "-d", "d")
}

// runPsql logs in and runs an empty query. That it does not end is no answer, and fails the test.
func runPsql(t testing.TB, env []string, args ...string) error {
	t.Helper()
	program := "psql"
	if dir, err := postgresBin(); err == nil {
		program = filepath.Join(dir, "psql")
	}
	ctx, cancel := context.WithTimeout(context.Background(), generous)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"-X", "-w", "-c", " "}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		t.Fatalf("psql has not ended within %s: %s", generous, out)
	case err != nil:
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// A login with a wrong user takes the work and the messages of one with a wrong password: work is PBKDF2 runs
// (SCRAM's HMACs are the same code for both), messages are compared but for the nonces.
func TestWrongUserCostsWhatAWrongPasswordDoes(t *testing.T) {
	users := someUsers(t)
	users.Warm()
	for _, method := range []Method{ScramSHA256, Plain} {
		seen := map[string]string{}
		for _, user := range []string{"text", "verifier", "stranger"} {
			address, results := accepting(t, generous, Auth{Method: method, Credentials: users})
			before := process.derivations.Load()
			transcript := wrongPassword(t, address, user, method)
			result(t, results)
			seen[user] = fmt.Sprintf("%d derivations; %s", process.derivations.Load()-before, strings.ReplaceAll(transcript, user, "USER"))
		}
		if seen["text"] != seen["stranger"] || seen["verifier"] != seen["stranger"] {
			t.Errorf("%s tells users apart:\n%v", method, seen)
		}
		if method == ScramSHA256 && !strings.HasPrefix(seen["text"], "0 ") {
			t.Errorf("a wrong password costs %s", seen["text"])
		}
	}
}

// wrongPassword fails to log in, and returns the shape of what it was told.
func wrongPassword(t *testing.T, address, user string, method Method) string {
	conn := connect(t, "tcp", address)
	conn.Write(startup("user", user))
	if method == Plain {
		conn.Write(raw2(&pgproto3.PasswordMessage{Password: "wrong"}))
		return replies(t, conn)
	}
	r := newReader(conn, nil)
	_, message, err := r.message(1000)
	if err != nil {
		t.Fatal(err)
	}
	transcript := fmt.Sprintf("%q", message)
	conn.Write(raw2(&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("n,,n=,r=c")}))
	if _, message, err = r.message(1000); err != nil {
		t.Fatal(err)
	}
	nonce, parameters, _ := strings.Cut(string(message[headerBytes+4:]), ",")
	transcript += fmt.Sprintf(" %d %d %s", len(nonce), len(parameters), parameters[strings.LastIndexByte(parameters, ','):])
	conn.Write(raw2(&pgproto3.SASLResponse{Data: []byte("c=biws," + nonce + ",p=" + strings.Repeat("A", 43) + "=")}))
	return transcript + replies(t, rewound{conn, conn})
}

// A password is derived once, however many log in with it at the same time.
func TestManyLoginsDeriveOnce(t *testing.T) {
	users := Users{"crowd": password(t, "secret of the crowd")}
	host, port, _ := welcoming(t, Auth{Method: ScramSHA256, Credentials: users})
	before := process.derivations.Load()
	errs := make(chan error)
	const logins = 20
	for range logins {
		go func() {
			s, err := Dial(withTimeout(t, generous), Target{Address: net.JoinHostPort(host, port), User: "crowd", Database: "d", Secret: users["crowd"]})
			if err == nil {
				err = closeFD(s.FD)
			}
			errs <- err
		}()
	}
	for range logins {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	// Client and server of this test share the cache, and salt and password are the same for both.
	if n := process.derivations.Load() - before; n != 1 {
		t.Fatalf("%d derivations", n)
	}
}
