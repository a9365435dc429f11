package sql

import (
	"strings"
	"testing"
)

// FuzzScan checks what must hold for every text: no panic, white space and comments behind it change nothing, and
// two texts one after the other have the effects and the changes of both.
func FuzzScan(f *testing.F) {
	for _, c := range benchTexts {
		f.Add(c.text, "SET x = 1")
	}
	f.Add(`SELECT E'a\'' -- x`, "EXPLAIN (ANALYZE) EXECUTE p")
	f.Add(`PREPARE "a""b" AS SELECT $1$a$ $a$`, "CREATE TEMP TABLE t AS EXECUTE p")
	f.Add("SELECT /* /* */ */ set_config('a', ('b'), true)", "DEALLOCATE PREPARE")
	f.Add("SET LOCAL seed = 1; SET NAMES -- c", "SET SESSION AUTHORIZATION bob; RESET ALL")
	f.Add(`SET "A" . b TO DEFAULT`, "SELECT set_config('A', set_config($1, 'b', 'f'), false)")
	f.Add("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", "SET sort_mem = 1; DISCARD ALL")
	f.Fuzz(func(t *testing.T, a, b string) {
		one, two := scan(a), scan(b)
		for _, st := range []*Statement{one, two} {
			for _, n := range st.Names() {
				if n.Start < 0 || n.End <= n.Start || len(n.Value) > maxIdentifier {
					t.Fatalf("impossible name %+v", n)
				}
			}
		}
		checkChanges(t, a, one)
		checkChanges(t, b, two)
		if one.Effects.Has(Unknown) {
			return
		}
		if padded := scan(a + "\n /* x */ -- y"); padded.Effects != one.Effects || padded.Kind != one.Kind {
			t.Fatalf("%q has %v, with a comment behind it %v", a, one.Effects, padded.Effects)
		}
		both := scan(a + "\n;" + b)
		if missing := (one.Effects | two.Effects) &^ both.Effects; missing != 0 {
			t.Fatalf("%q followed by %q lacks %v", a, b, missing)
		}
		if one.Kind != Empty && two.Kind != Empty && !both.Effects.Has(Multi) {
			t.Fatalf("%q followed by %q is not Multi", a, b)
		}
		checkChanges(t, a+"\n;"+b, both)
		want := min(len(one.Changes())+len(two.Changes()), MaxChanges)
		if got := len(both.Changes()); got < want && !both.Effects.Has(Unknown) {
			t.Fatalf("%q followed by %q makes %d changes, want %d", a, b, got, want)
		}
	})
}

// checkChanges checks what must hold for the changes of every text.
func checkChanges(t *testing.T, text string, st *Statement) {
	t.Helper()
	last := Change{Statement: -1}
	for _, c := range st.Changes() {
		effects, named := SetsSession|CallsSetConfig, true
		switch c.Kind {
		case ChangeReset:
			effects = SetsSession | Resets
		case ChangeResetAll:
			effects, named = Resets, false
		case ChangeDiscardAll:
			effects, named = DiscardsAll, false
		case ChangeResetLocal:
			effects = SetsLocal
		}
		if !st.Effects.Has(effects) {
			t.Fatalf("%q has %v, without what makes change %+v", text, st.Effects, c)
		}
		if named != (len(c.Name) > 0) || strings.ContainsAny(string(c.Name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Fatalf("%q makes a change of an impossible name: %+v", text, c)
		}
		if c.End <= 0 || c.End > len(text) || c.Statement < last.Statement || c.End < last.End ||
			(c.Statement == last.Statement) != (c.End == last.End) {
			t.Fatalf("%q makes change %+v behind %+v", text, c, last)
		}
		last = c
	}
	changing := st.Effects.Has(SetsSession | Resets | CallsSetConfig | DiscardsAll)
	if changing && len(st.Changes()) == 0 && !st.Effects.Has(SetsUnknown) {
		t.Fatalf("%q has %v, but makes no change", text, st.Effects)
	}
}
