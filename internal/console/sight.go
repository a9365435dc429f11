package console

import "github.com/pgmux/caddy-pgmux/internal/engine"

// sight is what tables are made of: the world at about one moment.
type sight struct {
	engine.Snapshot
	pools    []Pool
	standing map[place]engine.Standing
	*places
}

// look asks the world.
func (s *session) look() (*sight, error) {
	snapshot, err := s.world.Snapshot()
	if err != nil {
		return nil, err
	}
	v := &sight{Snapshot: snapshot, pools: s.world.Pools(), standing: map[place]engine.Standing{}, places: newPlaces()}
	for _, st := range s.world.Standing() {
		v.standing[place{st.Pool, st.Database}] = st
	}
	for i := range v.pools {
		v.addNamed(&v.pools[i])
	}
	v.addUsed(snapshot.Pools)
	v.addOrdered()
	return v, nil
}

// addOrdered adds the databases for which something stands, used or not: somebody may want to resume them. An order for a database is one for
// all pools, those that do not have it too.
func (v *sight) addOrdered() {
	pools := poolsByName(v.pools)
	for at := range v.standing {
		if p := pools[at.pool]; p != nil && at.database != "" && p.Accepts(at.database) {
			v.add(at)
		}
	}
}

// stands is what was ordered of a database of a pool: for itself, or for the pool.
func (v *sight) stands(at place) engine.Standing {
	if own, ok := v.standing[at]; ok {
		return own
	}
	return v.standing[place{pool: at.pool}]
}
