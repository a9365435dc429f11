package engine

import (
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/session"
)

// A token carries what a session has written to another, which reads from the primary until a replica has replayed that.
func TestACausalTokenIsFollowed(t *testing.T) {
	r := splitRig(t, 1, nil)
	r.knows("show pgmux.causal_token")
	c, d := r.client("c"), r.client("d")
	r.note("who has not written is told mark 0, on a replica")
	r.says(c, "show pgmux.causal_token")
	r.note("who has, a newer one")
	r.says(c, "insert")
	r.pass(50_000_000)
	r.says(c, "show pgmux.causal_token")
	r.note("d reads from the primary when it is set to that, and its server keeps nothing of it")
	token := string(session.AppendToken(nil, 7, r.e.marks.Load()))
	r.says(d, "select 1")
	r.says(d, "Query: set pgmux.causal_token = "+token)
	r.says(d, "select 1")
	r.note("two has replayed it")
	r.probe("one", false, 200)
	r.probe("two", true, 200)
	r.says(d, "select 2")
	r.note("another process's token counts as one of now, also at login; one of ours that is older as what it says")
	other := string(session.AppendToken(nil, 8, 1))
	r.says(d, "Query: set pgmux.causal_token = "+other)
	r.says(d, "select 3")
	e := r.client("e", Setting{"PGMUX.causal_token", other})
	r.says(e, "select 3")
	f := r.client("f", Setting{"pgmux.causal_token", token})
	r.says(f, "select 3")
	r.compare()
}

// What a session is set to says where its transactions go, from the next one on; what is set for one transaction says nothing.
func TestARouteFollowsItsClient(t *testing.T) {
	r := splitRig(t, 1, func(p *PoolConfig) { p.Track = []string{} })
	c := r.client("c")
	r.says(c, "select 1")
	r.says(c, "set pgmux.route = primary")
	r.says(c, "select 1")
	r.says(c, "set pgmux.route = replica")
	r.note("what is set on the primary counts as written there: a replica is to have replayed that")
	r.says(c, "insert")
	r.probe("one", false, 200)
	r.probe("two", true, 200)
	r.says(c, "set pgmux.route = auto")
	r.probe("one", false, 300)
	r.probe("two", true, 300)
	r.says(c, "select 1")
	r.says(c, "insert")
	r.note("a route that there cannot be is refused at login")
	r.wordy = true
	r.client("d", Setting{"pgmux.route", "nowhere"})
	r.client("e", Setting{"pgmux.causal_token", "1:7"})
	r.compare()
}

// There is no profile for a token.
func TestTokensMakeNoProfiles(t *testing.T) {
	r := splitRig(t, 1, nil)
	r.quiet = true
	c := r.client("c")
	before := len(r.e.Shard(0).profiles)
	for mark := range uint64(20) {
		r.says(c, "Query: set pgmux.causal_token = "+string(session.AppendToken(nil, 7, mark)))
		r.client("d", Setting{"pgmux.causal_token", string(session.AppendToken(nil, 7, mark))})
	}
	if n := len(r.e.Shard(0).profiles); n != before {
		t.Errorf("%d profiles, and there were %d", n, before)
	}
	if n := len(r.e.Shard(0).outcomes); n != 0 {
		t.Errorf("%d outcomes are remembered", n)
	}
}
