package config

import (
	"encoding/json"
	"testing"
)

func TestSizesFitIntoEachOther(t *testing.T) {
	refused(t, map[string]string{
		`{"pool_size": 0}`:                             "pools.app.pool_size: is 0, but must be at least 1; it is the number of servers for one database and user; or write auto",
		`{"pool_size": -1}`:                            "at least 1",
		`{"min_pool_size": -1}`:                        "pools.app.min_pool_size: is -1, but must be at least 0",
		`{"min_pool_size": 21}`:                        "is 21, but pool_size is 20; raise pool_size, or keep fewer",
		`{"pool_size": 5, "min_pool_size": 6}`:         "is 6, but pool_size is 5",
		`{"pool_size": "auto", "min_pool_size": 1001}`: "is 1001, but max_server_connections is 1000 for all databases and users",
		`{"pool_size": 9, "min_pool_size": 9, "max_server_connections": 8}`:      "is 9, but max_server_connections is 8",
		`{"pool_size": "auto", "min_pool_size": 9, "max_server_connections": 8}`: "is 9, but max_server_connections is 8",
		`{"reserve_pool_size": -1}`:       "0 means no reserve",
		`{"reserve_pool_timeout": "-1s"}`: "0 means at once",
	})
	accepted(t,
		`{"pool_size": 1, "min_pool_size": 1}`,
		`{"pool_size": 20, "min_pool_size": 0}`,
		`{"min_pool_size": 20}`,
		`{"pool_size": "auto", "min_pool_size": 1000}`,
		`{"pool_size": "auto", "min_pool_size": 5000, "max_server_connections": 0}`,
		`{"reserve_pool_size": 0, "reserve_pool_timeout": 0}`,
	)
}

func TestLimitsAndTimeoutsHaveNoNegatives(t *testing.T) {
	for _, name := range []string{
		"max_client_connections", "max_user_client_connections", "max_address_client_connections", "max_waiting_clients",
	} {
		refused(t, map[string]string{`{"` + name + `": -1}`: "pools.app." + name + ": is -1, but must be at least 0; 0 means no bound of its own"})
		accepted(t, `{"`+name+`": 0}`)
	}
	for name, zero := range map[string]string{
		"query_timeout": "no bound", "transaction_timeout": "no bound", "idle_transaction_timeout": "no bound",
		"client_idle_timeout": "no bound", "server_check_interval": "never", "slow_query": "that none is slow",
	} {
		refused(t, map[string]string{`{"` + name + `": "-1ms"}`: "pools.app." + name + ": is -1ms, but a time cannot be negative; 0 means " + zero})
		accepted(t, `{"`+name+`": 0}`, `{"`+name+`": "1ms"}`)
	}
}

func TestResetAlwaysNeedsAQuery(t *testing.T) {
	refused(t, map[string]string{
		`{"server_reset": "allways"}`:                          "did you mean always?",
		`{"server_reset": "always", "server_reset_query": ""}`: "pools.app.server_reset: is always, but server_reset_query is empty",
	})
	accepted(t, `{"server_reset": "always"}`, `{"server_reset": "dirty", "server_reset_query": ""}`, `{"server_reset": "never"}`)
}

func TestPoolSizeIsANumberOrAutoInJSON(t *testing.T) {
	for text, want := range map[string]PoolSize{`5`: 5, `"auto"`: AutoPoolSize} {
		var got PoolSize
		must(t, json.Unmarshal([]byte(text), &got))
		back, err := json.Marshal(got)
		must(t, err)
		if got != want || string(back) != text {
			t.Errorf("%s is %d, and %s again", text, got, back)
		}
	}
	for _, text := range []string{`"5"`, `1.5`, `true`, `[]`} {
		if err := json.Unmarshal([]byte(text), new(PoolSize)); err == nil {
			t.Errorf("%s is a pool_size", text)
		}
	}
}
