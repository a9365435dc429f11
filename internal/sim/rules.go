package sim

import (
	"fmt"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// check checks the rules that hold at every instant, after every step. Those about single messages are checked where
// the messages pass: by taps, clients and backends.
func (r *Run) check() {
	r.checkLimits()
	r.checkIdle()
}

// watch is what the checks remember from one step to the next.
type watch struct {
	levels, spare levels
	census        uint64 // the world's, when they were taken
	// both is for how many figures in a row a pool had somebody waiting and a server idle.
	figures <-chan func() engine.Snapshot
	next    int
	both    map[key]int
	// waiting is how many waited in the last figures, and over in how many in a row there were too many.
	waiting, over map[key]int
	// limits is max_waiting_clients at the last figures.
	limits map[key]int
}

func newWatch() watch {
	return watch{levels: newLevels(), spare: newLevels(), both: map[key]int{}, waiting: map[key]int{}, over: map[key]int{}, limits: map[key]int{}}
}

const (
	// figuresEvery is after how many steps the engine is asked for figures.
	figuresEvery = 40
	// bothAtMost is how many figures in a row may show a pool with somebody waiting and a server idle: what is
	// promised is that the two come together in a bounded number of turns.
	bothAtMost = 25
)

// checkIdle checks that no client waits, on whatever shard, while a server of its pool idles.
func (r *Run) checkIdle() {
	if r.draining {
		return
	}
	if r.watch.figures == nil {
		if r.steps >= r.watch.next {
			r.watch.figures = r.Engine.Snapshot()
		}
		return
	}
	select {
	case sum := <-r.watch.figures:
		s := sum()
		r.watch.figures, r.watch.next = nil, r.steps+figuresEvery
		servers := 0
		for i := range s.Pools {
			r.compare(&s.Pools[i])
			servers += inStates(&s.Pools[i])
		}
		for i := range s.Loops {
			servers -= s.Loops[i].Servers
		}
		if servers != 0 {
			r.Violate("rule 8: %d more servers are in a state than there are", servers)
		}
	default:
	}
}

// inStates is how many servers a pool has, state by state.
func inStates(p *engine.PoolStats) int {
	return p.ServersIdle + p.ServersActive + p.ServersResetting + p.ServersBeingCanceled + p.ServersChecking + p.ServersDraining + p.Listeners
}

func (r *Run) compare(p *engine.PoolStats) {
	k := key{p.Pool, p.Database, p.User}
	r.checkWaiting(k, p.ClientsWaiting)
	if p.ClientsWaiting == 0 || p.ServersIdle == 0 || r.declaredAs(k.pool).splits {
		r.watch.both[k] = 0
		return
	}
	if r.watch.both[k]++; r.watch.both[k] > bothAtMost {
		r.Violate("one pool: %d clients of %v wait while %d servers idle, and have for %d figures",
			p.ClientsWaiting, k, p.ServersIdle, r.watch.both[k])
	}
}

// settled reports whether everything is at rest after the last client has left: the servers are clean, nothing is kept
// for anybody, only connections to servers are left.
func (r *Run) settled() bool { return r.restless() == "" }

func (r *Run) restless() string {
	if n := r.Engine.Clients(); n > 0 {
		return fmt.Sprintf("%d clients are counted", n)
	}
	for _, b := range r.living() {
		switch {
		case !b.tap.clean():
			return "a server is not clean"
		case b.tap.cancels > 0:
			return "a cancel is on its way"
		case b.session.Status() != 'I':
			return "a server is in a transaction"
		}
	}
	for _, n := range r.host.connecting {
		if n > 0 {
			return "a dial is under way"
		}
	}
	for _, d := range r.drivers {
		for _, c := range d.conns {
			switch {
			case c.end.served == nil:
				return "a client's connection is open"
			case len(c.kept) > 0:
				return "bytes are kept for a server"
			}
		}
	}
	return ""
}

func (r *Run) leftovers() {
	r.Violate("rule 9: the clients have left, and 40 s later %s", r.restless())
}

// stuck tells who is.
func (r *Run) stuck() {
	for _, c := range r.clients {
		if !c.gone {
			next := "nothing"
			if len(c.pending) > 0 {
				next = c.pending[0].String()
			}
			r.Violate("c%d is stuck since %s: %d ReadyForQuery to come, next unanswered: %s, welcomed %v, %d bytes unwritten",
				c.id, clockTime(c.progress), c.outstanding, next, c.welcomed, len(c.out))
		}
	}
	r.Violate("the world ended before the clients did")
}
