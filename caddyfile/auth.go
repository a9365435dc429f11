package caddyfile

import "github.com/pgmux/caddy-pgmux/config"

// parseAuth reads who may log in. Syntax:
//
//	auth {
//		method     scram-sha-256|trust
//		user       <name> <secret>
//		users_file <path>
//	}
func parseAuth(p *parser, path string, pool *config.Pool) error {
	if err := p.end("auth"); err != nil {
		return err
	}
	pool.Auth = new(config.Auth)
	return block(p, "auth", path, authOptions, pool.Auth)
}

var authOptions = options[config.Auth]{
	"method":     word(func(a *config.Auth) *string { return &a.Method }),
	"user":       {read: parseUser, repeats: true},
	"users_file": word(func(a *config.Auth) *string { return &a.UsersFile }),
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

// parseServerUser reads who logs in to the servers. Syntax:
//
//	server_user <name> [<secret>]
func parseServerUser(p *parser, _ string, pool *config.Pool) error {
	name, err := p.argument("a name")
	if err != nil {
		return err
	}
	pool.ServerUser = &config.ServerUser{Name: name}
	if p.NextArg() {
		pool.ServerUser.Secret = p.Val()
	}
	return p.end("server_user")
}
