package sql

import (
	"slices"
	"testing"
)

// TestScanNext: statement by statement a text says what it says as a whole.
func TestScanNext(t *testing.T) {
	for _, c := range []struct {
		text  string
		parts []string
		what  []Effects
	}{
		{"", nil, nil},
		{"select 1", []string{"select 1"}, []Effects{0}},
		{"prepare a as select ';' ; execute a -- ;\n; ; deallocate \"a;\"",
			[]string{"prepare a as select ';' ;", " execute a -- ;\n;", " ; deallocate \"a;\""},
			[]Effects{SQLPrepare, SQLExecute, Deallocates}},
		{"select $x$;$x$; select E'\\';'; deallocate all",
			[]string{"select $x$;$x$;", " select E'\\';';", " deallocate all"}, []Effects{0, 0, DeallocatesAll}},
		{"select 1; select 'open", []string{"select 1;", " select 'open"}, []Effects{0, Unknown}},
	} {
		var parts []string
		var what []Effects
		var st Statement
		for i := 0; i < len(c.text); {
			next := ScanNext([]byte(c.text), i, &st)
			parts, what = append(parts, c.text[i:next]), append(what, st.Effects)
			for _, n := range st.Names() {
				if n.Start < i || n.End > next {
					t.Errorf("%q: the name at %d lies outside of %d to %d", c.text, n.Start, i, next)
				}
			}
			i = next
		}
		if !slices.Equal(parts, c.parts) || !slices.Equal(what, c.what) {
			t.Errorf("%q has the parts\n%q %v\nand should have\n%q %v", c.text, parts, what, c.parts, c.what)
		}
	}
}
