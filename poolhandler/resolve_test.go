package poolhandler

import (
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
)

// withPlaceholders is a pool in which all that may have placeholders has one.
func withPlaceholders() *config.Pool {
	return &config.Pool{
		Upstream: []*config.Upstream{{Address: "{env.PGMUX_X}:5432"}},
		Auth: &config.Auth{
			User:      map[string]string{"alice": "{env.PGMUX_X}"},
			UsersFile: "/{env.PGMUX_X}",
			QueryUser: &config.ServerUser{Name: "{env.PGMUX_X}", Secret: "{env.PGMUX_X}"},
		},
		ServerUser: &config.ServerUser{Name: "{env.PGMUX_X}", Secret: "{env.PGMUX_X}"},
		QueryCache: &config.QueryCache{ReplicationUser: &config.ServerUser{Name: "{env.PGMUX_X}", Secret: "{env.PGMUX_X}"}},
		Listen:     []string{":{env.PGMUX_X}", "fd/3"},
		TLS:        &config.ClientTLS{ServerNames: []string{"pg.{env.PGMUX_X}", "*.x"}, ClientCA: "/{env.PGMUX_X}"},
		ServerTLS: &config.ServerTLS{CA: "/{env.PGMUX_X}", Certificate: "/{env.PGMUX_X}", Key: "/{env.PGMUX_X}",
			ServerName: "{env.PGMUX_X}"},
	}
}

func TestEveryPlaceholderIsResolvedInACopy(t *testing.T) {
	t.Setenv("PGMUX_X", "here")
	app := &config.App{Pools: map[string]*config.Pool{"app": withPlaceholders()}}
	resolved, err := resolve(app, caddy.NewReplacer())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(app.Pools["app"], withPlaceholders()) {
		t.Error("the configuration that Caddy saves was changed")
	}
	here := &config.ServerUser{Name: "here", Secret: "here"}
	want := &config.Pool{
		Upstream: []*config.Upstream{{Address: "here:5432"}},
		Auth:     &config.Auth{User: map[string]string{"alice": "here"}, UsersFile: "/here", QueryUser: here},

		ServerUser: here,
		QueryCache: &config.QueryCache{ReplicationUser: here},
		Listen:     []string{":here", "fd/3"},
		TLS:        &config.ClientTLS{ServerNames: []string{"pg.here", "*.x"}, ClientCA: "/here"},
		ServerTLS:  &config.ServerTLS{CA: "/here", Certificate: "/here", Key: "/here", ServerName: "here"},
	}
	if got := resolved.Pools["app"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAPlaceholderWithoutAValueIsToldByItsPath(t *testing.T) {
	const missing = "{env.PGMUX_NOT_SET}"
	for path, write := range map[string]func(*config.Pool){
		"query_cache.replication_user": func(p *config.Pool) { p.QueryCache.ReplicationUser.Secret = missing },
		"auth.query_user":              func(p *config.Pool) { p.Auth.QueryUser.Secret = missing },
		"tls.server_names":             func(p *config.Pool) { p.TLS.ServerNames[0] = missing },
		"tls.client_ca":                func(p *config.Pool) { p.TLS.ClientCA = missing },
		"server_tls.ca":                func(p *config.Pool) { p.ServerTLS.CA = missing },
		"server_tls.certificate":       func(p *config.Pool) { p.ServerTLS.Certificate = missing },
		"server_tls.key":               func(p *config.Pool) { p.ServerTLS.Key = missing },
		"server_tls.server_name":       func(p *config.Pool) { p.ServerTLS.ServerName = missing },
	} {
		t.Setenv("PGMUX_X", "here")
		pool := withPlaceholders()
		write(pool)
		_, err := resolve(&config.App{Pools: map[string]*config.Pool{"app": pool}}, caddy.NewReplacer())
		if err == nil || !strings.Contains(err.Error(), "pools.app."+path+": ") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
