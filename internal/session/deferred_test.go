package session

import (
	"bytes"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// What can be deferred is what Postgres takes anywhere, and nothing else.
func TestWhichBeginIsDeferred(t *testing.T) {
	for text, want := range map[string]begun{
		"begin": 1, "BEGIN;": 1, " Begin\tWork ; ": 1, "begin transaction": 1, "start transaction": 1, "BEGIN/* trace */": 1,
		"begin isolation level read committed":                 2,
		"START  TRANSACTION ISOLATION LEVEL\nREAD UNCOMMITTED": 3,
		"begin work isolation level repeatable read; /* */ ;":  4,
		"begin isolation level serializable":                   0,
		"begin read only":                                      0,
		"begin read write":                                     0,
		"begin deferrable":                                     0,
		"begin isolation level read committed, read write":     0,
		"begin isolation level":                                0,
		"begin;select 1":                                       0,
		"begin -- x\n; insert":                                 0,
		"begin /* a /* nested */ */":                           0,
		"beginner":                                             0,
		"begin_":                                               0,
		"start":                                                0,
		"start transactions":                                   0,
		"":                                                     0,
		"\xc3begin":                                            0,
		"begin /* route: replica */":                           0,
		"begin isolation level repeatable read isolation level serializable": 0,
	} {
		if got, _ := deferrable([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"commit": "COMMIT", "End Work;": "COMMIT", "rollback": "ROLLBACK", "ABORT transaction": "ROLLBACK", "commit /* trace */;": "COMMIT",
		"commit and chain": "", "rollback to a": "", "commit prepared 'x'": "", "commit; select 1": "", "ending": "", "rollback work to a": "",
	} {
		if got := endIn([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// newDeferrer is a client that has said BEGIN, and has been answered.
func newDeferrer(t *testing.T) *resetter {
	r := newResetter(t)
	r.c.Startup, r.c.Defers, r.c.Splits = 0, true, true
	if used, v, _ := r.c.Feed(r.env, nil, query("begin")); used != len(query("begin")) || v != More {
		t.Fatalf("%d bytes were used: %v", used, v)
	}
	r.want(r.takes(aClient), "C,ZT")
	return r
}

// beganOurs is what a server says to a BEGIN of ours.
var beganOurs = bytes.Join([][]byte{
	pgwire.AppendEmpty(nil, pgwire.CloseComplete), pgwire.AppendEmpty(nil, pgwire.ParseComplete), pgwire.AppendEmpty(nil, pgwire.BindComplete),
	complete("BEGIN"), pgwire.AppendEmpty(nil, pgwire.CloseComplete), pgwire.AppendEmpty(nil, pgwire.CloseComplete),
}, nil)

// The BEGIN goes ahead of the first unit, and what comes behind that waits for its answer.
func TestADeferredBegin(t *testing.T) {
	r := newDeferrer(t)
	first := query("lock t")
	used, v, _ := r.c.Feed(r.env, &r.s, append(first, query("lock u")...))
	if used != len(first) || v != Await {
		t.Fatalf("%d bytes were used: %v", used, v)
	}
	r.want(r.takes(aServer), "C,Ppgmux_own BEGIN,B,E,C,C,Qlock t,H")
	r.want(r.hears(beganOurs, complete("LOCK TABLE"), isReady("T")), "C,ZT")
	sent, _ := r.says(query("lock u"))
	r.want(sent, "Qlock u")
}

// If a BEGIN fails that was deferred, as when a cancel meets it, Postgres skips the unit behind it, and the client hears why.
func TestADeferredBeginFails(t *testing.T) {
	r := newDeferrer(t)
	r.says(query("lock t"))
	r.want(r.hears(pgwire.AppendEmpty(nil, pgwire.CloseComplete), pgwire.AppendEmpty(nil, pgwire.ParseComplete),
		pgwire.AppendEmpty(nil, pgwire.BindComplete), cancelled), "E")
	r.want(r.takes(aServer), "S")
	r.want(r.hears(isReady("I")), "ZI")
	if !r.s.Releasable() {
		t.Error("the server cannot be released")
	}

	r = newDeferrer(t)
	r.says(join(pgwire.AppendParse(nil, nil, []byte("lock t"), noTypes), pgwire.AppendPlainBind(nil, nil, nil), pgwire.AppendExecute(nil, nil),
		pgwire.AppendEmpty(nil, pgwire.Sync)))
	r.want(r.hears(pgwire.AppendEmpty(nil, pgwire.CloseComplete), cancelled), "E")
	r.want(r.takes(aServer), "")
	r.want(r.hears(isReady("I")), "ZI")
	if !r.s.Releasable() {
		t.Error("the server cannot be released")
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// A client that leaves behind its first unit leaves nothing behind.
func TestADeferredBeginThatNobodyWaitsFor(t *testing.T) {
	r := newDeferrer(t)
	r.says(query("lock t"))
	if !r.s.Abandon(r.env, &r.c) {
		t.Fatal("the server is to be closed")
	}
	r.takes(aServer)
	if !r.s.Feed(r.env, nil, join(pgwire.AppendEmpty(nil, pgwire.CloseComplete), cancelled)) {
		t.Fatal("the server is taken for one that says what it cannot say")
	}
	r.want(r.takes(aServer), "S")
	if !r.s.Feed(r.env, nil, isReady("I")) || !r.s.Releasable() {
		t.Error("the server cannot be released")
	}
}

// TestDeferringDoesNotAllocate: that BEGIN and COMMIT are answered, and BEGIN is sent, costs no memory.
func TestDeferringDoesNotAllocate(t *testing.T) {
	k := newTalker(t)
	k.c.Defers, k.c.Splits = true, true
	alone := func(says []byte) {
		k.e.BeginTurn()
		if used, v, _ := k.c.Feed(k.e, nil, says); used != len(says) || v != More {
			t.Fatalf("%d of %d bytes were used: %v", used, len(says), v)
		}
	}
	begin, _ := k.turn(`Query "begin"`, ``)
	commit, _ := k.turn(`Query "commit"`, ``)
	batch, _ := k.turn(`Parse "" "begin"; Bind "" ""; Execute ""; Sync`, ``)
	if n := testing.AllocsPerRun(200, func() { alone(begin); alone(commit) }); n > 0 {
		t.Errorf("BEGIN and COMMIT: %v allocations", n)
	}
	if n := testing.AllocsPerRun(200, func() { alone(batch); alone(commit) }); n > 0 {
		t.Errorf("the same, extended: %v allocations", n)
	}
	ours := `CloseComplete; ParseComplete; BindComplete; CommandComplete BEGIN; CloseComplete; CloseComplete; `
	says, answers := k.turn(`Query "lock t"`, ours+`CommandComplete "LOCK TABLE"; ReadyForQuery T`)
	ends, ended := k.turn(`Query "commit"`, `CommandComplete COMMIT; ReadyForQuery I`)
	if n := testing.AllocsPerRun(200, func() {
		alone(begin)
		k.e.BeginTurn()
		if used, _, _ := k.c.Feed(k.e, k.s, says); used != len(says) || !k.s.Feed(k.e, k.c, answers) {
			t.Fatalf("%d of %d bytes were used", used, len(says))
		}
		k.talk(ends, ended)
	}); n > 0 {
		t.Errorf("a transaction: %v allocations", n)
	}
}
