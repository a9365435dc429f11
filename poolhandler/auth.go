package poolhandler

import (
	"cmp"
	"fmt"

	"go.uber.org/zap"

	"github.com/pgmux/caddy-pgmux/config"
	"github.com/pgmux/caddy-pgmux/internal/login"
)

// newAuth is how clients of a pool prove who they are, and whom that asks, if anybody. It reads the users file.
func newAuth(pool *config.Pool, serverTLS *login.ServerTLS, found *foundAddresses, logger *zap.Logger) (login.Auth, *login.AuthQuery, error) {
	c := pool.Auth
	method, err := login.ParseMethod(config.Word(c.Method, config.AuthMethods))
	if err != nil {
		return login.Auth{}, nil, fmt.Errorf("auth.method: %w", err)
	}
	users, err := parseUsers(c.User, method)
	if err != nil {
		return login.Auth{}, nil, err
	}
	credentials := login.Chain{users}
	if c.UsersFile != "" {
		file, err := login.OpenUsersFile(c.UsersFile, func(err error) {
			logger.Error("users file", zap.Error(err))
		})
		if err != nil {
			return login.Auth{}, nil, fmt.Errorf("auth.users_file: %w", err)
		}
		if err := file.Users().Check(method); err != nil {
			logger.Warn("users who cannot log in", zap.String("users_file", c.UsersFile), zap.Error(err))
		}
		credentials = append(credentials, file)
	}
	var query *login.AuthQuery
	if c.QueryUser != nil {
		if query, err = newAuthQuery(pool, credentials, serverTLS, found, logger); err != nil {
			return login.Auth{}, nil, err
		}
		credentials = append(credentials, query)
	}
	return login.Auth{
		Method: method, Credentials: credentials,
		CertUser: c.CertUser, KnownUsers: c.KnownUsers == "on", NeedCert: pool.TLS != nil && pool.TLS.Mode == "verify-full",
	}, query, nil
}

// parseUsers reads the secrets that are written in the configuration itself. There a user who cannot log in is an
// error, not a warning as in a file that others write.
func parseUsers(written map[string]string, method login.Method) (login.Users, error) {
	users := make(login.Users, len(written))
	for name, text := range written {
		secret, err := login.ParseSecret(text)
		if err != nil {
			return nil, fmt.Errorf("auth.user.%s: %w", name, err)
		}
		users[name] = secret
	}
	if err := users.Check(method); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if method != login.Trust {
		users.Warm()
	}
	return users, nil
}

// newAuthQuery asks Postgres for the secrets that are written nowhere.
func newAuthQuery(pool *config.Pool, known login.Chain, serverTLS *login.ServerTLS, found *foundAddresses, logger *zap.Logger) (*login.AuthQuery, error) {
	c := pool.Auth
	secret, err := secretOf(c.QueryUser, known)
	if err != nil {
		return nil, fmt.Errorf("auth.query_user: %w", err)
	}
	upstreams := make([]string, len(pool.Upstream))
	for i, u := range pool.Upstream {
		upstreams[i] = u.Address
	}
	query, err := login.NewAuthQuery(login.AuthQueryConfig{
		Query: c.Query, User: c.QueryUser.Name, Secret: secret, Database: cmp.Or(c.QueryDatabase, pool.ServerDatabase),
		Upstreams: upstreams, Found: found.get, TLS: serverTLS, TTL: config.Duration(c.QueryTTL, config.DefaultQueryTTL),
		OnError: func(err error) { logger.Error("asking Postgres for users' secrets", zap.Error(err)) },
	})
	if err != nil {
		return nil, fmt.Errorf("auth.query: %w", err)
	}
	return query, nil
}
