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
	out.Console = r.console(app.Console)
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
	out.Listen = nil
	for i, address := range pool.Listen {
		out.Listen = append(out.Listen, r.text(fmt.Sprintf("%s.listen.%d", path, i), address))
	}
	out.ServerDatabase = r.text(path+".server_database", pool.ServerDatabase)
	out.Auth = r.auth(path+".auth", pool.Auth)
	out.ServerUser = r.login(path+".server_user", pool.ServerUser)
	out.HealthUser = r.login(path+".health_user", pool.HealthUser)
	out.HealthDatabase = r.text(path+".health_database", pool.HealthDatabase)
	out.QueryCache = r.queryCache(path+".query_cache", pool.QueryCache)
	out.TLS = r.clientTLS(path+".tls", pool.TLS)
	out.ServerTLS = r.serverTLS(path+".server_tls", pool.ServerTLS)
	return &out
}

func (r *resolver) auth(path string, auth *config.Auth) *config.Auth {
	if auth == nil {
		return nil
	}
	out := *auth
	out.UsersFile = r.text(path+".users_file", auth.UsersFile)
	out.User = make(map[string]string, len(auth.User))
	for name, secret := range auth.User {
		out.User[name] = r.text(path+".user."+name, secret)
	}
	out.QueryUser = r.login(path+".query_user", auth.QueryUser)
	return &out
}

func (r *resolver) console(c *config.Console) *config.Console {
	if c == nil {
		return nil
	}
	return &config.Console{
		AdminUsers: r.users("console.admin_users", c.AdminUsers),
		StatsUsers: r.users("console.stats_users", c.StatsUsers),
		UsersFile:  r.text("console.users_file", c.UsersFile),
	}
}

func (r *resolver) users(path string, users []*config.User) []*config.User {
	out := make([]*config.User, len(users))
	for i, u := range users {
		out[i] = &config.User{Name: r.text(path, u.Name), Secret: r.text(path+"."+u.Name, u.Secret)}
	}
	return out
}

func (r *resolver) queryCache(path string, cache *config.QueryCache) *config.QueryCache {
	if cache == nil {
		return nil
	}
	out := *cache
	out.ReplicationUser = r.login(path+".replication_user", cache.ReplicationUser)
	return &out
}

func (r *resolver) login(path string, user *config.ServerUser) *config.ServerUser {
	if user == nil {
		return nil
	}
	return &config.ServerUser{Name: r.text(path, user.Name), Secret: r.text(path, user.Secret)}
}

// clientTLS leaves the connection policies to Caddy, which resolves what is in them when it provisions them.
func (r *resolver) clientTLS(path string, tls *config.ClientTLS) *config.ClientTLS {
	if tls == nil {
		return nil
	}
	out := *tls
	out.ClientCA = r.text(path+".client_ca", tls.ClientCA)
	out.ServerNames = make([]string, len(tls.ServerNames))
	for i, name := range tls.ServerNames {
		out.ServerNames[i] = r.text(path+".server_names", name)
	}
	return &out
}

func (r *resolver) serverTLS(path string, tls *config.ServerTLS) *config.ServerTLS {
	if tls == nil {
		return nil
	}
	out := *tls
	out.CA = r.text(path+".ca", tls.CA)
	out.Certificate = r.text(path+".certificate", tls.Certificate)
	out.Key = r.text(path+".key", tls.Key)
	out.ServerName = r.text(path+".server_name", tls.ServerName)
	return &out
}

func (r *resolver) text(path, text string) string {
	out, err := r.repl.ReplaceOrErr(text, true, true)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %w; set the environment variable or the file it names before Caddy starts", path, err)
	}
	return out
}
