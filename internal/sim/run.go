package sim

import (
	"fmt"

	"github.com/pgmux/caddy-pgmux/internal/engine"
	"github.com/pgmux/caddy-pgmux/internal/loop"
)

// Run is a scenario under way.
type Run struct {
	*World
	Scenario
	Engine   *engine.Engine
	declared []*declared
	host     *Host
	drivers  []*Driver
	doomed   []crashPoint // by shard
	crashed  int          // how often one has
	down     []bool       // shards that have crashed and not come back
	// reckoning: the world has ended but for the reckoning; nothing goes wrong or changes any more.
	reckoning bool
	steps     int
	watch     watch
}

// capacity is how many connections a loop can hold.
const capacity = 4096

// Begin sets a scenario up: the engine, its loops, and clients that arrive in the first milliseconds.
func (w *World) Begin(s Scenario) *Run {
	r := &Run{World: w, Scenario: s, watch: newWatch()}
	r.host = &Host{w: w, run: r, weather: s.Weather, ups: map[string]*Upstream{}, connecting: map[key]int{}, dialing: map[place]int{}, joining: map[part]int{}, probing: map[string]*probing{}}
	w.weather, w.caching = s.Weather, s.Caching
	w.registers.forgetful = s.Crashes > 0
	for _, p := range s.Config.Pools {
		w.scarce = w.scarce || p.QueryWaitTimeout > 0 || s.Upsets > 0
		r.declared = append(r.declared, newDeclared(p))
	}
	for i := range addresses {
		r.host.ups[address(i)] = &Upstream{address: address(i), backends: map[uint32]*Backend{}}
	}
	if s.Replicas > 0 {
		r.replicate()
	}
	r.Engine = engine.New(s.Shards, r.host)
	r.host.engine = r.Engine
	r.doomed, r.down = make([]crashPoint, s.Shards), make([]bool, s.Shards)
	for i := range s.Shards {
		d := w.NewDriver(i, capacity, false)
		r.drivers = append(r.drivers, d)
		r.Engine.Shard(i).Bind(d)
	}
	r.apply()
	for _, d := range r.declared {
		if d.splits {
			r.probe(d)
		}
	}
	for range s.Clients {
		r.arrive(r.declared[r.random.IntN(len(r.declared))])
	}
	for range s.Reloads {
		r.After(int64(r.random.IntN(int(60*Millisecond))), r.reload)
	}
	for range s.Crashes {
		r.After(int64(r.random.IntN(int(60*Millisecond))), r.doom)
	}
	for range s.Upsets {
		r.After(int64(r.random.IntN(int(60*Millisecond))), r.upset)
	}
	if s.Sharing {
		r.others()
	}
	if s.Leaves {
		r.After(int64(r.random.IntN(int(60*Millisecond))), func() {
			if !r.reckoning {
				r.drain()
			}
		})
	}
	r.host.deaths()
	w.Note("%+v", s)
	return r
}

// arrive lets a client come, for that pool.
func (r *Run) arrive(d *declared) {
	c := &Client{w: r.World, id: len(r.clients), declared: d, engine: r.Engine, depth: r.Between(1, r.Pipelined), slow: r.Chance(0.15)}
	if r.Chance(0.3) {
		c.priority = engine.Priority(r.random.IntN(3))
	}
	c.key = key{d.config.Name, "db", fmt.Sprintf("user%d", r.random.IntN(r.Users))}
	c.program = &program{c: c, left: r.Between(1, r.Batches), statements: d.statements, moody: r.Chance(0.4), hasty: r.Chance(0.1), listens: r.Chance(r.Listening), prepares: r.Chance(r.Preparing)}
	if d.config.Mode == engine.Session && r.Chance(0.2) {
		c.replication = "database"
	}
	if r.Chance(r.Startup) {
		for range 1 + r.random.IntN(2) {
			c.startup = append(c.startup, []engine.Setting{{Name: "application_name", Value: "app"}, {Name: "work_mem", Value: "64MB"},
				{Name: "search_path", Value: "it's, \"mine\""}, {Name: "datestyle", Value: "ISO, DMY"}, {Name: "datestyle", Value: "iso, dmy"},
				{Name: "work_mem", Value: "65536kB"}, {Name: "app.tenant", Value: `back\slash`}}[r.random.IntN(7)])
		}
	}
	if c.program.splits = d.splits; d.splits {
		c.program.left, c.program.moody = r.Batches/2+r.Between(1, r.Batches/2), r.Chance(0.1)
	}
	if r.Caching {
		c.program.caches, c.program.named, c.program.noise = true, map[int]bool{}, r.Noise
		c.program.left = r.Batches/2 + r.Between(1, r.Batches/2)
	}
	r.clients = append(r.clients, c)
	r.After(int64(r.random.IntN(int(20*Millisecond))), c.connect)
}

// Step does the next thing, and checks the rules. It reports whether there is anything left to do.
func (r *Run) Step() bool {
	r.steps++
	var ready []int
	for i, d := range r.drivers {
		if s := r.Engine.Shard(i); r.runs(i) && (d.busy() || s.Deadline() <= r.now) {
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
		if s := r.Engine.Shard(i); r.runs(i) && s.Deadline() > r.now {
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

// runs reports whether a shard has a loop that drives it.
func (r *Run) runs(i int) bool { return !r.down[i] && !r.Engine.Shard(i).Stopped() }

// pass is one turn of a loop.
func (r *Run) pass(i int) {
	r.turn++
	defer func() {
		if p := recover(); p != nil {
			if _, planned := p.(crash); !planned {
				panic(p)
			}
			r.crash(i)
		}
		for _, f := range r.turnEnds {
			f()
		}
		r.turnEnds = r.turnEnds[:0]
	}()
	r.take(i)
}

func (r *Run) take(i int) {
	d, core := r.drivers[i], r.Engine.Shard(i)
	r.meet(i, inWait)
	events, now := d.Wait(core.Deadline())
	defer func() { loop.Untaken(events, r.host.CloseFD) }()
	r.meet(i, inTick)
	r.host.tripping = r.doomed[i] == inHost
	core.Tick(now)
	some := r.random.IntN(len(events) + 1)
	for j := range events {
		if j == some {
			r.meet(i, amidEvents)
		}
		core.Step(&events[j])
	}
	r.host.tripping = false
	r.meet(i, beforeOps)
	d.Submit(core.Ops())
}

// horizon is how long a run may take, in virtual time, before somebody must be stuck.
const horizon = 120 * Second

// maxSteps bounds a run: one that takes more goes round in circles.
const maxSteps = 2_000_000

// Finish runs until every client has left, then lets the engine drain; after it nothing may be left.
func (r *Run) Finish() {
	limit := r.now + horizon
	for over := false; !over; over = r.clientsGone() { // a pool that is declared again brings new ones
		if !r.until(limit, r.clientsGone) {
			r.stuck()
			return
		}
		r.Note("all clients have left")
		if !r.until(r.now+40*Second, r.settled) {
			r.leftovers()
			return
		}
	}
	if !r.draining && (r.Crashes > 0 || r.Chance(0.2)) && !r.reckon() {
		return
	}
	drained := r.drain()
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
	for _, c := range r.clients {
		c.checkExecutions()
	}
	r.until(r.now+Second, func() bool { return len(r.ends) == 0 })
	for fd, e := range r.ends {
		r.Violate("rule 9: descriptor %d is left open, attached: %v", fd, e.changed != nil)
	}
}

// drain tells the pooler to end.
func (r *Run) drain() <-chan struct{} {
	r.Note("the pooler is told to end")
	r.draining = true
	return r.Engine.Drain()
}

// until steps until the condition holds or the time is over; false if it does not hold.
func (r *Run) until(limit int64, met func() bool) bool {
	for r.broken == "" && !met() {
		if r.now > limit || !r.Step() {
			return met()
		}
		if r.steps == maxSteps {
			r.Violate("the world goes round in circles")
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
