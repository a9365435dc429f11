package config

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestRedisStoreNamesTheSettingAndTheCure(t *testing.T) {
	at := func(rest string) string { return `{"address": "r:6379", ` + rest + `}` }
	long := strings.Repeat("x", MaxStorePrefix)
	for text, want := range map[string]string{
		`{}`:                   "address: is missing; write where Redis is, like `store redis 10.0.0.9:6379`",
		`{"address": "r"}`:     `address: has the address "r", which is not host:port; add the port: r:6379`,
		`{"address": ":6379"}`: `without a host; write one, like 127.0.0.1:6379`,
		`{"address": "r:0"}`:   "write a number from 1 to 65535, Redis's is 6379",
		`{"address": "redis://u:secret@r:6379/0"}`:    `address: is "redis://r:6379/0", but a store takes no URL`,
		`{"address": "unix/run/redis.sock"}`:          "a socket is written unix//path",
		at(`"username": "x"`):                         "username: has no password; write `password <secret>` too",
		at(`"database": -1`):                          "database: is -1, but must be at least 0",
		at(`"tls": {"certificate": "/c"}`):            "tls.certificate: has no key; write `key <file>` too",
		at(`"tls": {"key": "/k"}`):                    "tls.key: has no certificate",
		`{"address": "unix//run/r.sock", "tls": {}}`:  "tls: is written, but the address is a socket of this machine; remove it",
		at(`"prefix": "a b"`):                         `prefix: is "a b"; write letters, digits, and signs like . : - _`,
		at(`"prefix": "` + long + `x"`):               "prefix: has 65 characters, but must have 64 at most; write a shorter one",
		at(`"prefix": "{a"`):                          "write letters",
		`{"address": "[::1]"}`:                        "address",
		`{"address": "::1:6379"}`:                     "an IPv6 address needs brackets",
		at(`"username": "x", "tls": {"key": "/k"}`):   "username: has no password",
		at(`"database": -2, "prefix": "also wrong "`): "database: is -2",
	} {
		s := new(RedisStore)
		must(t, caddy.StrictUnmarshalJSON([]byte(text), s))
		err := s.Check()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: the password is told: %v", text, err)
		}
	}
}

func TestRedisStorePassesWhatWorks(t *testing.T) {
	for _, text := range []string{
		`{"address": "r:6379"}`,
		`{"address": "unix//run/redis/redis.sock"}`,
		`{"address": "{env.REDIS}", "username": "pgmux", "password": "{env.SECRET}", "database": 3, "prefix": "` + strings.Repeat("x", MaxStorePrefix) + `"}`,
		`{"address": "[::1]:6379", "password": "x", "tls": {"ca": "/ca", "certificate": "/c", "key": "/k", "server_name": "r.internal"}, "prefix": "{env.STAGE}"}`,
	} {
		s := new(RedisStore)
		must(t, caddy.StrictUnmarshalJSON([]byte(text), s))
		must(t, s.Check())
	}
}
