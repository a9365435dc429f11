package engine

import (
	"testing"
	"time"
)

// beginsWith has the catalog say that sessions of a role begin with something, or that the configuration was loaded.
func (r *rig) beginsWith(sort, role, value string) { r.suspects = [][]string{{sort, role, value}} }

// study has time pass until the catalog is asked again, by the server of a client's query.
func (r *rig) study(a *rigSocket) {
	r.pass(time.Duration(suspectEvery))
	r.says(a, "select 1")
}

// What is changed elsewhere reaches new sessions within a minute: the servers that began before serve nobody but their present
// client.
func TestNewSessionsBeginWithWhatIsSaidElsewhere(t *testing.T) {
	r := hidingRig(t, 1, 2)
	r.beginsWith(beginsRole, "u", "before")
	a, b := r.client("a"), r.client("b")
	r.says(b, "begin")
	r.study(a)
	r.study(a)
	if len(r.servers) != 2 {
		t.Fatalf("%d servers, though nothing has changed", len(r.servers))
	}
	r.beginsWith(beginsRole, "u", "after")
	r.study(a)
	r.says(a, "select 2")
	r.says(b, "select 3", "commit")
	r.says(b, "select 4")
	r.servers[0].mustHaveHeard("catalog?", "begin", "select 3", "commit")
	if last := r.servers[2]; !r.servers[0].socket.ended || !r.servers[1].socket.ended || last.socket.ended {
		t.Fatal("servers that began before are still there, or those that began after are not")
	}
	r.study(a)
	if len(r.servers) != 3 {
		t.Fatalf("%d servers were dialed after one change", len(r.servers))
	}
}

// What was said here has renewed the servers already, but another's change may hide behind it: so the catalog's answer renews them once
// more, and then no more.
func TestWhatIsSaidHereIsNoticedOnceMore(t *testing.T) {
	r := hidingRig(t, 1, 1)
	r.beginsWith(beginsRole, "u", "before")
	a := r.client("a")
	r.pass(time.Second)
	r.beginsWith(beginsRole, "u", "here")
	r.says(a, "alter role u set work_mem = '7MB'")
	r.says(a, "select 1")
	r.servers[1].mustHaveHeard("catalog?") // at once
	r.servers[2].mustHaveHeard("catalog?", "select 1")
	r.study(a)
	if len(r.servers) != 3 {
		t.Fatalf("%d servers were dialed after one change", len(r.servers)-1)
	}
	r.beginsWith(beginsRole, "u", "elsewhere")
	r.study(a)
	r.says(a, "select 1")
	if len(r.servers) != 4 {
		t.Fatal("another's change was not noticed")
	}
}

// A change is noticed though the one before has been noticed only now.
func TestAChangeRightAfterAnotherIsNoticed(t *testing.T) {
	r := hidingRig(t, 1, 2)
	a := r.client("a")
	for _, value := range []string{"before", "one", "two"} {
		r.beginsWith(beginsRole, "u", value)
		r.study(a)
	}
	if len(r.servers) != 3 || !r.servers[1].socket.ended {
		t.Fatal("what was dialed after the first change, and before the second, is still there")
	}
}

// A server that was being dialed when what sessions begin with changed may have begun before: it says nothing of what they begin with now,
// and serves nobody.
func TestAServerDialedWhileDefaultsChange(t *testing.T) {
	r := hidingRig(t, 1, 1)
	key := poolKey{"app", "db", "u"}
	a := r.client("a")
	r.servers[0].socket.ended = true
	r.settle()
	r.holdDials = true
	a.in = clientSays("select 1")
	r.settle()
	r.e.defaultsChanged(r.e.pools[key].template, r.now)
	r.holdDials = false
	r.settle()
	if len(r.servers) != 3 || !r.servers[1].socket.ended || r.servers[2].socket.ended {
		t.Fatalf("of %d servers the one that may have begun before is still there", len(r.servers))
	}
	r.servers[2].mustHaveHeard("catalog?", "select 1")
}

// Nor does one that a client has, whatever it is asked.
func TestServersThatBeganBeforeSayNothingOfWhatSessionsBeginWith(t *testing.T) {
	r := hidingRig(t, 1, 1)
	key := poolKey{"app", "db", "u"}
	r.says(r.client("a"), "begin")
	s, g := r.e.Shard(0), &r.e.pools[key].greetings
	srv := someServer(s)
	s.beginsWith(srv, "lock_timeout", "1s")
	if v, _ := g.begin("lock_timeout"); v != "1s" {
		t.Fatal("a server has said what sessions begin with, and is not believed")
	}
	r.e.defaultsChanged(r.e.pools[key].template, r.now)
	s.beginsWith(srv, "lock_timeout", "1s")
	s.introduce(srv)
	if _, known := g.begin("lock_timeout"); known || g.known() {
		t.Fatal("a server that began before has said what sessions begin with now")
	}
}

// Another role is not this one. One that has no settings of its own begins with what every such role does, also where it comes to have
// some, or has them no more.
func TestWhatOtherRolesBeginWith(t *testing.T) {
	for _, c := range []struct {
		was, now map[string]string
		changed  bool
	}{
		{map[string]string{"": "1"}, map[string]string{"": "1"}, false},
		{map[string]string{"": "1"}, map[string]string{"": "1", "v": "2"}, false},
		{map[string]string{"": "1", "v": "2"}, map[string]string{"": "1", "v": "3"}, false},
		{map[string]string{"": "1", "u": "2"}, map[string]string{"": "3", "u": "2"}, false},
		{map[string]string{"": "1"}, map[string]string{"": "2"}, true},
		{map[string]string{"": "1"}, map[string]string{"": "1", "u": "2"}, true},
		{map[string]string{"": "1", "u": "2"}, map[string]string{"": "1", "u": "3"}, true},
		{map[string]string{"": "1", "u": "2"}, map[string]string{"": "1"}, true},
	} {
		r := hidingRig(t, 1, 1)
		a := r.client("a")
		for _, roles := range []map[string]string{c.was, c.now} {
			r.suspects = nil
			for role, value := range roles {
				r.suspects = append(r.suspects, []string{beginsRole, role, value})
			}
			r.study(a)
		}
		if r.servers[0].socket.ended != c.changed {
			t.Errorf("%v, then %v: renewed: %v", c.was, c.now, !c.changed)
		}
	}
}

// A configuration that was loaded anew reaches all sessions; what settings begin with is learned again.
func TestAConfigurationThatWasLoadedAnew(t *testing.T) {
	r := hidingRig(t, 1, 1)
	r.beginsWith(beginsLoaded, "", "1")
	a := r.client("a")
	g := &r.e.pools[poolKey{"app", "db", "u"}].greetings
	for value, want := range map[string]bool{"1": true, "2": false} {
		g.beginsWith("lock_timeout", "0", 0)
		r.beginsWith(beginsLoaded, "", value)
		r.study(a)
		if _, known := g.begin("lock_timeout"); known != want {
			t.Errorf("loaded at %s: what lock_timeout begins with is known: %v", value, known)
		}
		r.beginsWith(beginsLoaded, "", "1")
		r.study(a)
	}
	if len(r.servers) != 1 {
		t.Error("servers were renewed that have the new values")
	}
}

// Of two answers that cross, the one that was asked for later counts.
func TestAnOlderAnswerChangesNothing(t *testing.T) {
	g := &catalog{}
	says := func(value string, at int64) bool {
		_, known := g.learnBeginnings("a", beginnings{at: at, roles: map[string]string{"": value}})
		return known
	}
	is := func() string { return g.beginnings["a"].roles[everyOtherRole] }
	if says("new", 2) || says("old", 1) || is() != "new" || !says("newer", 2) || is() != "newer" {
		t.Fatalf("what is remembered is %v", g.beginnings["a"])
	}
}
