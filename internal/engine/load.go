package engine

import (
	"math"
	"sync"
	"time"
)

// How many servers a pool needs follows from two things that it sees: how often one is asked for, and how long one is
// then used. Their product is how many are busy on average, whatever the distributions (Little's law). So many alone would
// be too few, because use comes in heaps; what is needed beyond grows with the square root of the load, not with the load
// (Halfin and Whitt, square-root staffing). With twice the square root, 1 of 37 of those who ask has to wait.

const (
	// sizingWindow is how far back the figures look: what is older by so much counts for 1/e.
	sizingWindow = time.Minute
	// burstWindow is how far back pool_size auto looks before it grows.
	burstWindow = 5 * time.Second
	// staffing is how many square roots of the load are recommended beyond it.
	staffing = 2
	// negligible is how many busy servers, and arrivals in a window, are as good as none.
	negligible = 1.0 / 1024
)

// Sizing is what a pool's size should be, and why.
type Sizing struct {
	// ArrivalsPerSecond is how often a server is asked for, ServiceSeconds how long one is then used; 0 where none was
	// begun to be used lately.
	ArrivalsPerSecond, ServiceSeconds float64
	// BusyServers is their product: how many servers are in use on average when nobody has to wait. Where servers are held
	// for much longer than the window, it is how many were seen in use.
	BusyServers float64
	// Recommended is BusyServers and twice its square root; 0 if nobody asked.
	Recommended int
	// Window is how far back this looks: what is older by so much counts for 1/e.
	Window time.Duration
}

// add adds that of another pool, with servers of its own.
func (z *Sizing) add(other *Sizing) {
	z.Window = other.Window
	z.Recommended += other.Recommended
	z.BusyServers += other.BusyServers
	z.ArrivalsPerSecond += other.ArrivalsPerSecond
	if z.ServiceSeconds = other.ServiceSeconds; z.ArrivalsPerSecond > other.ArrivalsPerSecond {
		z.ServiceSeconds = z.BusyServers / z.ArrivalsPerSecond
	}
}

// load is what is measured of a pool, over all shards. Shards add to it once a second; no query takes its lock.
type load struct {
	mu                sync.Mutex
	arrivals, starts  uint64 // since last
	busy              int64  // nanoseconds that servers were in use since last, summed
	last              int64
	recently, justNow average
	size              float64 // of pool_size auto, between two whole numbers
}

// average is rates per second, the newer the more they count.
type average struct{ weight, arrivals, starts, busy float64 }

// add adds what happened in some seconds: rates, of a window.
func (a *average) add(seconds float64, window time.Duration, arrivals, starts, busy float64) {
	keep := math.Exp(-seconds / window.Seconds())
	a.weight = a.weight*keep + 1 - keep
	a.arrivals = a.arrivals*keep + arrivals*(1-keep)
	a.starts = a.starts*keep + starts*(1-keep)
	a.busy = a.busy*keep + busy*(1-keep)
}

// sizing is what follows. The weight makes up for the time before the first figures.
func (a *average) sizing(window time.Duration) (out Sizing) {
	out.Window = window
	if a.weight == 0 {
		return out
	}
	out.ArrivalsPerSecond = a.arrivals / a.weight
	out.BusyServers = a.busy / a.weight
	if a.starts/a.weight*window.Seconds() > negligible {
		out.ServiceSeconds = a.busy / a.starts
		out.BusyServers = out.ArrivalsPerSecond * out.ServiceSeconds
	}
	asked := out.ArrivalsPerSecond*window.Seconds() > negligible
	if !asked && out.BusyServers < negligible {
		return Sizing{Window: window}
	}
	out.Recommended = max(1, int(math.Ceil(out.BusyServers+staffing*math.Sqrt(out.BusyServers)-negligible)))
	return out
}

// idle reports whether there is nothing to be averaged.
func (l *load) idle() bool {
	return l.arrivals == 0 && l.starts == 0 && l.busy == 0 && l.recently.arrivals < negligible/1024 && l.recently.busy < negligible/1024
}

// sizing is the figures.
func (l *load) sizing() Sizing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recently.sizing(sizingWindow)
}

// linking counts a client in that has got a server, or out. What has been counted in upstream.busy is counted out of it, whatever has
// changed meanwhile.
func (srv *server) linking(now int64, by int) {
	srv.pool.linking(now, by)
	if srv.busy || by > 0 && srv.pool.chooses() {
		srv.busy = by > 0
		srv.upstream.busy.Add(int32(by))
	}
}

// recount has a server that a client has counted as linking would count it now: the configuration has changed.
func (srv *server) recount(now int64) {
	if (srv.purpose == linked || srv.purpose == asking) && srv.busy != srv.pool.chooses() {
		srv.linking(now, -1)
		srv.linking(now, 1)
	}
}

// linking counts a client in that has got its server, or out, and the time that servers are in use.
func (p *shardPool) linking(now int64, by int) {
	p.busy += int64(p.linked) * (now - p.busyAt)
	p.busyAt = now
	p.linked += by
}

// measure adds what this shard has counted, and takes stock once a second, whichever shard comes first.
func (s *Shard) measure(p *shardPool) {
	p.linking(s.now, 0)
	l := &p.shared.load
	l.mu.Lock()
	l.arrivals += p.arrivals
	l.starts += p.starts
	l.busy += p.busy
	p.arrivals, p.starts, p.busy = 0, 0, 0
	due := l.due(s.now)
	l.mu.Unlock()
	if due && p.config().AutoSize && p.shared.autosize() {
		for i, other := range s.engine.shards {
			if p.shared.shared.Starving(i) {
				other.mail.Post(mail{kind: mailFreed, pool: p.shared})
			}
		}
	}
}

// begin is when there is something to measure.
func (l *load) begin(now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == 0 {
		l.last = now
	}
}

// due takes stock if a second is over.
func (l *load) due(now int64) bool {
	if now-l.last < sweepEvery {
		return false
	}
	seconds := time.Duration(now - l.last).Seconds()
	l.last = now
	if l.idle() {
		l.recently, l.justNow = average{weight: l.recently.weight}, average{weight: l.justNow.weight}
		return true
	}
	arrivals, starts, busy := float64(l.arrivals)/seconds, float64(l.starts)/seconds, time.Duration(l.busy).Seconds()/seconds
	l.recently.add(seconds, sizingWindow, arrivals, starts, busy)
	l.justNow.add(seconds, burstWindow, arrivals, starts, busy)
	l.arrivals, l.starts, l.busy = 0, 0, 0
	return true
}
