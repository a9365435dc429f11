package caddyfile

import "github.com/pgmux/caddy-pgmux/config"

// parseAuth reads who may log in. Syntax:
//
//	auth {
//		method         scram-sha-256|md5|plain|cert|trust
//		known_users    off|on
//		user           <name> <secret>
//		users_file     <path>
//		query          "<sql>"
//		query_user     <name> [<secret>]
//		query_database <name>
//		query_ttl      <duration>
//		cert_user      <common name> <user>...
//	}
func parseAuth(p *parser, path string, pool *config.Pool) error {
	if err := p.end("auth"); err != nil {
		return err
	}
	pool.Auth = new(config.Auth)
	return block(p, "auth", path, authOptions, pool.Auth)
}

var authOptions = options[config.Auth]{
	"method":         word(func(a *config.Auth) *string { return &a.Method }),
	"known_users":    word(func(a *config.Auth) *string { return &a.KnownUsers }),
	"user":           {read: parseUser, repeats: true},
	"users_file":     word(func(a *config.Auth) *string { return &a.UsersFile }),
	"query":          {read: parseQuery},
	"query_user":     login(func(a *config.Auth) **config.ServerUser { return &a.QueryUser }),
	"query_database": word(func(a *config.Auth) *string { return &a.QueryDatabase }),
	"query_ttl":      duration(func(a *config.Auth) **caddyDuration { return &a.QueryTTL }),
	"cert_user":      {read: parseCertUser, repeats: true},
}

// parseUser reads one user. Syntax:
//
//	user <name> <secret>
func parseUser(p *parser, path string, auth *config.Auth) error {
	name, err := p.argument("a name and a secret")
	if err != nil {
		return err
	}
	path += "." + name
	if first, twice := p.written[path]; twice {
		return p.Errf("user %s has a secret already, at line %d; remove one", name, first.Line)
	}
	p.note(path)
	secret, err := p.argument("a secret after the name, best a placeholder like {env.PASSWORD}")
	if err != nil {
		return err
	}
	if auth.User == nil {
		auth.User = make(map[string]string)
	}
	auth.User[name] = secret
	return p.end("user")
}

// parseQuery reads what Postgres is asked. Syntax:
//
//	query "<sql>"
func parseQuery(p *parser, _ string, auth *config.Auth) (err error) {
	auth.Query, err = p.query("query", "SELECT … WHERE usename = $1")
	if err == nil && auth.Query == "" {
		return p.Errf("query is empty; write the query, or remove the line for the default")
	}
	return err
}

// parseCertUser reads whom a certificate may log in as. Syntax:
//
//	cert_user <common name> <user>...
func parseCertUser(p *parser, path string, auth *config.Auth) error {
	name, err := p.argument("a certificate's common name and users")
	if err != nil {
		return err
	}
	path += "." + name
	if first, twice := p.written[path]; twice {
		return p.Errf("cert_user %s has users already, at line %d; write them all there", name, first.Line)
	}
	p.note(path)
	users := p.RemainingArgs()
	if len(users) == 0 {
		return p.Errf("cert_user %s needs users after it; write whom that certificate may log in as", name)
	}
	if auth.CertUser == nil {
		auth.CertUser = make(map[string][]string)
	}
	auth.CertUser[name] = users
	return p.end("cert_user")
}

// login reads who logs in to Postgres: a name, and a secret where Postgres asks for one.
func login[T any](field func(*T) **config.ServerUser) option[T] {
	return option[T]{read: func(p *parser, _ string, into *T) error {
		option := p.Val()
		name, err := p.argument("a name")
		if err != nil {
			return err
		}
		user := &config.ServerUser{Name: name}
		if p.NextArg() {
			user.Secret = p.Val()
		}
		*field(into) = user
		return p.end(option)
	}}
}
