package poolhandler

import (
	"context"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// Who logs in to Postgres for a pool (server_user, query_user, health_user, replication_user) may be written without a secret. Then it is the
// one that `auth` has for a user of that name, under `user` or in the users file, as PgBouncer takes it from its auth_file. It is looked for
// when the configuration is loaded. Where there is none, the server has to trust us.

// writtenSecrets is the secrets that are known without asking anybody.
func writtenSecrets(auth login.Credentials) login.Chain {
	all, _ := auth.(login.Chain)
	var out login.Chain
	for _, credentials := range all {
		if _, asks := credentials.(*login.AuthQuery); !asks {
			out = append(out, credentials)
		}
	}
	return out
}

// secretOf is what a user logs in with.
func secretOf(u *config.ServerUser, known login.Chain) (login.Secret, error) {
	if u.Secret != "" {
		return login.ParseSecret(u.Secret)
	}
	secret, _, err := known.Lookup(context.Background(), login.Identity{User: u.Name})
	return secret, err
}
