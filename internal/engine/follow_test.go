package engine

import "testing"

// Settings follow their client: two share a server, and each finds its own.
func TestSettingsFollow(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.note("what a sets is asked for when its statement is over")
	r.says(a, "set search_path = mine")
	r.note("b gets the server as it was; to say so again needs no question")
	r.says(b, "select b")
	r.says(b, "set search_path = mine")
	r.says(a, "select a")
	r.note("sent ahead, when Postgres has taken it once")
	r.says(b, "set search_path = other")
	r.says(a, "select a")
	r.says(b, "select b")
	r.says(a, "select a")
	r.note("a setting that may be refused is waited for")
	r.says(a, "set role = admin")
	r.says(b, "select b")
	r.says(a, "select a")
	r.says(b, "select b")
	r.says(a, "select a")
	r.compare()
}

// What Postgres has reported to one client is told to the other that did not hear it.
func TestReportsGoToWhomTheyConcern(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	r.params = append(r.params, Setting{"in_hot_standby", "on"})
	a := r.client("a")
	r.says(a, "select a")
	b := r.client("b")
	r.servers[0].answer(frame('S', "in_hot_standby\x00off\x00"))
	r.settle()
	r.says(b, "select b")
	r.says(a, "select a")
	r.says(a, "select a")
	r.compare()
}

// A temporary table keeps its server, until Postgres says that there is none.
func TestUnpinning(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a, b := r.client("a"), r.client("b")
	r.says(a, "create temp table x")
	r.says(b, "select b")
	r.says(a, "select a")
	r.says(a, "drop table x")
	r.compare()
}

// A client whose login asks for what another has SET is greeted with what that server reports.
func TestALoginThatAnotherHasSet(t *testing.T) {
	r := newRig(t, 1, onePool(1))
	a := r.client("a")
	r.says(a, "set timezone = CET")
	r.note("b begins with what the server is set to already")
	b := r.client("b", Setting{"TimeZone", "CET"})
	r.says(b, "select b")
	r.within(1)
	r.compare()
}
