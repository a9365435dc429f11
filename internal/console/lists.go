package console

// showLists has how many there are of each thing. Connections that are kept for reuse, and a cache of names, are not here.
func (s *session) showLists(t *table) error {
	v, err := s.look()
	if err != nil {
		return err
	}
	clients, servers := s.world.Sessions(), 0
	for i := range v.Pools {
		clients += clientsOf(&v.Pools[i])
		servers += serversOf(&v.Pools[i])
	}
	for _, list := range []struct {
		name  string
		items int
	}{
		{"databases", 1 + len(v.all)},
		{"users", len(usersOf(v.pools, v.Pools))},
		{"peers", 0},
		{"pools", 1 + len(v.Pools)},
		{"peer_pools", 0},
		{"free_clients", 0},
		{"used_clients", clients},
		{"login_clients", s.world.LoggingIn()},
		{"free_servers", 0},
		{"used_servers", servers},
		{"dns_names", 0},
		{"dns_zones", 0},
		{"dns_queries", 0},
		{"dns_pending", 0},
	} {
		t.add(list.name, list.items)
	}
	return nil
}
