package console

import (
	"maps"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

var userColumns = columns{"ssssiiii", []string{
	"name", "pool_size", "reserve_pool_size", "pool_mode", "max_user_connections", "current_connections", "max_user_client_connections",
	"current_client_connections",
}}

// showUsers has a row for each user that logs in to servers. Sizes and modes of a user's own are not here: they are a pool's.
func (s *session) showUsers(t *table) error {
	snapshot, err := s.world.Snapshot()
	if err != nil {
		return err
	}
	pools := s.world.Pools()
	users := usersOf(pools, snapshot.Pools)
	for _, name := range slices.Sorted(maps.Keys(users)) {
		t.add(name, "", "", nil, 0, users[name].servers, mostClients(pools), users[name].clients)
	}
	return nil
}

// usersOf is every user that is known, with its connections over all pools.
func usersOf(pools []Pool, used []engine.PoolStats) map[string]connected {
	out := make(map[string]connected)
	for _, p := range pools {
		if p.ForceUser != "" {
			out[p.ForceUser] = connected{}
		}
	}
	for i := range used {
		c := out[used[i].User]
		out[used[i].User] = connected{c.clients + clientsOf(&used[i]), c.servers + serversOf(&used[i])}
	}
	return out
}

// mostClients is max_user_client_connections where all pools have the same; 0, which is no bound, where they differ.
func mostClients(pools []Pool) int {
	if len(pools) == 0 {
		return 0
	}
	n := pools[0].MaxUserClientConnections
	for _, p := range pools {
		if p.MaxUserClientConnections != n {
			return 0
		}
	}
	return n
}
