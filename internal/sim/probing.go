package sim

import (
	"fmt"
	"time"

	"github.com/pgmux/caddy-pgmux/routing"
)

// probing is the prober of a pool, in virtual time. It does what package prober does: the primary is asked first, under a mark, the
// others when it has answered or has not in time; a replica that is behind is asked again; and each is asked out of turn when something has
// gone wrong with it. What is asked is answered a moment later, and told another moment later.
type probing struct {
	r        *Run
	d        *declared
	interval int64
	// asked is who has not answered yet.
	asked map[string]bool
	// was is what each has said of itself last.
	was map[string]routing.Report
	// rounds counts them: one that was asked for ahead of its time makes the next one's appointment void.
	rounds int
}

// catchUps is how often a replica that is behind is asked again in one round.
const catchUps = 2

// probe begins to probe the upstreams of a pool.
func (r *Run) probe(d *declared) {
	p := &probing{r: r, d: d, interval: int64(d.config.Health.Interval), asked: map[string]bool{}, was: map[string]routing.Report{}}
	r.host.probing[d.config.Name] = p
	r.After(int64(r.random.Int64N(p.interval)), func() { p.round(0) })
}

// round asks all, and plans the next one.
func (p *probing) round(n int) {
	if n != p.rounds {
		return
	}
	p.rounds++
	p.again(p.interval)
	primary := p.primary()
	others := func(position routing.LSN) {
		for _, u := range p.d.config.Upstreams {
			if u.Address != primary {
				p.ask(u.Address, position, catchUps, nil)
			}
		}
	}
	if primary == "" {
		others(0)
		return
	}
	told := false
	first := func(position routing.LSN) {
		if !told {
			told = true
			others(position)
		}
	}
	p.ask(primary, 0, 0, first)
	p.r.After(p.interval/4, func() { first(0) })
}

// again plans the next round.
func (p *probing) again(delay int64) {
	n := p.rounds
	p.r.After(delay, func() { p.round(n) })
}

// primary is whom to ask first: who has said last that it is one, on the newest timeline.
func (p *probing) primary() (address string) {
	for _, u := range p.d.config.Upstreams {
		if was, known := p.was[u.Address]; known && !was.InRecovery && was.Timeline > p.was[address].Timeline {
			address = u.Address
		}
	}
	return address
}

// soon asks one out of turn.
func (p *probing) soon(address string) {
	p.r.After(p.interval/10, func() { p.ask(address, 0, 0, nil) })
}

// ask asks one; done is called with its position when that has been told.
func (p *probing) ask(address string, position routing.LSN, again int, done func(routing.LSN)) {
	if p.asked[address] {
		if done != nil {
			done(0)
		}
		return
	}
	p.asked[address] = true
	began, mark := p.r.now, p.r.Engine.Mark()
	p.r.After(p.r.latency(), func() {
		report := p.r.host.ups[address].answersProbe(mark)
		delay := p.r.latency()
		if report.Failed != "" && p.r.Chance(0.5) {
			delay = p.interval // nobody refuses it: the time is over
		}
		p.r.After(delay, func() {
			p.asked[address] = false
			report.Latency = time.Duration(p.r.now - began)
			behind := report.InRecovery && report.Position < position
			if behind && again > 0 {
				p.r.After(p.interval/20, func() { p.ask(address, position, again-1, done) })
			}
			p.told(&report)
			if done != nil {
				done(report.Position)
			}
		})
	})
}

// told tells the engine; when somebody has become something else, the others are asked soon.
func (p *probing) told(report *routing.Report) {
	was, known := p.was[report.Address]
	if news := *report; !known || news.Failed != "" || was.Position != news.Position || was.Timeline != news.Timeline {
		p.r.Note("probe: %s, %s: %s", p.d.config.Name, report.Address, describe(&news))
	}
	if report.Failed == "" {
		if p.was[report.Address] = *report; !known && !report.InRecovery || known && was.InRecovery != report.InRecovery {
			p.again(p.interval / 10)
		}
	}
	p.r.Engine.Probed(p.d.config.Name, p.r.now, *report)
}

// describe is a report for people.
func describe(r *routing.Report) string {
	switch {
	case r.Failed != "":
		return r.Failed
	case r.InRecovery:
		return fmt.Sprintf("a replica at %d of timeline %d", r.Position, r.Timeline)
	}
	return fmt.Sprintf("a primary at %d of timeline %d, mark %d", r.Position, r.Timeline, r.Mark)
}

// answersProbe is what a server says of itself.
func (up *Upstream) answersProbe(mark uint64) routing.Report {
	if up.down {
		return routing.Report{Address: up.address, Failed: "connection refused"}
	}
	n := up.node
	r := routing.Report{Address: up.address, InRecovery: !n.primary, Timeline: n.timeline, System: 1, Position: n.position()}
	if n.primary {
		r.Mark, r.Flushed = mark, r.Position
	}
	return r
}
