//go:build xcaddy

package xcaddytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// TestLifeOfAPooler runs, queries, reloads while a client is in a transaction, is refused a wrong configuration, and
// stops.
func TestLifeOfAPooler(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 8*time.Minute)
	defer stop()
	server, err := pgtest.Launch(ctx, pgtest.Options{
		Auth: "scram-sha-256", Roles: []pgtest.Role{{Name: "app", Password: "secret"}}, Databases: []string{"app"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	u := newUser(t)
	u.upstream, u.secret = server.Addr(), "secret"
	u.run(u.caddyfile())

	client, err := pgx.Connect(ctx, fmt.Sprintf("postgres://app:secret@%s/app", u.listen))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(ctx)
	tx, err := client.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	before := backend(t, ctx, tx)

	u.must("reload", "--config", u.caddyfile("pool_size 20", "pool_size 7"))
	if status, err := u.get("/postgres/pools"); err != nil || !strings.Contains(status, `"max_size":7`) {
		t.Errorf("after the reload: %s, %v", status, err)
	}
	if after := backend(t, ctx, tx); after != before {
		t.Errorf("the reload moved a transaction from backend %d to %d", before, after)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Error(err)
	}

	if out, err := u.caddy("reload", "--config", u.caddyfile("pool_size 20", "pool_size 3", "postgres_pool app", "postgres_pool nope")); err == nil {
		t.Errorf("a configuration without its pool was taken:\n%s", out)
	}
	if status, err := u.get("/postgres/pools/app"); err != nil || !strings.Contains(status, `"max_size":7`) {
		t.Errorf("after the refused reload: %s, %v", status, err)
	}
	var one int
	if err := client.QueryRow(ctx, "select 1").Scan(&one); err != nil {
		t.Errorf("after the refused reload: %v", err)
	}
	if metrics, err := u.get("/metrics"); err != nil || !strings.Contains(metrics, `caddy_postgres_client_logins_total{result="ok"} 1`) {
		t.Errorf("metrics: %v", err)
	}

	u.must("stop", "--address", u.admin)
	select {
	case err := <-u.ended:
		if err != nil {
			t.Errorf("stop: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("did not stop")
	}
	if err := client.Ping(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a client of the stopped pooler: %v", err)
	}
	for _, want := range []string{`"msg":"event loops started"`, `"io_driver":"`} {
		if n := strings.Count(u.output.String(), want); n != 1 {
			t.Errorf("the log has %s %d times", want, n)
		}
	}
}

func backend(t *testing.T, ctx context.Context, tx pgx.Tx) (pid int) {
	t.Helper()
	if err := tx.QueryRow(ctx, "select pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
