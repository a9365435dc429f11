package routing

import "time"

// upstream is what a Tracker remembers of one.
type upstream struct {
	address  string
	declared Role
	weight   int

	health  health
	circuit circuit
	claim   claim
	// role, doubted and stranger are what is made of its claim and those of the others.
	role              Role
	doubted, stranger bool

	proof proof

	latency          time.Duration
	probes, failures uint64
}

// claim is what it has told of itself. All of it is its own word: Tracker.judge makes of it what is believed.
type claim struct {
	role     Role // Unknown: it has not told
	timeline uint32
	system   uint64
	position LSN
}

// heard takes a probe's result.
func (u *upstream) heard(now int64, r *Report, s *Settings) {
	u.probes++
	if r.Failed != "" {
		u.failures++
		u.claim.position, u.proof = 0, proof{} // see shaken
		u.health.missed(now, r.Failed, s)
		return
	}
	u.latency = r.Latency
	u.claim = u.claim.after(r, u.health.sound())
	u.health.answered(now, s)
}

// after is the claim after an answer. One that does not tell its role leaves what was known, if nothing has failed since: after a
// failure it may have come back as something else.
func (c claim) after(r *Report, sound bool) claim {
	if r.RoleUnknown {
		if !sound {
			return claim{system: c.system}
		}
		c.position = 0
		return c
	}
	role := Primary
	if r.InRecovery {
		role = Replica
	}
	return claim{role: role, timeline: r.Timeline, system: r.System, position: r.Position}
}

// shaken: a dial failed, or it has ended connections. A replica that begins anew replays what it had replayed before once more,
// so up to where it had come no longer counts until it tells again.
func (u *upstream) shaken() {
	u.failures++
	u.claim.position, u.proof = 0, proof{}
}
