package caddyfile

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/pgmux/caddy-pgmux/config"
)

// TestCaddyfileAndJSONCarryTheSameNames also finds a field that no option sets.
func TestCaddyfileAndJSONCarryTheSameNames(t *testing.T) {
	same(t, "app", appOptions.names(), fields(config.App{}), "pool", "pools")                                // one pool, one policy to a block
	same(t, "console", consoleOptions.names(), append(fields(config.Console{}), "admin_user", "stats_user")) // one of them, with a secret
	same(t, "pool", poolOptions.names(), fields(config.Pool{}))
	same(t, "auth", authOptions.names(), fields(config.Auth{}))
	same(t, "tls", append(tlsOptions.names(), "mode"), fields(config.ClientTLS{}), "connection_policy", "connection_policies")
	same(t, "server_tls", append(serverTLSOptions.names(), "mode"), fields(config.ServerTLS{}))
	same(t, "query_cache", append(queryCacheOptions.names(), "tables"), fields(config.QueryCache{})) // behind match
	same(t, "upstream", append(upstreamOptions.names(), "address"), fields(config.Upstream{}))       // an argument
	same(t, "a", append(aOptions.names(), "host", "port"), fields(config.AUpstreams{}))
	same(t, "srv", append(srvOptions.names(), "name"), fields(config.SRVUpstreams{}))
	same(t, "patroni", append(patroniOptions.names(), "urls"), fields(config.PatroniUpstreams{}))
	same(t, "store redis", append(redisOptions.names(), "address"), fields(config.RedisStore{}))
	same(t, "tls of a store", storeTLSOptions.names(), fields(config.StoreTLS{}))
	same(t, "postgres_dashboard", dashboardOptions.names(), fields(config.Dashboard{}))
	same(t, "http", append(httpOptions.names(), "url"), fields(config.HTTPUpstreams{}))
}

func same(t *testing.T, what string, options, fields []string, renamed ...string) {
	t.Helper()
	if len(renamed) == 2 {
		options[slices.Index(options, renamed[0])] = renamed[1]
	}
	slices.Sort(options)
	slices.Sort(fields)
	if !slices.Equal(options, fields) {
		t.Errorf("%s:\nCaddyfile %v\nJSON      %v", what, options, fields)
	}
}

// fields is the JSON names of a struct.
func fields(of any) []string { return fieldsOf(reflect.TypeOf(of)) }

func fieldsOf(of reflect.Type) (names []string) {
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			names = append(names, fieldsOf(field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// TestEveryOptionIsDocumented looks for a row of its own in the reference.
func TestEveryOptionIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	for _, names := range [][]string{appOptions.names(), consoleOptions.names(), poolOptions.names(), authOptions.names(),
		upstreamOptions.names(), tlsOptions.names(), serverTLSOptions.names(), queryCacheOptions.names(),
		aOptions.names(), srvOptions.names(), patroniOptions.names(), httpOptions.names(), redisOptions.names(), storeTLSOptions.names(), dashboardOptions.names()} {
		for _, name := range names {
			all[name] = true
		}
	}
	for name := range maps.Keys(all) {
		row := "\n| `" + name
		if !strings.Contains(string(text), row+"`") && !strings.Contains(string(text), row+" ") {
			t.Errorf("%s has no row in docs/configuration.md", name)
		}
	}
}

// TestThePoolInTheReferenceWorks takes the JSON that the reference shows at its word.
func TestThePoolInTheReferenceWorks(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n```json\n")
	written, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !closed {
		t.Fatal("there is no JSON any more")
	}
	var pool config.Pool
	if err := caddy.StrictUnmarshalJSON([]byte(written), &pool); err != nil {
		t.Fatal(err)
	}
	if err := config.Check(&config.App{Pools: map[string]*config.Pool{"app": &pool}}); err != nil {
		t.Error(err)
	}
}
