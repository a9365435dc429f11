package sim

import (
	"fmt"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// Scenario is what a run is about. Plan draws one from a seed; a test may set what it is interested in.
type Scenario struct {
	Shards, Clients, Batches int
	Users                    int
	Config                   engine.Config
	Weather                  Weather
	// Startup is the chance that a client logs in with settings of its own.
	Startup float64
	// Listening is the chance that a client listens and notifies.
	Listening float64
	// Preparing is the chance that a client prepares in SQL.
	Preparing float64
	// Pipelined is the largest number of batches a client has under way.
	Pipelined int
	// Reloads is how often the configuration changes; Crashes how often a shard meets a bug.
	Reloads, Crashes int
	// Leaves: the pooler is told to end while clients are there.
	Leaves bool
	// Replicas is how many replicas the first upstream has; Fault what is wrong with how the pooler is told of that.
	Replicas int
	Fault    Fault
	// Caching: pools have query caches, and clients read what others write.
	Caching bool
	// Sharing: these share with other processes, which write as well.
	Sharing bool
	// Noise is how often they do anything else.
	Noise float64
	// Upsets is how often something happens to one of these servers.
	Upsets int
}

// Calm is a scenario in which nothing goes wrong: every answer must be Postgres's, but for what the configuration forbids.
func (w *World) Calm() Scenario {
	s := Scenario{Shards: w.Between(1, 3), Clients: w.Between(2, 25), Batches: w.Between(3, 25), Users: w.Between(1, 3),
		Startup: []float64{0, 0.5}[w.random.IntN(2)], Pipelined: w.Between(1, 4),
		Listening: []float64{0, 0, 0.3, 1}[w.random.IntN(4)], Preparing: []float64{0, 0, 0.5, 1}[w.random.IntN(4)]}
	s.Config.DrainTimeout = []time.Duration{time.Second, 20 * time.Millisecond, 2 * time.Millisecond}[w.random.IntN(3)]
	for i := range []int{1, 1, 2, 3}[w.random.IntN(4)] {
		s.Config.Pools = append(s.Config.Pools, w.pool(fmt.Sprintf("app%d", i), s.Users))
	}
	if w.Chance(0.4) {
		s.Reloads = w.Between(1, 6)
	}
	if w.Chance(0.1) {
		s.Config.MaxClientConnections = w.Between(1, s.Clients)
	}
	return s
}

// pool is a declared pool.
func (w *World) pool(name string, users int) engine.PoolConfig {
	p := engine.PoolConfig{
		Name:                  name,
		Mode:                  []engine.Mode{engine.Transaction, engine.Transaction, engine.Transaction, engine.Session, engine.Statement}[w.random.IntN(5)],
		PoolSize:              w.Between(1, 5),
		ServerConnectTimeout:  5 * time.Second,
		ServerLoginRetry:      time.Millisecond,
		ServerIdleTimeout:     []time.Duration{0, 50 * time.Millisecond, 10 * time.Minute}[w.random.IntN(3)],
		ServerLifetime:        []time.Duration{0, 0, 20 * time.Millisecond}[w.random.IntN(3)],
		ServerResetQuery:      []string{"DISCARD ALL", "DISCARD ALL", ""}[w.random.IntN(3)],
		FIFO:                  w.Chance(0.3),
		MaxPreparedStatements: []int{0, 2, 3, 1000, 1000}[w.random.IntN(5)],
		Track:                 [][]string{nil, nil, nil, {}, {"work_mem", "timezone"}}[w.random.IntN(5)],
	}
	p.HiddenState = w.Chance(0.3)
	if w.Chance(0.3) {
		p.MaxServerConnections = w.Between(users, 6)
	}
	w.lives(&p)
	if w.Chance(0.1) {
		p.MaxClientConnections = w.Between(1, 8)
	}
	if w.Chance(0.1) {
		p.MaxWaitingClients = w.Between(1, 10)
	}
	if w.Chance(0.1) {
		p.MaxUserClientConnections = w.Between(1, 8)
	}
	if w.Chance(0.1) {
		p.MaxAddressClientConnections = w.Between(1, 8)
	}
	if w.Chance(0.25) {
		w.timeouts(&p)
	}
	for i := range w.Between(1, 3) {
		p.Upstreams = append(p.Upstreams, w.upstream(i, users))
	}
	return p
}

// timeouts gives the clients of a pool so little time that some run out of it.
func (w *World) timeouts(p *engine.PoolConfig) {
	some := func(least, most int) time.Duration {
		if w.Chance(0.4) {
			return 0
		}
		return time.Duration(w.Between(least, most)) * time.Millisecond
	}
	p.QueryTimeout, p.TransactionTimeout = some(1, 15), some(5, 60)
	p.IdleTransactionTimeout, p.ClientIdleTimeout = some(1, 10), some(1, 30)
}

// lives sets how servers live.
func (w *World) lives(p *engine.PoolConfig) {
	if w.Chance(0.3) {
		p.MinPoolSize = w.Between(0, p.PoolSize)
	}
	p.ReservePoolSize, p.ReservePoolTimeout = 0, 0
	if w.Chance(0.3) {
		p.ReservePoolSize, p.ReservePoolTimeout = w.Between(0, 3), time.Duration(w.Between(1, 20))*time.Millisecond
	}
	p.AutoSize = w.Chance(0.1)
	p.ServerCheckInterval, p.ServerCheckQuery = 0, ""
	if w.Chance(0.3) {
		p.ServerCheckInterval = time.Duration(w.Between(1, 10_000)) * time.Microsecond
		p.ServerCheckQuery = []string{"", "SELECT 1"}[w.random.IntN(2)]
	}
	p.ServerReset = []engine.Reset{engine.ResetDirty, engine.ResetDirty, engine.ResetAlways, engine.ResetNever}[w.random.IntN(4)]
}

// upstream is one of a pool's. A limit of its own lets every user of the pool have a server.
func (w *World) upstream(i, users int) engine.Upstream {
	u := engine.Upstream{Address: address(i)}
	if w.Chance(0.2) {
		u.MaxServerConnections = w.Between(users, 5)
	}
	if w.Chance(0.2) {
		u.Role = []engine.Role{engine.RolePrimary, engine.RoleReplica}[w.random.IntN(2)]
	}
	return u
}

// addresses is how many upstreams there are in the world.
const addresses = 4

func address(i int) string { return fmt.Sprintf("db%d:5432", i) }

// Stormy is a scenario in which everything goes wrong from time to time.
func (w *World) Stormy() Scenario {
	s := w.Calm()
	s.Weather = w.storm()
	if w.Chance(0.3) {
		s.Config.Pools[0].QueryWaitTimeout = time.Duration(w.Between(1, 40)) * time.Millisecond
	}
	s.Leaves = w.Chance(0.1)
	return s
}

// storm is a weather in which all goes wrong from time to time, or some of it.
func (w *World) storm() Weather {
	chance := func(most float64) float64 {
		if w.Chance(0.4) {
			return 0
		}
		return most * w.random.Float64()
	}
	return Weather{DialFails: chance(0.3), DialSlow: chance(0.05), Death: chance(0.05), Cancels: chance(0.3),
		LostCancels: chance(0.2), Vanish: chance(0.05)}
}

// Crashing is a scenario in which shards meet bugs, in whatever weather.
func (w *World) Crashing() Scenario {
	s := w.Stormy()
	if w.Chance(0.5) {
		s = w.Calm()
	}
	s.Crashes = w.Between(1, 4)
	s.Leaves = s.Leaves || w.Chance(0.2)
	return s
}
