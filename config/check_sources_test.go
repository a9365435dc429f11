package config

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// checked is a source or a policy, which checks itself.
type checked interface{ Check() error }

func TestSourcesAndPoliciesNameTheSettingAndTheCure(t *testing.T) {
	for _, c := range []struct {
		into       checked
		text, want string
	}{
		{new(StaticUpstreams), `{}`, "upstreams: has no address"},
		{new(StaticUpstreams), `{"upstreams": [{"address": "db"}]}`, "upstreams.0: has the address \"db\""},
		{new(StaticUpstreams), `{"upstreams": [null]}`, "upstreams.0: is null"},
		{new(AUpstreams), `{}`, "host: is missing; write the name whose addresses are upstreams"},
		{new(AUpstreams), `{"host": "db:5432"}`, "host: is \"db:5432\", but a name has no port"},
		{new(AUpstreams), `{"host": "db", "port": 70000}`, "port: is 70000, but must be 1 to 65535"},
		{new(AUpstreams), `{"host": "db", "versions": ["v4"]}`, "versions: has \"v4\"; write ipv4, ipv6, or both"},
		{new(AUpstreams), `{"host": "db", "refresh": "1ms"}`, "refresh: is 1ms, but must be at least 1s"},
		{new(SRVUpstreams), `{}`, "name: is missing"},
		{new(SRVUpstreams), `{"name": "x", "resolvers": ["dns.internal"]}`, "resolvers: has \"dns.internal\"; a resolver is an IP address"},
		{new(PatroniUpstreams), `{}`, "urls: is missing"},
		{new(PatroniUpstreams), `{"urls": ["10.0.0.1:8008"]}`, "urls: has \"10.0.0.1:8008\", which is no URL"},
		{new(PatroniUpstreams), `{"urls": ["http://u:p@h:8008"]}`, "urls: has a user in the URL, which would be logged"},
		{new(PatroniUpstreams), `{"urls": ["http://h:8008"], "ca": "/ca"}`, "ca: is never looked at, as no URL begins with https"},
		{new(PatroniUpstreams), `{"urls": ["https://h"], "certificate": "/c"}`, "certificate: has no key"},
		{new(PatroniUpstreams), `{"urls": ["https://h"], "key": "/c"}`, "key: has no certificate"},
		{new(PatroniUpstreams), `{"urls": ["http://h"], "interval": "1ms"}`, "interval: is 1ms, but must be at least 100ms"},
		{new(HTTPUpstreams), `{"url": ""}`, "url: is missing"},
		{new(HTTPUpstreams), `{"url": "http://h", "timeout": 0}`, "timeout: is 0s, but must be at least 1ms"},
		{new(HTTPUpstreams), `{"url": "http://h", "basic_auth": {"name": ""}}`, "basic_auth: has no name"},
		{new(HashPolicy), `{"key": "users"}`, "key: is \"users\", but must be one of address, user, database, comment, setting; did you mean user?"},
		{new(HashPolicy), `{"key": "comment"}`, "name: is missing"},
		{new(HashPolicy), `{"key": "setting", "name": "a b"}`, "name: is \"a b\", which cannot be the name of a setting"},
		{new(HashPolicy), `{"name": "x"}`, "name: is \"x\", but address has no name"},
	} {
		must(t, caddy.StrictUnmarshalJSON([]byte(c.text), c.into))
		if err := c.into.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T %s:\n got %v\nwant %s", c.into, c.text, err, c.want)
		}
	}
}

func TestSourcesAndPoliciesPassWhatWorks(t *testing.T) {
	for _, c := range []struct {
		into checked
		text string
	}{
		{new(StaticUpstreams), `{"upstreams": [{"address": "db:1", "role": "replica", "weight": 3}]}`},
		{new(AUpstreams), `{"host": "{env.HOST}", "port": 6432, "versions": ["ipv6"], "refresh": "5s"}`},
		{new(SRVUpstreams), `{"name": "x", "resolvers": ["10.0.0.53", "[::1]:5353", "::1", "{env.DNS}"]}`},
		{new(PatroniUpstreams), `{"urls": ["http://a:8008", "https://b:8008/patroni"], "ca": "/ca", "interval": "1s"}`},
		{new(HTTPUpstreams), `{"url": "{env.LIST}", "ca": "/ca", "certificate": "/c", "key": "/k", "basic_auth": {"name": "u"}}`},
		{new(HashPolicy), `{}`},
		{new(HashPolicy), `{"key": "comment", "name": "tenant"}`},
		{new(HashPolicy), `{"key": "setting", "name": "app.tenant"}`},
	} {
		must(t, caddy.StrictUnmarshalJSON([]byte(c.text), c.into))
		if err := c.into.Check(); err != nil {
			t.Errorf("%T %s: %v", c.into, c.text, err)
		}
	}
}
