package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestSplitHasSomethingToSplit(t *testing.T) {
	split := func(rest string) string { return `{"read_write_split": "on"` + rest + `}` }
	const replicas = `, "upstream": [{"address": "a:1", "role": "replica"}, {"address": "b:1", "role": "replica"}]`
	const found = `, "dynamic_upstreams": [{"source": "srv"}]`
	refused(t, map[string]string{
		`{"read_write_split": "yes"}`:    `pools.app.read_write_split: is "yes", but must be one of off, on`,
		split(`, "pool_mode":"session"`): "pools.app.read_write_split: is on, but pool_mode is session, and a session keeps one server for all it does; write `pool_mode transaction`, or remove read_write_split",
		split(replicas):                  "pools.app.read_write_split: is on, but every upstream is declared a replica, so writes could go nowhere; add the primary, write `role auto`, or remove read_write_split",
		split(`, "health_interval": 0`):  "pools.app.read_write_split: is on, but health_interval is 0, so nobody finds out which upstream is a replica; write `role replica`",
		`{"defer_begin": "on"}`:          "pools.app.defer_begin: is on, but neither read_write_split nor query_cache is, so a BEGIN has nothing to wait for",
		split(`, "defer_begin": "yes"`):  `pools.app.defer_begin: is "yes", but must be one of off, on`,
	})
	accepted(t,
		split(``), split(`, "defer_begin": "on"`), `{"defer_begin": "on", "query_cache": {"ttl": "5s"}}`, split(`, "pool_mode": "statement"`),
		split(replicas+found), split(`, "upstream": []`+found), split(`, "health_interval": 0`+found),
		split(`, "health_interval": 0, "upstream": [{"address": "a:1"}, {"address": "b:1", "role": "replica"}]`),
		`{"read_write_split": "off", "pool_mode": "session"`+replicas+`}`,
		`{"read_write_split": "off", "defer_begin": "off", "reads": "any"}`,
	)
}

func TestReadsHaveWhereToGo(t *testing.T) {
	const primary = `"upstream": [{"address": "a:1", "role": "primary"}]`
	refused(t, map[string]string{
		`{"reads": "replicas"}`:                 `pools.app.reads: is "replicas", but must be one of prefer_replica, replica, primary, any; did you mean replica?`,
		`{"reads": "replica", ` + primary + `}`: "pools.app.reads: is replica, but every upstream is declared the primary, so reads could go nowhere; add a replica, write `role auto`, or `reads prefer_replica`",
		`{"read_your_writes": "yes"}`:           `pools.app.read_your_writes: is "yes", but must be one of on, off`,
		`{"max_replica_lag": "-1s"}`:            "pools.app.max_replica_lag: is -1s, but a time cannot be negative; 0 means that a replica may be as late as it likes",
		`{"lb_slow_start": "-1s"}`:              "pools.app.lb_slow_start: is -1s",
	})
	accepted(t,
		`{"reads": "replica"}`, `{"reads": "any", `+primary+`}`, `{"max_replica_lag": 0}`, `{"lb_slow_start": "30s"}`,
		`{"reads": "replica", "dynamic_upstreams": [{"source": "srv"}], `+primary+`}`,
		`{"read_your_writes": "off"}`,
	)
}

func TestHealthIsWithinBounds(t *testing.T) {
	refused(t, map[string]string{
		`{"health_interval": "-1s"}`:                  `pools.app.health_interval: is -1s, but a time cannot be negative; 0 means never`,
		`{"health_interval": "1ms"}`:                  `pools.app.health_interval: is 1ms, but must be at least 10ms; 0 means never`,
		`{"health_timeout": 0}`:                       `pools.app.health_timeout: is 0s, but must be at least 1ms`,
		`{"health_passes": 0}`:                        `pools.app.health_passes: is 0, but must be 1 to 100`,
		`{"health_fails": 101}`:                       `pools.app.health_fails: is 101, but must be 1 to 100`,
		`{"health_user": {"name": ""}}`:               "pools.app.health_user: has no name; write `health_user <name> <secret>`",
		`{"circuit_breaker": {"fails": -1}}`:          `pools.app.circuit_breaker.fails: is -1, but must be 0 to 1000; 0 means that it never opens`,
		`{"circuit_breaker": {"open": 0}}`:            `pools.app.circuit_breaker.open: is 0s, but must be at least 1ms`,
		`{"upstream":[{"address":"a:1","weight":0}]}`: `pools.app.upstream.0.weight: is 0, but must be 1 to 1000`,
	})
	accepted(t,
		`{"health_interval": 0}`, `{"health_interval": "100ms", "health_timeout": "5s", "health_passes": 3, "health_fails": 1}`,
		`{"health_user": {"name": "probe"}, "health_database": "app"}`,
		`{"circuit_breaker": {"fails": 0}}`, `{"circuit_breaker": {"fails": 1, "open": "1s"}}`, `{"circuit_breaker": {}}`,
		`{"upstream":[{"address":"a:1","weight":1000}]}`,
	)
}

func TestGuestsAreNamed(t *testing.T) {
	refused(t, map[string]string{
		`{"lb_policy": {}}`:       "pools.app.lb_policy: does not say which; it is an object with the name in \"policy\", and in a Caddyfile a line like `lb_policy least_conn`",
		`{"lb_policy": "random"}`: "pools.app.lb_policy: does not say which",
		`{"dynamic_upstreams": [{"source": "a"}, {"name": "x"}]}`: "pools.app.dynamic_upstreams.1: does not say which",
		`{"dynamic_upstreams": [{"source": 7}]}`:                  "pools.app.dynamic_upstreams.0: does not say which",
	})
	accepted(t, `{"lb_policy": {"policy": "anything", "of": "its own"}}`, `{"dynamic_upstreams": [{"source": "anything"}], "upstream": []}`)
}

func TestFoundUpstreamsAreChecked(t *testing.T) {
	weight := 2000
	for says, u := range map[string]*Upstream{
		"add the port: db:5432":              {Address: "db"},
		"placeholders are not resolved here": {Address: "{env.X}:5432"},
		"but must be one of auto, primary":   {Address: "db:1", Role: "leader"},
		"weight: is 2000, but must be 1 to":  {Address: "db:1", Weight: &weight},
		"has no address; write host:port":    {},
	} {
		if err := CheckUpstream(u); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %s", u, err, says)
		}
	}
	if err := CheckUpstream(&Upstream{Address: "10.0.0.1:5432"}); err != nil {
		t.Error(err)
	}
}

func TestTooManyUpstreamsAreRefused(t *testing.T) {
	var list []string
	for i := range MaxUpstreams + 1 {
		list = append(list, fmt.Sprintf(`{"address": "db%d:5432"}`, i))
	}
	refused(t, map[string]string{
		`{"upstream": [` + strings.Join(list, ",") + `]}`: "pools.app.upstream: has 1001 addresses, but must have 1000 at most; make several pools of it",
	})
	accepted(t, `{"upstream": [`+strings.Join(list[:MaxUpstreams], ",")+`]}`)
}
