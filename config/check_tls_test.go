package config

import (
	"strings"
	"testing"
)

func TestVerifyingClientsNeedsAuthorities(t *testing.T) {
	tls := func(s string) string { return `{"tls": ` + s + `}` }
	for _, mode := range []string{"verify-ca", "verify-full"} {
		refused(t, map[string]string{
			tls(`{"mode": "` + mode + `"}`):                              "pools.app.tls: is " + mode + ", but nothing says whose certificates are good; write `client_ca <file>`",
			tls(`{"mode": "` + mode + `", "connection_policies": [{}]}`): "nothing says whose certificates are good",
		})
		accepted(t,
			tls(`{"mode": "`+mode+`", "client_ca": "{env.CA}"}`),
			tls(`{"mode": "`+mode+`", "connection_policies": [{"client_authentication": {"ca": {"provider": "file"}}}]}`),
		)
	}
	refused(t, map[string]string{
		tls(`{"mode": "prefer"}`):              `pools.app.tls.mode: is "prefer", but must be one of require, disable, allow, verify-ca, verify-full`,
		tls(`{"connection_policies": [null]}`): "pools.app.tls.connection_policies.0: is null",
	})
	accepted(t, tls(`{}`), tls(`{"mode": "disable"}`), tls(`{"mode": "allow"}`), tls(`{"mode": "require", "client_ca": "/ca"}`))
}

func TestServerNamesAreNames(t *testing.T) {
	names := func(n string) string { return `{"tls": {"server_names": [` + n + `]}}` }
	label := strings.Repeat("a", 63)
	refused(t, map[string]string{
		names(`""`):                       `pools.app.tls.server_names: has "", which is no host name; write names like pg.example.com or *.example.com`,
		names(`"a b"`):                    `has "a b", which is no host name`,
		names(`"a..b"`):                   "no host name",
		names(`"-a.b"`):                   "no host name",
		names(`"a-.b"`):                   "no host name",
		names(`"a.*.b"`):                  "no host name",
		names(`"*"`):                      "no host name",
		names(`"p*.example.com"`):         "no host name",
		names(`"*.*.example.com"`):        "no host name",
		names(`"pg.example.com:6432"`):    "names have no scheme and no port; write pg.example.com",
		names(`"https://pg.example.com"`): "write the name alone, like pg.example.com",
		names(`"` + label + `a.com"`):     "no host name",
		names(`"` + strings.Repeat(label+".", 4) + `"`): "has a name of 256 bytes; DNS has at most 253",
		names(`"a.com", "A.com"`):                       "has A.com twice",
	})
	accepted(t,
		names(`"pg.example.com", "*.example.com", "localhost", "pg_1.internal", "xn--bcher-kva.example"`),
		names(`"127.0.0.1", "::1"`),
		names(`"{env.NAME}", "pg.{env.DOMAIN}"`),
		names(`"`+label+`.com"`),
	)
}

func TestServerTLSThatVerifiesNothingIsRefused(t *testing.T) {
	tls := func(s string) string { return `{"server_tls": ` + s + `}` }
	refused(t, map[string]string{
		tls(`{"mode": "allow"}`):                `pools.app.server_tls.mode: is "allow", but must be one of prefer, disable, require, verify-ca, verify-full`,
		tls(`{"ca": "/ca"}`):                    "pools.app.server_tls.ca: is never looked at in mode prefer, which takes any certificate; write `server_tls verify-full`",
		tls(`{"mode": "require", "ca": "/ca"}`): "never looked at in mode require",
		tls(`{"mode": "verify-ca"}`):            "pools.app.server_tls: is verify-ca without a ca",
		tls(`{"certificate": "/c"}`):            "pools.app.server_tls.certificate: has no key",
		tls(`{"key": "/k"}`):                    "pools.app.server_tls.key: has no certificate",
		tls(`{"server_name": "db:5432"}`):       "pools.app.server_tls.server_name: has \"db:5432\", but names have no scheme and no port",
	})
	accepted(t,
		tls(`{}`),
		tls(`{"mode": "disable", "ca": "/ca"}`),
		tls(`{"mode": "verify-full"}`),
		tls(`{"mode": "verify-ca", "ca": "/ca"}`),
		tls(`{"mode": "verify-full", "ca": "/ca", "certificate": "/c", "key": "/k", "server_name": "db.internal"}`),
		`{"server_tls": {"mode": "verify-full"}, "upstream": [{"address": "unix//run/postgresql:5432"}]}`,
	)
}
