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
