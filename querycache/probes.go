package querycache

import (
	"math/bits"
	"sync/atomic"
)

// A cache that has room takes what is asked for the first time: so it is of use at once. But to keep a reply costs about a quarter of
// what it costs to pass it on, and where nothing is asked for twice that is lost. So some of those entries are probes, and one looks
// what has become of them:
//
//  1. a probe is an entry whose hash has certain bits; so it is one whether the others are taken or not;
//  2. it has been of use if it was served before probesOpen others came in, or before it went;
//  3. while fewer than leastUseful of the last probesCounted were, only probes are taken the first time, and the others when they are asked for
//     again.
const (
	probeShare    = 64
	probesOpen    = 64
	probesCounted = 64
	leastUseful   = probesCounted / 16
)

// probes is of the cache's writers, but for particular.
type probes struct {
	open [probesOpen]*Entry // all of them in the cache
	hand int
	// useful has a bit for each of those that were counted last.
	useful uint64
	// particular: what is asked for the first time is not taken.
	particular atomic.Bool
}

// isProbe reports whether an entry of that hash is one.
func isProbe(hash uint64) bool { return hash>>40%probeShare == 0 }

// add adds a probe, and counts the one that has been open longest.
func (p *probes) add(e *Entry) {
	if old := p.open[p.hand]; old != nil {
		p.close(old)
	}
	p.open[p.hand], e.probe = e, uint8(p.hand+1)
	p.hand = (p.hand + 1) % probesOpen
}

// close counts a probe; of any other entry it does nothing.
func (p *probes) close(e *Entry) {
	if e.probe == 0 {
		return
	}
	p.open[e.probe-1], e.probe = nil, 0
	p.useful <<= 1
	if e.served || e.uses.Load() > 0 {
		p.useful |= 1
	}
	p.particular.Store(bits.OnesCount64(p.useful) < leastUseful)
}
