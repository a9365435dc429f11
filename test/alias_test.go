//go:build e2e

package e2e

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// Clients ask for two names of one database, which is cached by both.
func TestAliasesOfADatabase(t *testing.T) {
	if direct() {
		t.Skip("Postgres has no aliases")
	}
	server := pgtest.Start(t, pgtest.Options{Version: versions()[len(versions())-1], Auth: "scram-sha-256",
		Roles: []pgtest.Role{{Name: "app", Password: "secret"}, {Name: "asker", Superuser: true, Password: "secret"}}, Databases: []string{"app"}})
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			p := startPooler(t, driver, server, settings{
				Auth: "query_user asker secret", // whom Postgres is asked for in the real database
				Pool: "databases one two\nserver_database app\nquery_cache {\nttl 1h\n}",
			})
			one, two := aliased(t, p, "one"), aliased(t, p, "two")
			exec := func(conn *pgx.Conn, text string) {
				t.Helper()
				if _, err := conn.Exec(within(t), text); err != nil {
					t.Fatal(err)
				}
			}
			ask := func(conn *pgx.Conn, text string) (answer string) {
				t.Helper()
				if err := conn.QueryRow(within(t), text).Scan(&answer); err != nil {
					t.Fatal(err)
				}
				return answer
			}
			if name := ask(one, "SELECT current_database()::text"); name != "app" {
				t.Errorf("the database is %s", name)
			}
			exec(one, "DROP TABLE IF EXISTS shared; CREATE TABLE shared (v text); INSERT INTO shared VALUES ('a')")
			for _, value := range []string{"b", "c", "d"} {
				for range 5 { // until it is cached
					ask(one, "SELECT v FROM shared")
				}
				exec(two, "UPDATE shared SET v = '"+value+"'")
				if got := ask(one, "SELECT v FROM shared"); got != value {
					t.Errorf("by one alias there is %s, after %s was written by the other", got, value)
				}
			}
			if err := p.reload(settings{Auth: "query_user asker secret", Pool: "databases one two\nserver_database postgres"}); err == nil {
				t.Error("the pool was moved to another database while it is in use")
			}
			if err := canLogIn(t, pgtest.DSN(p.Addr, "app", "secret", "app")); err == nil {
				t.Error("the real name is let in, which is no alias")
			}
		})
	}
}

func aliased(t *testing.T, p *pooler, name string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(within(t), pgtest.DSN(p.Addr, "app", "secret", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(within(t)) })
	return conn
}
