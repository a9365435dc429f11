package engine

import "testing"

// Where every upstream that shares transactions has all the servers that it may have, who needs one goes where some of them are others'
// and rest, and one makes room.
func TestWhoFindsAllTakenGoesWhereRoomCanBeMade(t *testing.T) {
	p := onePool(2)
	p.Upstreams = []Upstream{
		{Address: "one:5432", Role: RolePrimary, MaxServerConnections: 2},
		{Address: "two:5432", Role: RolePrimary, MaxServerConnections: 1, Weight: 100},
	}
	r := newRig(t, 1, p)
	r.quiet, r.byUpstream = true, true
	holds := func(name, user string) *rigSocket {
		c := r.clientAs(name, Client{User: user})
		r.says(c, "begin")
		return c
	}
	away := holds("takes two for a while", "other")
	holds("has one", "u")
	rests := holds("leaves a server at one", "other")
	r.says(away, "commit")
	holds("has two", "u")
	r.says(rests, "commit")
	r.mustBeBusy(t, "before", "one:5432:1 two:5432:1 ")
	holds("needs a server", "u")
	r.mustBeBusy(t, "after", "one:5432:2 two:5432:1 ")
}

// Who finds all servers of one upstream in use goes where one rests, also if it rests on a shard that has served nobody there but others.
func TestWhoFindsAllInUseGoesWhereOneRestsElsewhere(t *testing.T) {
	p := onePool(1)
	p.Upstreams = []Upstream{
		{Address: "one:5432", Role: RolePrimary},
		{Address: "two:5432", Role: RolePrimary, MaxServerConnections: 1},
	}
	r := newRig(t, 2, p)
	r.quiet, r.byUpstream = true, true
	here := r.client("first to log in").loop
	there := r.loops[1-here.shard.index]
	r.says(r.clientOn(here, "uses one"), "begin")
	rests := r.clientOn(here, "leaves a server at two")
	r.says(rests, "begin", "commit")
	r.mustBeBusy(t, "before", "one:5432:1 two:5432:0 ")
	r.says(r.clientOn(there, "needs one"), "begin")
	r.mustBeBusy(t, "after", "one:5432:1 two:5432:1 ")
}

// clientOn attaches a client to a shard.
func (r *rig) clientOn(l *rigLoop, name string) *rigSocket {
	r.Helper()
	for {
		if c := r.client(name); c.loop == l {
			return c
		}
	}
}
