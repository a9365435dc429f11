package login

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// The auth query asks over TLS where server_tls says so.
func TestAuthQueryAsksOverTLS(t *testing.T) {
	const overTLS = "SELECT $1, CASE WHEN ssl THEN 'yes' ELSE 'no' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
	onEachPostgres(t, func(t *testing.T, p *pgtest.Server) {
		q, log := authQuery(t, p, overTLS, func(c *AuthQueryConfig) {
			c.User, c.Secret, c.Database = "by_scram", password(t, "secret of by_scram"), "postgres"
			c.TLS = &ServerTLS{clientSide(), true}
		})
		for range 2 { // with TTL 0: each is a question
			mustLookup(t, q, alice, "yes", true)
		}
		if errs := log.all(); len(errs) > 0 {
			t.Errorf("told %q", errs)
		}
	})
}
