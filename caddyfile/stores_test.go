package caddyfile

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

// TestRedisStore is what becomes of a Caddyfile's store, in JSON.
func TestRedisStore(t *testing.T) {
	for written, want := range map[string]string{
		"store redis 10.0.0.9:6379":                      `{"address": "10.0.0.9:6379", "store": "redis"}`,
		"store redis r:6379 {\n tls\n prefix staging\n}": `{"address": "r:6379", "tls": {}, "prefix": "staging", "store": "redis"}`,
		"store redis r:6379 {\n username u\n password {env.REDIS_PASSWORD}\n database 2\n tls {\n ca /ca\n certificate /c\n key /k\n server_name n\n }\n}": `{
			"address": "r:6379", "username": "u", "password": "{env.REDIS_PASSWORD}", "database": 2,
			"tls": {"ca": "/ca", "certificate": "/c", "key": "/k", "server_name": "n"}, "store": "redis"
		}`,
	} {
		text := "{\n postgres {\n pool app {\n upstream db:5432\n auth {\n method trust\n }\n query_cache {\n ttl 5s\n" + written + "\n}\n}\n}\n}\n"
		out, err := adapt(text)
		if err != nil {
			t.Errorf("%s: %v", written, err)
			continue
		}
		var got struct {
			Apps struct {
				Postgres struct {
					Pools map[string]struct {
						Cache struct{ Store any } `json:"query_cache"`
					}
				}
			}
		}
		var wanted any
		if err := errors.Join(json.Unmarshal(out, &got), json.Unmarshal([]byte(want), &wanted)); err != nil {
			t.Fatal(err)
		}
		if store := got.Apps.Postgres.Pools["app"].Cache.Store; !reflect.DeepEqual(store, wanted) {
			t.Errorf("%s:\n got %v\nwant %v", written, store, wanted)
		}
	}
}
