package poolhandler

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	_ "github.com/mholt/caddy-l4/layer4"
)

// validate is `caddy validate` of these apps.
func validate(t *testing.T, apps string) error {
	t.Helper()
	cfg := &caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}}
	if err := json.Unmarshal([]byte(apps), &cfg.AppsRaw); err != nil {
		t.Fatal(err)
	}
	return caddy.Validate(cfg)
}

const (
	goodPool = `{"upstream":[{"address":"db:5432"}],"auth":{"method":"trust"}}`
	page     = `"http":{"servers":{"s":{"listen":["127.0.0.1:0"],"routes":[{"handle":[{"handler":"postgres_dashboard"}]}]}}}`
	listener = `"layer4":{"servers":{"s":{"listen":["127.0.0.1:0"],"routes":[{"handle":[{"handler":"postgres_pool","pool":"app"}]}]}}}`
)

func TestValidate(t *testing.T) {
	nameless := strings.Replace(listener, `,"pool":"app"`, "", 1)
	for _, c := range []struct{ name, apps, says string }{
		{"good", `{"postgres":{"pools":{"app":` + goodPool + `}},` + listener + `}`, ""},
		{"good, by database", `{"postgres":{"pools":{"app":` + goodPool + `}},` + nameless + `}`, ""},
		{"unknown pool", `{"postgres":{"pools":{"apps":` + goodPool + `}},` + listener + `}`, `there is no pool "app"; there is apps; did you mean apps?`},
		{"no pools", `{"postgres":{},` + listener + `}`, "declare it"},
		{"no app", `{` + listener + `}`, "postgres_pool needs the app postgres; declare it"},
		{"two pools for any database", `{"postgres":{"pools":{"a":` + goodPool + `,"b":` + goodPool + `}},` + nameless + `}`, `pools a and b both have "*"`},
		{"unknown field", `{"postgres":{"pool_size":3}}`, `unknown field "pool_size"`},
		{"unknown field of the handler", strings.Replace(`{`+listener+`}`, `"pool":`, `"pools":`, 1), `unknown field "pools"`},
		{"bad size", `{"postgres":{"pools":{"app":{"pool_size":0,"upstream":[{"address":"db:5432"}],"auth":{"method":"trust"}}}}}`, "pools.app.pool_size: is 0"},
		{"missing variable", `{"postgres":{"pools":{"app":{"upstream":[{"address":"{env.PGMUX_TEST_MISSING}"}],"auth":{"method":"trust"}}}}}`, "{env.PGMUX_TEST_MISSING} is empty; set the environment variable"},
		{"guests", `{"postgres":{"pools":{"app":{"dynamic_upstreams":[{"source":"srv","name":"x.internal"}],"lb_policy":{"policy":"hash","key":"user"},"auth":{"method":"trust"}}}},` + listener + `}`, ""},
		{"unknown policy", `{"postgres":{"pools":{"app":{"upstream":[{"address":"db:5432"}],"lb_policy":{"policy":"best"},"auth":{"method":"trust"}}}}}`, "pools.app: lb_policy: loading module 'best': unknown module: postgres.selection_policies.best"},
		{"a source that says nothing", `{"postgres":{"pools":{"app":{"dynamic_upstreams":[{"source":"srv"}],"auth":{"method":"trust"}}}}}`, "pools.app: dynamic_upstreams: position 0: loading module 'srv': provision postgres.upstreams.srv: name: is missing"},
		{"a cache with a store", `{"postgres":{"pools":{"app":{"upstream":[{"address":"db:5432"}],"query_cache":{"ttl":"5s","max_size":"64MiB","store":{"store":"memory"}},"auth":{"method":"trust"}}}}}`, ""},
		{"a page", `{"postgres":{"pools":{"app":` + goodPool + `}},` + page + `}`, ""},
		{"a page of nothing", `{` + page + `}`, "postgres_dashboard shows the app postgres; declare it"},
		{"a page with a long title", strings.Replace(`{"postgres":{},`+page+`}`, `postgres_dashboard"`, `postgres_dashboard","title":"`+strings.Repeat("x", 101)+`"`, 1), "postgres_dashboard: title has 101 bytes, and may have 100"},
		{"unknown store", `{"postgres":{"pools":{"app":{"upstream":[{"address":"db:5432"}],"query_cache":{"store":{"store":"memcached"}},"auth":{"method":"trust"}}}}}`, "pools.app: query_cache: store: loading module 'memcached': unknown module: postgres.caches.memcached; there are memory, redis, and those that plug-ins add"},
		{"a store that takes nothing", `{"postgres":{"pools":{"app":{"upstream":[{"address":"db:5432"}],"query_cache":{"store":{"store":"memory","size":1}},"auth":{"method":"trust"}}}}}`, `unknown field "size"`},
		{"missing variable of who asks", `{"postgres":{"pools":{"app":{"upstream":[{"address":"db:5432"}],"health_user":{"name":"x","secret":"{env.PGMUX_TEST_MISSING}"},"auth":{"method":"trust"}}}}}`, "pools.app.health_user: evaluated placeholder {env.PGMUX_TEST_MISSING} is empty"},
	} {
		err := validate(t, c.apps)
		if c.says == "" && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.says)
		}
	}
	if theProcess.running.Load() != nil {
		t.Error("validating started the engine")
	}
}
