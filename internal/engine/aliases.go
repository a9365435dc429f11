package engine

// An alias is the name that clients ask for where their servers are asked for another one (PoolConfig.ServerDatabase).
//
//  1. To clients, and in limits, figures and the log, a pool is that of the name they ask for.
//  2. What is true of a database itself goes by the name that its servers know: what has been written in it, its change stream, its catalog,
//     its LISTENs. So two aliases of one database, or an alias and the name itself, in whatever pools, share all of that, and a write by one
//     ends what is cached for the other.
//  3. The servers of a (pool, database, user) are all of one database. It is settled when the first client comes, and as long as there are
//     clients or servers; a configuration that says otherwise meanwhile is not taken (Moves).

// databaseFor is what the servers of a pool are asked for.
func (c *PoolConfig) databaseFor(k poolKey) string {
	if c.ServerDatabase != "" {
		return c.ServerDatabase
	}
	return k.database
}

// Move is a pool that is in use with the servers of one database, and would be with those of another.
type Move struct{ Pool, Database, From, To string }

// Moves is the first pool of a configuration that would be moved; nil if none would. It is to be asked before Apply.
func (e *Engine) Moves(c *Config) *Move {
	declared := make(map[string]*PoolConfig, len(c.Pools))
	for i := range c.Pools {
		declared[c.Pools[i].Name] = &c.Pools[i]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, p := range e.pools {
		if next := declared[k.pool]; next != nil && next.databaseFor(k) != p.serverDatabase {
			return &Move{Pool: k.pool, Database: k.database, From: p.serverDatabase, To: next.databaseFor(k)}
		}
	}
	return nil
}
