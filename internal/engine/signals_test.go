package engine

import (
	"strings"
	"testing"
)

// A signal reaches the client that has the process ID now, on whatever shard, and only from its own user in its own pool.
func TestSignalsBetweenClients(t *testing.T) {
	other := onePool(4)
	other.Name = "other"
	r := newRig(t, 2, onePool(4), other)
	const user = "u"
	of := func(name, pool, database, user string) *rigSocket {
		return r.newClientOf(name, poolKey{pool, database, user})
	}
	asker, sibling := of("asker", "app", "db", user), of("sibling", "app", "db2", user)
	stranger, elsewhere := of("stranger", "app", "db", "v"), of("elsewhere", "other", "db", user)
	hanging := of("hanging", "app", "db", user)
	r.settle()
	signals := func(from *rigSocket, pid uint32, terminate bool) string {
		r.log = nil
		s := from.loop.shard
		reaches := s.signal(&s.client(from.id.Slot()).Client, pid, terminate)
		r.settle()
		if said := joinLines(r.log); reaches != (said != "") {
			t.Errorf("%s is told %v of its signal for %d, and what comes of it is %q", from.name, reaches, pid, said)
		}
		return joinLines(r.log)
	}
	for _, from := range []*rigSocket{stranger, elsewhere} {
		if said := signals(from, sibling.pid(), true); said != "" {
			t.Errorf("%s signals another's client: %s", from.name, said)
		}
	}
	for _, nobody := range []uint32{0, firstPID - 1, firstPID, 1<<31 - 1, 1<<32 - 1} {
		if said := signals(asker, nobody, true); said != "" {
			t.Errorf("process ID %d, which nobody has: %s", nobody, said)
		}
	}
	r.says(hanging, "hang")
	if said := signals(asker, hanging.pid(), false); !strings.Contains(said, "57014") {
		t.Errorf("what runs is not cancelled: %s", said)
	}
	r.says(hanging, "hang")
	late := sibling.pid()
	for _, c := range []*rigSocket{hanging, sibling, asker} {
		if said := signals(asker, c.pid(), true); !strings.Contains(said, c.name) || !strings.Contains(said, "57P01") {
			t.Errorf("%s is not told: %s", c.name, said)
		}
	}
	// Whoever gets its slot is not meant.
	asker = of("asker again", "app", "db", user)
	of("successor", "app", "db2", user)
	r.settle()
	if said := signals(asker, late, true); said != "" {
		t.Errorf("the process ID of one who has left: %s", said)
	}
}
