package sim

import (
	"fmt"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Scenario is what a run is about. Plan draws one from a seed; a test may set what it is interested in.
type Scenario struct {
	Shards, Clients, Batches int
	Users                    int
	Config                   engine.Config
	Weather                  Weather
	// Startup is the chance that a client logs in with settings of its own.
	Startup float64
	// Pipelined is the largest number of batches a client has under way.
	Pipelined int
	// Reloads is how often the configuration changes.
	Reloads int
}

// Calm is a scenario in which nothing goes wrong: every answer must be Postgres's.
func (w *World) Calm() Scenario {
	pool := engine.PoolConfig{
		Name:                  "app",
		Mode:                  []engine.Mode{engine.Transaction, engine.Transaction, engine.Transaction, engine.Session, engine.Statement}[w.random.IntN(5)],
		PoolSize:              w.Between(1, 5),
		ServerConnectTimeout:  5 * time.Second,
		ServerLoginRetry:      time.Millisecond,
		ServerIdleTimeout:     []time.Duration{0, 50 * time.Millisecond, 10 * time.Minute}[w.random.IntN(3)],
		ServerLifetime:        []time.Duration{0, 0, 20 * time.Millisecond}[w.random.IntN(3)],
		ServerResetQuery:      []string{"DISCARD ALL", "DISCARD ALL", ""}[w.random.IntN(3)],
		FIFO:                  w.Chance(0.3),
		MaxPreparedStatements: []int{0, 2, 3, 1000, 1000}[w.random.IntN(5)],
	}
	for i := range w.Between(1, 2) {
		pool.Upstreams = append(pool.Upstreams, engine.Upstream{Address: fmt.Sprintf("db%d:5432", i)})
	}
	s := Scenario{Shards: w.Between(1, 3), Clients: w.Between(2, 25), Batches: w.Between(3, 25), Users: w.Between(1, 3),
		Startup: []float64{0, 0.5}[w.random.IntN(2)], Pipelined: w.Between(1, 4)}
	if w.Chance(0.3) {
		pool.MaxServerConnections = w.Between(s.Users, 6)
	}
	if w.Chance(0.3) {
		s.Reloads = w.Between(1, 4)
	}
	s.Config = engine.Config{DrainTimeout: time.Second, Pools: []engine.PoolConfig{pool}}
	return s
}

// Stormy is a scenario in which everything goes wrong from time to time.
func (w *World) Stormy() Scenario {
	s := w.Calm()
	chance := func(most float64) float64 {
		if w.Chance(0.4) {
			return 0
		}
		return most * w.random.Float64()
	}
	s.Weather = Weather{DialFails: chance(0.3), DialSlow: chance(0.05), Death: chance(0.05), Cancels: chance(0.3),
		LostCancels: chance(0.2), Vanish: chance(0.05)}
	if w.Chance(0.3) {
		s.Config.Pools[0].QueryWaitTimeout = time.Duration(w.Between(1, 40)) * time.Millisecond
	}
	if w.Chance(0.2) {
		s.Config.Pools[0].MaxWaitingClients = w.Between(1, 10)
	}
	if w.Chance(0.2) {
		s.Config.MaxClientConnections = w.Between(1, s.Clients)
	}
	return s
}

// Run is a scenario under way.
type Run struct {
	*World
	Scenario
	Engine  *engine.Engine
	host    *Host
	drivers []*Driver
	steps   int
	watch   watch
}

// Begin sets a scenario up: the engine, its loops, and clients that arrive in the first milliseconds.
func (w *World) Begin(s Scenario) *Run {
	r := &Run{World: w, Scenario: s}
	r.host = &Host{w: w, weather: s.Weather, ups: map[string]*Upstream{}, connecting: map[key]int{}, dialing: map[string]int{}}
	w.weather = s.Weather
	for _, p := range s.Config.Pools {
		w.limited = w.limited || p.MaxClientConnections > 0 || p.MaxWaitingClients > 0
		w.scarce = w.scarce || p.QueryWaitTimeout > 0
		for _, u := range p.Upstreams {
			r.host.ups[u.Address] = &Upstream{address: u.Address, backends: map[uint32]*Backend{}}
		}
	}
	w.limited = w.limited || s.Config.MaxClientConnections > 0
	r.Engine = engine.New(s.Shards, r.host)
	r.host.engine = r.Engine
	for i := range s.Shards {
		d := w.NewDriver(i, 4096, false)
		r.drivers = append(r.drivers, d)
		r.Engine.Shard(i).Bind(d)
	}
	r.Engine.Apply(&r.Config)
	for i := range s.Clients {
		r.arrive(i)
	}
	for range s.Reloads {
		r.After(int64(r.random.IntN(int(60*Millisecond))), r.reload)
	}
	r.host.deaths()
	w.Note("%+v", s)
	return r
}

// arrive lets a client come.
func (r *Run) arrive(i int) {
	c := &Client{w: r.World, id: i, engine: r.Engine, depth: r.Between(1, r.Pipelined), slow: r.Chance(0.15)}
	c.key = key{r.Config.Pools[0].Name, "db", fmt.Sprintf("user%d", r.random.IntN(r.Users))}
	c.program = &program{c: c, left: r.Between(1, r.Batches), statements: r.Config.Pools[0].Mode == engine.Statement}
	if r.Chance(r.Startup) {
		for range 1 + r.random.IntN(2) {
			c.startup = append(c.startup, []engine.Setting{{Name: "application_name", Value: "app"}, {Name: "work_mem", Value: "64MB"},
				{Name: "search_path", Value: "it's, \"mine\""}, {Name: "datestyle", Value: "ISO, DMY"}}[r.random.IntN(4)])
		}
	}
	r.clients = append(r.clients, c)
	r.After(int64(r.random.IntN(int(20*Millisecond))), c.connect)
}

// reload changes sizes and times, as somebody who tunes would.
func (r *Run) reload() {
	p := r.Config.Pools[0]
	p.PoolSize = r.Between(1, 6)
	p.FIFO = r.Chance(0.5)
	if p.MaxPreparedStatements > 0 {
		p.MaxPreparedStatements = r.Between(1, 20)
	}
	if p.MaxServerConnections > 0 {
		p.MaxServerConnections = r.Between(r.Users, 6)
	}
	r.Config.Pools = []engine.PoolConfig{p}
	changed := r.Config
	r.Note("reload: %+v", p)
	r.Engine.Apply(&changed)
}

// Step does the next thing, and checks the rules. It reports whether there is anything left to do.
func (r *Run) Step() bool {
	r.steps++
	var ready []int
	for i, d := range r.drivers {
		if s := r.Engine.Shard(i); !s.Stopped() && (d.busy() || s.Deadline() <= r.now) {
			ready = append(ready, i)
		}
	}
	if len(ready) > 0 && !r.Chance(0.3) {
		r.pass(ready[r.random.IntN(len(ready))])
		r.check()
		return true
	}
	next := loop.Never
	if len(ready) > 0 {
		next = r.now + int64(r.random.IntN(int(50*Microsecond)))
	}
	for i := range r.drivers {
		if s := r.Engine.Shard(i); !s.Stopped() && s.Deadline() > r.now {
			next = min(next, s.Deadline())
		}
	}
	if next == loop.Never && len(r.agenda) == 0 {
		return false
	}
	r.advance(next)
	r.check()
	return true
}

// pass is one turn of a loop.
func (r *Run) pass(i int) {
	r.turn++
	d, core := r.drivers[i], r.Engine.Shard(i)
	events, now := d.Wait(core.Deadline())
	core.Tick(now)
	for j := range events {
		core.Step(&events[j])
	}
	d.Submit(core.Ops())
	for _, f := range r.turnEnds {
		f()
	}
	r.turnEnds = r.turnEnds[:0]
}

// horizon is how long a run may take, in virtual time, before somebody must be stuck.
const horizon = 120 * Second

// Finish runs until every client has left, then lets the engine drain; after it nothing may be left.
func (r *Run) Finish() {
	limit := r.now + horizon
	if !r.until(limit, r.clientsGone) {
		r.stuck()
		return
	}
	r.Note("all clients have left")
	if !r.until(r.now+40*Second, r.settled) {
		r.leftovers()
		return
	}
	r.draining = true
	drained := r.Engine.Drain()
	stopped := func() bool {
		for i := range r.drivers {
			if !r.Engine.Shard(i).Stopped() {
				return false
			}
		}
		return true
	}
	if !r.until(r.now+10*Second, stopped) {
		r.Violate("the engine does not stop after Drain")
		return
	}
	select {
	case <-drained:
	default:
		r.Violate("the loops have stopped, and Drain's channel is open")
	}
	r.until(r.now+Second, func() bool { return len(r.ends) == 0 })
	for fd, e := range r.ends {
		r.Violate("rule 9: descriptor %d is left open, attached: %v", fd, e.changed != nil)
	}
}

// until steps until the condition holds or the time is over; false if it does not hold.
func (r *Run) until(limit int64, met func() bool) bool {
	for r.broken == "" && !met() {
		if r.now > limit || !r.Step() {
			return met()
		}
	}
	return r.broken == ""
}

func (r *Run) clientsGone() bool {
	for _, c := range r.clients {
		if !c.gone {
			return false
		}
	}
	return true
}
