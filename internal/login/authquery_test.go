package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

const (
	queryOfPgBouncer = "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid WHERE rolname = $1 AND rolcanlogin"
	queryOfShadow    = "SELECT usename, passwd FROM pg_shadow WHERE usename = $1"
)

// authPostgres is a Postgres with a superuser "pooler" that may ask everything, over TCP with its password.
func authPostgres(t *testing.T, version int) *pgtest.Server {
	t.Helper()
	return pgtest.Start(t, pgtest.Options{
		Version: version, Auth: "scram-sha-256", Databases: []string{"app"},
		Roles: []pgtest.Role{
			{Name: "pooler", Password: "secret of pooler", Superuser: true},
			{Name: "alice", Password: "secret of alice"},
		},
		Settings: map[string]string{"log_connections": "on"},
	})
}

func eachPostgres(t *testing.T, test func(*testing.T, *pgtest.Server)) {
	for _, version := range pgtest.Versions() {
		t.Run(fmt.Sprint("Postgres ", version), func(t *testing.T) {
			t.Parallel()
			test(t, authPostgres(t, version))
		})
	}
}

func run(t testing.TB, s *pgtest.Server, database string, statements ...string) {
	t.Helper()
	if err := s.Exec(withTimeout(t, generous), database, statements...); err != nil {
		t.Fatal(err)
	}
}

// told is what an AuthQuery reported.
type told struct {
	mu   sync.Mutex
	errs []string
}

func (l *told) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err.Error())
}

func (l *told) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.errs)
}

func authQuery(t testing.TB, s *pgtest.Server, query string, change func(*AuthQueryConfig)) (*AuthQuery, *told) {
	t.Helper()
	log := &told{}
	cfg := AuthQueryConfig{
		Query: query, User: "pooler", Secret: password(t, "secret of pooler"), Upstreams: []string{s.Addr()}, OnError: log.add,
	}
	if change != nil {
		change(&cfg)
	}
	q, err := NewAuthQuery(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q, log
}

func TestAuthQueriesOfTheField(t *testing.T) {
	eachPostgres(t, func(t *testing.T, s *pgtest.Server) {
		run(t, s, "app",
			"CREATE SCHEMA auth",
			`CREATE FUNCTION auth.lookup(i_user text, OUT uname text, OUT phash text) RETURNS record LANGUAGE sql SECURITY DEFINER
				SET search_path = pg_catalog AS $$ SELECT usename, passwd FROM pg_shadow WHERE usename = i_user $$`,
			"REVOKE ALL ON FUNCTION auth.lookup(text) FROM PUBLIC",
			"CREATE ROLE asker LOGIN PASSWORD 'secret of asker'", "GRANT USAGE ON SCHEMA auth TO asker",
			"GRANT EXECUTE ON FUNCTION auth.lookup(text) TO asker",
			"SET password_encryption = 'scram-sha-256'", "CREATE ROLE group_of_users",
			"CREATE ROLE nopass LOGIN",
			"CREATE ROLE legacy LOGIN PASSWORD 'md5"+md5Hex("secret of legacylegacy")[3:]+"'")
		asker := func(c *AuthQueryConfig) {
			c.User, c.Secret, c.Database = "asker", password(t, "secret of asker"), "app"
		}
		for name, ask := range map[string]struct {
			query  string
			change func(*AuthQueryConfig)
		}{
			"default": {"", nil}, "PgBouncer's": {queryOfPgBouncer, nil}, "pg_shadow": {queryOfShadow, nil},
			"function": {"SELECT * FROM auth.lookup($1)", asker},
			"unix":     {queryOfShadow, func(c *AuthQueryConfig) { c.Upstreams = []string{fmt.Sprintf("unix/%s:%d", s.SocketDir, s.Port)} }},
			"found": {queryOfShadow, func(c *AuthQueryConfig) {
				c.Upstreams, c.Found = nil, func() []string { return []string{s.Addr()} }
			}},
			"upstreams that do not answer": {queryOfShadow, func(c *AuthQueryConfig) {
				silent, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { silent.Close() })
				c.Upstreams = []string{"127.0.0.1:1", silent.Addr().String(), s.Addr()}
			}},
		} {
			q, log := authQuery(t, s, ask.query, ask.change)
			for _, test := range []struct {
				method                   Method
				user, password, sqlState string
				cause                    string
			}{
				{ScramSHA256, "alice", "secret of alice", "", ""},
				{ScramSHA256, "alice", "wrong", "28P01", "the password is wrong"},
				{MD5, "alice", "secret of alice", "", ""},
				{Plain, "alice", "secret of alice", "", ""},
				{Plain, "alice", "wrong", "28P01", "the password is wrong"},
				{MD5, "legacy", "secret of legacy", "", ""},
				{Plain, "legacy", "secret of legacy", "", ""},
				{ScramSHA256, "legacy", "secret of legacy", "28P01", "has an md5 hash"},
				{ScramSHA256, "nopass", "x", "28P01", "has no password"},
				{ScramSHA256, "stranger", "x", "28P01", "there is no such user"},
				{ScramSHA256, "o'clock; DROP ROLE alice", "x", "28P01", "there is no such user"},
				{ScramSHA256, "\xff\xfe", "x", "28P01", "there is no such user"},
			} {

				sqlState, cause := logInTo(t, test.method, q, "app", test.user, test.password)
				if sqlState != test.sqlState || !strings.Contains(cause, test.cause) {
					t.Errorf("%s: %s by %s with %q: %s %s", name, test.user, test.method, test.password, sqlState, cause)
				}
			}
			if errs := log.all(); len(errs) > 0 {
				t.Errorf("%s: told %q", name, errs)
			}
		}
	})
}

// logInTo is a login by the package's own client, which takes any bytes for a name.
func logInTo(t testing.TB, method Method, c Credentials, database, user, secret string) (sqlState, cause string) {
	t.Helper()
	address, results := accepting(t, generous, Auth{Method: method, Credentials: c})
	ctx, cancel := context.WithTimeout(t.Context(), generous)
	defer cancel()
	dialled := make(chan struct{})
	go func() {
		defer close(dialled)
		Dial(ctx, Target{Address: address, User: user, Database: database, Secret: password(t, secret)})
	}()
	a := result(t, results)
	defer func() { a.conn.Close(); <-dialled }()
	if a.client != nil {
		return "", ""
	}
	var r *Refusal
	if !errors.As(a.err, &r) {
		t.Fatalf("%s: %v", user, a.err)
	}
	return r.SQLState, fmt.Sprint(r.Cause)
}

// A password changed in Postgres works at once, by every method in which it is sent, and by SCRAM the second time; a
// role that is dropped or closed is out after the time to live.
func TestAuthQueryNoticesChanges(t *testing.T) {
	const ttl = time.Minute
	eachPostgres(t, func(t *testing.T, s *pgtest.Server) {
		q, log := authQuery(t, s, queryOfShadow, func(c *AuthQueryConfig) { c.TTL = ttl })
		mustLogIn := func(method Method, user, secret string) {
			t.Helper()
			if state, cause := logInTo(t, method, q, "app", user, secret); state != "" {
				t.Fatalf("%s by %s with %q: %s %s", user, method, secret, state, cause)
			}
		}
		mustNot := func(method Method, user, secret, why string) {
			t.Helper()
			if state, cause := logInTo(t, method, q, "app", user, secret); state != invalidPassword || !strings.Contains(cause, why) {
				t.Fatalf("%s by %s with %q: %s %s, want %s", user, method, secret, state, cause, why)
			}
		}
		mustLogIn(Plain, "alice", "secret of alice")
		run(t, s, "app", "ALTER ROLE alice PASSWORD 'second'")
		answerAges(t, q, "alice", againAfter)
		mustLogIn(Plain, "alice", "second") // asked anew as it failed
		mustNot(Plain, "alice", "secret of alice", "wrong")

		run(t, s, "app", "ALTER ROLE alice PASSWORD 'third'")
		answerAges(t, q, "alice", againAfter)
		mustNot(ScramSHA256, "alice", "third", "wrong") // the proof was for the salt of the second
		mustLogIn(ScramSHA256, "alice", "third")

		run(t, s, "app", "ALTER ROLE alice PASSWORD 'fourth'")
		answerAges(t, q, "alice", ttl)
		mustNot(ScramSHA256, "alice", "third", "wrong") // nobody had to try the fourth for that
		mustLogIn(ScramSHA256, "alice", "fourth")

		run(t, s, "app", "DROP OWNED BY alice CASCADE", "ALTER DATABASE app OWNER TO postgres", "DROP ROLE alice")
		answerAges(t, q, "alice", ttl)
		mustNot(ScramSHA256, "alice", "fourth", "no such user")
		if errs := log.all(); len(errs) > 0 {
			t.Errorf("told %q", errs)
		}
	})
}

// answerAges makes what is known of the user older, so that tests need not wait.
func answerAges(t testing.TB, q *AuthQuery, user string, by time.Duration) {
	t.Helper()
	q.answers.mu.Lock()
	defer q.answers.mu.Unlock()
	who := q.where(Identity{user, "app"})
	r, ok := q.answers.find(who)
	if !ok {
		t.Fatalf("nothing is known of %s", user)
	}
	r.asked = r.asked.Add(-by)
	q.answers.keep(who, r)
}

// What is wrong with the query is told with its cure, and once, however many try to log in.
func TestAuthQueryErrorsNameTheCure(t *testing.T) {
	eachPostgres(t, func(t *testing.T, s *pgtest.Server) {
		run(t, s, "app", "CREATE ROLE asker LOGIN PASSWORD 'secret of asker'", "CREATE TABLE public.users (name text, secret text)",
			"CREATE FUNCTION public.log_it(text) RETURNS TABLE (a text, b text) LANGUAGE sql AS $$ INSERT INTO public.users VALUES ($1, 'x') RETURNING name, secret $$")
		asker := func(c *AuthQueryConfig) { c.User, c.Secret = "asker", password(t, "secret of asker") }
		for name, test := range map[string]struct {
			query  string
			change func(*AuthQueryConfig)
			want   string
		}{
			"syntax":              {"SELEC $1", nil, "correct `query` of auth"},
			"two statements":      {"SELECT 1; SELECT 2", nil, "correct `query` of auth"},
			"one column":          {"SELECT usename FROM pg_shadow WHERE usename = $1", nil, "returns 1 columns"},
			"four columns":        {"SELECT usename, passwd, 1, 2 FROM pg_shadow WHERE usename = $1", nil, "returns 4 columns"},
			"no rows ever":        {"SET work_mem = '1MB'", nil, "returns 0 columns"},
			"two parameters":      {"SELECT usename, passwd FROM pg_shadow WHERE usename = $1 AND passwd = $2", nil, "one parameter, $1"},
			"permission":          {queryOfShadow, asker, "SECURITY DEFINER"},
			"table not qualified": {"SELECT name, secret FROM users WHERE name = $1", nil, "search_path is pg_catalog"},
			"no such column":      {"SELECT nonsense, passwd FROM pg_shadow WHERE usename = $1", nil, "search_path is pg_catalog"},
			"writes":              {"SELECT * FROM public.log_it($1)", nil, "may only read"},
			"wrong password":      {"", func(c *AuthQueryConfig) { c.Secret = password(t, "wrong") }, "password authentication failed"},
			"no such database":    {"", func(c *AuthQueryConfig) { c.Database = "nowhere" }, `database "nowhere"`},
			"nobody found": {"", func(c *AuthQueryConfig) {
				c.Upstreams, c.Found = nil, func() []string { return nil }
			}, "no upstream is known yet"},
			"nobody there": {"", func(c *AuthQueryConfig) { c.Upstreams = []string{"127.0.0.1:1"} }, "connection refused"},
		} {
			q, log := authQuery(t, s, test.query, test.change)
			for range 3 {
				_, _, err := q.Lookup(t.Context(), Identity{"alice", "app"})
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("%s: %v, want %q", name, err, test.want)
				}
			}
			if errs := log.all(); len(errs) != 1 || !strings.Contains(errs[0], test.want) {
				t.Errorf("%s: told %q", name, errs)
			}
			state, cause := logInTo(t, ScramSHA256, q, "app", "alice", "x")
			if state != "08006" || !strings.Contains(cause, test.want) {
				t.Errorf("%s: the client is told %s, the log %s", name, state, cause)
			}
		}
	})
}

// A storm of logins is one question and one connection, and between two the upstream may restart.
func TestStormIsOneConnectionAndARestartIsNotSeen(t *testing.T) {
	s := authPostgres(t, 0)
	q, log := authQuery(t, s, queryOfShadow, func(c *AuthQueryConfig) { c.TTL = time.Minute })
	storm := func() {
		t.Helper()
		var all sync.WaitGroup
		for range 5000 {
			all.Go(func() {
				if _, ok, err := q.Lookup(t.Context(), Identity{"alice", "app"}); !ok || err != nil {
					t.Error(ok, err)
				}
			})
		}
		all.Wait()
	}
	logins := func() int { return strings.Count(s.Log(), "connection authorized: user=pooler") }
	storm()
	if n := logins(); n != 1 {
		t.Fatalf("%d connections for a storm", n)
	}
	for _, mode := range []pgtest.StopMode{pgtest.Fast, pgtest.Immediate} {
		if err := s.Restart(withTimeout(t, generous), mode); err != nil {
			t.Fatal(err)
		}
		answerAges(t, q, "alice", time.Minute)
		storm()
	}
	if n := logins(); n != 3 {
		t.Errorf("%d connections after two restarts", n)
	}
	if err := s.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	storm() // from memory
	if errs := log.all(); len(errs) > 0 {
		t.Errorf("told %q", errs)
	}
	answerAges(t, q, "alice", time.Minute)
	if _, _, err := q.Lookup(t.Context(), Identity{"alice", "app"}); err == nil {
		t.Error("an old answer is used while Postgres is down")
	}
	if err := s.StartAgain(withTimeout(t, generous)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(generous); ; {
		if _, ok, _ := q.Lookup(t.Context(), Identity{"alice", "app"}); ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not heal")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func lookupFor(q *AuthQuery, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_, _, err := q.Lookup(ctx, alice)
	return err
}

// A question that hangs ends in time, also for Postgres, and its connection is not used any more.
func TestAuthQueryThatHangsEndsInTime(t *testing.T) {
	s := authPostgres(t, pgtest.Versions()[0])
	q, _ := authQuery(t, s, "SELECT $1, pg_sleep(60)::text", nil)
	began := time.Now()
	byPostgres := func(err error) bool { return err != nil && strings.Contains(err.Error(), "has to answer within 4s") }
	err := lookupFor(q, 200*time.Millisecond)
	for range 3 { // where others have the machine for seconds, Postgres gives it up before we look at the time
		if !byPostgres(err) {
			break
		}
		err = lookupFor(q, 200*time.Millisecond)
	}
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) >= questionTimeout {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
	for range 3 { // and where they have it for longer, it is given up before Postgres does
		if err = lookupFor(q, generous); byPostgres(err) {
			break
		}
	}
	if !byPostgres(err) {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
	q.Close()
	for deadline := time.Now().Add(3 * questionTimeout); ; time.Sleep(50 * time.Millisecond) {
		if n, err := s.Connections(t.Context(), "app"); err == nil && n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection is left")
		}
	}
}
