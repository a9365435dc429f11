package login

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sys/unix"
)

func withTimeout(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func password(t testing.TB, text string) Secret {
	t.Helper()
	s, err := ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDialRealPostgresByEveryMethod(t *testing.T) {
	p := needPostgres(t)
	md5 := p.exec(t, "SELECT rolpassword FROM pg_authid WHERE rolname = 'by_md5'")
	for _, test := range []struct {
		name   string
		target Target
	}{
		{"scram", Target{Address: p.tcp(), User: "by_scram", Secret: password(t, "secret of by_scram")}},
		{"md5", Target{Address: p.tcp(), User: "by_md5", Secret: password(t, "secret of by_md5")}},
		{"md5 hash", Target{Address: p.tcp(), User: "by_md5", Secret: password(t, md5)}},
		{"plain", Target{Address: p.tcp(), User: "by_plain", Secret: password(t, "secret of by_plain")}},
		{"trust", Target{Address: p.tcp(), User: "by_trust"}},
		{"unix", Target{Address: p.unix(), User: "by_scram"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.target.Database = "postgres"
			test.target.Startup = []Setting{{"application_name", "dial test"}, {"work_mem", "1MB"}, {"work_mem", "2MB"}}
			s, err := Dial(withTimeout(t, generous), test.target)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(s.FD)
			checkServer(t, s)
			if got := queryFD(t, s.FD, "SELECT current_user || '/' || current_setting('work_mem')"); got != test.target.User+"/2MB" {
				t.Fatalf("logged in as %s", got)
			}
		})
	}
}

// checkServer checks what Dial promises of a server.
func checkServer(t *testing.T, s *Server) {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(s.FD), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Fatalf("descriptor %d: flags %o, %v: it must not block", s.FD, flags, err)
	}
	if flags, _ = unix.FcntlInt(uintptr(s.FD), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
		t.Fatal("the descriptor is inherited by children")
	}
	if n, err := unix.Read(s.FD, make([]byte, 1)); err != unix.EAGAIN {
		t.Fatalf("something is unread: %d, %v", n, err)
	}
	if keepAlive, err := unix.GetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_KEEPALIVE); keepAlive != 0 {
		t.Fatalf("keep-alive is on: %v", err)
	}
	if s.PID == 0 || len(s.Secret) != 4 {
		t.Fatalf("key %d, %x", s.PID, s.Secret)
	}
	for _, want := range []Setting{{"application_name", "dial test"}, {"client_encoding", "UTF8"}} {
		if !slices.Contains(s.Params, want) {
			t.Fatalf("no %v among %v", want, s.Params)
		}
	}
}

// queryFD runs a query on a bare descriptor and returns its only value.
func queryFD(t testing.TB, fd int, sql string) string {
	t.Helper()
	dup, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(dup), "server")
	defer f.Close()
	f.SetDeadline(time.Now().Add(generous))
	fe := pgproto3.NewFrontend(f, f)
	fe.SendQuery(&pgproto3.Query{String: sql})
	if err := fe.Flush(); err != nil {
		t.Fatal(err)
	}
	value := ""
	for {
		m, err := fe.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			value = string(m.Values[0])
		case *pgproto3.ErrorResponse:
			value = m.Code
		case *pgproto3.ReadyForQuery:
			return value
		}
	}
}

func TestDialRefusedByRealPostgres(t *testing.T) {
	p := needPostgres(t)
	verifier := p.exec(t, "SELECT rolpassword FROM pg_authid WHERE rolname = 'by_scram'")
	for _, test := range []struct {
		name, state string
		permanent   bool
		want        string
		target      Target
	}{
		{"wrong password", "28P01", true, "password authentication failed", Target{Database: "postgres", User: "by_scram", Secret: password(t, "wrong")}},
		{"wrong md5", "28P01", true, "password authentication failed", Target{Database: "postgres", User: "by_md5", Secret: password(t, "wrong")}},
		{"wrong plain", "28P01", true, "password authentication failed", Target{Database: "postgres", User: "by_plain", Secret: password(t, "wrong")}},
		{"no such user", "28000", true, `role "nobody_here" does not exist`, Target{Database: "postgres", User: "nobody_here"}},
		{"hba", "28000", true, "rejects connection", Target{Database: "postgres", User: "rejected"}},
		{"no such database", "3D000", true, "does not exist", Target{Database: "nowhere", User: "by_trust"}},
		{"closed database", "55000", true, "not currently accepting", Target{Database: "closed", User: "by_trust"}},
		{"private database", "42501", true, "permission denied", Target{Database: "private", User: "by_trust"}},
		{"unknown setting", "42704", true, "nonsense", Target{Database: "postgres", User: "by_trust", Startup: []Setting{{"nonsense", "1"}}}},
		{"bad setting", "22023", true, "work_mem", Target{Database: "postgres", User: "by_trust", Startup: []Setting{{"work_mem", "x"}}}},
		{"verifier only", "", true, "what we have is a SCRAM verifier", Target{Database: "postgres", User: "by_scram", Secret: password(t, verifier)}},
		{"verifier for md5", "", true, "what we have is a SCRAM verifier", Target{Database: "postgres", User: "by_md5", Secret: password(t, verifier)}},
		{"nothing known", "", true, "what we have is no password", Target{Database: "postgres", User: "by_scram"}},
		{"zero byte", "", true, "zero byte", Target{Database: "postgres", User: "by_trust", Startup: []Setting{{"a", "b\x00user\x00postgres"}}}},
		{"too much", "", true, "set fewer", Target{Database: "postgres", User: "by_trust", Startup: []Setting{{"a", strings.Repeat("x", 10000)}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.target.Address = p.tcp()
			_, err := Dial(withTimeout(t, generous), test.target)
			if err == nil || !strings.Contains(err.Error(), test.want) || IsPermanent(err) != test.permanent {
				t.Fatalf("permanent=%v: %v", IsPermanent(err), err)
			}
			var refused *ServerError
			if errors.As(err, &refused) != (test.state != "") {
				t.Fatalf("not a server's error: %v", err)
			}
			if test.state == "" {
				return
			}
			if refused.SQLState != test.state || refused.Raw[0] != 'E' || int(binary.BigEndian.Uint32(refused.Raw[1:])) != len(refused.Raw)-1 {
				t.Fatalf("%s, raw %q", refused.SQLState, refused.Raw)
			}
		})
	}
}

func TestServerErrorsThatPass(t *testing.T) {
	for _, state := range []string{"57P03", "53300", "57P01", "XX000", "08006", "", "2"} {
		if (&ServerError{SQLState: state}).Permanent() {
			t.Errorf("%q is taken for permanent", state)
		}
	}
}

func TestDialWhereNobodyIs(t *testing.T) {
	for address, isPermanent := range map[string]bool{
		"127.0.0.1:" + freePort(t):      false,
		"unix/" + t.TempDir() + ":5432": false,
		"127.0.0.1":                     true,
		"unix/relative:5432":            true,
		":5432":                         true,
		"127.0.0.1:0":                   true,
		"unix//tmp:x":                   true,
		"unix//" + strings.Repeat("very-long/", 30) + ":54": false,
	} {
		_, err := Dial(withTimeout(t, generous), Target{Address: address, User: "u", Database: "d"})
		if err == nil || IsPermanent(err) != isPermanent {
			t.Errorf("%s: permanent=%v: %v", address, IsPermanent(err), err)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1:5432":             "tcp 10.0.0.1:5432",
		"[::1]:5433":                "tcp [::1]:5433",
		"db.internal:5432":          "tcp db.internal:5432",
		"unix//run/postgresql:5432": "unix /run/postgresql/.s.PGSQL.5432",
		"unix//run/postgresql/:1":   "unix /run/postgresql/.s.PGSQL.1",
		"unix/@app:5432":            "unix @app/.s.PGSQL.5432",
	} {
		network, target, err := ParseAddress(address)
		if got := network + " " + target; err != nil || got != want {
			t.Errorf("%s: %s, %v", address, got, err)
		}
	}
}

// The second login with the same password costs no PBKDF2: the server's salt is the same.
func TestDialDerivesOnce(t *testing.T) {
	p := needPostgres(t)
	target := Target{Address: p.tcp(), Database: "postgres", User: "by_scram", Secret: password(t, "secret of by_scram")}
	for i := range 3 {
		before := process.derivations.Load()
		s, err := Dial(withTimeout(t, generous), target)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(s.FD)
		if n := process.derivations.Load() - before; i > 0 && n != 0 {
			t.Fatalf("login %d derived %d times", i, n)
		}
	}
}

func TestCancelServer(t *testing.T) {
	p := needPostgres(t)
	s, err := Dial(withTimeout(t, generous), Target{Address: p.tcp(), Database: "postgres", User: "by_trust"})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s.FD)
	result := make(chan string, 1)
	go func() { result <- queryFD(t, s.FD, "SELECT pg_sleep(60)") }()
	busy := "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
	for deadline := time.Now().Add(generous); p.exec(t, busy) != "1"; {
		if time.Now().After(deadline) {
			t.Fatal("the query does not run")
		}
	}
	wrong := []byte{s.Secret[0] ^ 1, s.Secret[1], s.Secret[2], s.Secret[3]}
	if err := CancelServer(withTimeout(t, generous), p.tcp(), nil, s.PID, wrong); err != nil {
		t.Fatal(err)
	}
	if p.exec(t, busy) != "1" {
		t.Fatal("a wrong key cancels")
	}
	if err := CancelServer(withTimeout(t, generous), p.unix(), nil, s.PID, s.Secret); err != nil {
		t.Fatal(err)
	}
	select {
	case code := <-result:
		if code != "57014" {
			t.Fatalf("the query ended with %s", code)
		}
	case <-time.After(generous):
		t.Fatal("the query was not cancelled")
	}
}
