package engine

import "testing"

// What a statement has made of a session is remembered for what sessions begin with: of another pool, or after a change, the same
// statement is asked about again.
func TestWhatSessionsBeginWithHasAVersion(t *testing.T) {
	var g, other greetings
	params := []Setting{{"DateStyle", "ISO, MDY"}, {"TimeZone", "UTC"}}
	for _, step := range []struct {
		name    string
		do      func()
		changes bool
	}{
		{"the first server", func() { g.learn(params, 0) }, true},
		{"the next one", func() { g.learn(params, 0) }, false},
		{"a setting that is not reported", func() { g.beginsWith("lock_timeout", "0", 0) }, false},
		{"the same again", func() { g.beginsWith("lock_timeout", "0", 0) }, false},
		{"another value of it", func() { g.beginsWith("lock_timeout", "1s", 0) }, true},
		{"a setting that is reported, as it is", func() { g.beginsWith("datestyle", "ISO, MDY", 0) }, false},
		{"another value of it", func() { g.beginsWith("datestyle", "SQL, DMY", 0) }, true},
		{"a server that began earlier", func() { g.learn(params, 0) }, true},
		{"what is not reported forgotten", g.forgetOthers, true},
		{"all forgotten", func() { g.forget(0) }, true},
	} {
		was, others := g.version(), other.version()
		step.do()
		if now := g.version(); (now != was) != step.changes {
			t.Errorf("%s: version %d after %d", step.name, now, was)
		}
		if other.version() != others || g.version() == others {
			t.Errorf("%s: another pool has version %d, which was %d", step.name, other.version(), others)
		}
	}
	if params[0].Value != "ISO, MDY" {
		t.Error("what a server has reported was changed in its own list")
	}
}
