package poolhandler

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
)

// resolve returns a copy of the configuration with every placeholder replaced, so that secrets exist in it only
// and never in what Caddy saves.
func resolve(app *config.App, repl *caddy.Replacer) (*config.App, error) {
	r := &resolver{repl: repl}
	out := *app
	out.Pools = make(map[string]*config.Pool, len(app.Pools))
	for name, pool := range app.Pools {
		out.Pools[name] = r.pool("pools."+name, pool)
	}
	return &out, r.err
}

// resolver replaces placeholders and keeps the first error.
type resolver struct {
	repl *caddy.Replacer
	err  error
}

func (r *resolver) pool(path string, pool *config.Pool) *config.Pool {
	out := *pool
	out.Upstream = make([]*config.Upstream, len(pool.Upstream))
	for i, u := range pool.Upstream {
		copied := *u
		copied.Address = r.text(fmt.Sprintf("%s.upstream.%d", path, i), u.Address)
		out.Upstream[i] = &copied
	}
	if pool.Auth != nil {
		auth := *pool.Auth
		auth.UsersFile = r.text(path+".auth.users_file", auth.UsersFile)
		auth.User = make(map[string]string, len(pool.Auth.User))
		for name, secret := range pool.Auth.User {
			auth.User[name] = r.text(path+".auth.user."+name, secret)
		}
		out.Auth = &auth
	}
	if pool.ServerUser != nil {
		out.ServerUser = &config.ServerUser{
			Name:   r.text(path+".server_user", pool.ServerUser.Name),
			Secret: r.text(path+".server_user", pool.ServerUser.Secret),
		}
	}
	return &out
}

func (r *resolver) text(path, text string) string {
	out, err := r.repl.ReplaceOrErr(text, true, true)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %w; set the environment variable or the file it names before Caddy starts", path, err)
	}
	return out
}
