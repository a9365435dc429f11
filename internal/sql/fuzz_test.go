package sql

import "testing"

// FuzzScan checks what must hold for every text: no panic, white space and comments behind it change nothing, and
// two texts one after the other have the effects of both.
func FuzzScan(f *testing.F) {
	for _, c := range benchTexts {
		f.Add(c.text, "SET x = 1")
	}
	f.Add(`SELECT E'a\'' -- x`, "EXPLAIN (ANALYZE) EXECUTE p")
	f.Add(`PREPARE "a""b" AS SELECT $1$a$ $a$`, "CREATE TEMP TABLE t AS EXECUTE p")
	f.Add("SELECT /* /* */ */ set_config('a', ('b'), true)", "DEALLOCATE PREPARE")
	f.Fuzz(func(t *testing.T, a, b string) {
		one, two := scan(a), scan(b)
		for _, st := range []*Statement{one, two} {
			for _, n := range st.Names() {
				if n.Start < 0 || n.End <= n.Start || len(n.Value) > maxIdentifier {
					t.Fatalf("impossible name %+v", n)
				}
			}
		}
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
	})
}
