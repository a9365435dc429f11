package grammar

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// TestFacts: every text of testdata/facts.txt has the facts that stand behind it.
func TestFacts(t *testing.T) {
	known, err := os.ReadFile("testdata/facts.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(known)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		text, want, _ := strings.Cut(line, "=> ")
		f, err := Classify(text)
		if got := describe(f); got != want {
			t.Errorf("%s\n     %s %v\nnot  %s", text, got, err, want)
		}
		n++
	}
	t.Logf("%d texts", n)
}

// describe is facts as testdata/facts.txt has them.
func describe(f sql.Facts) string {
	words := []string{[]string{"writes", "reads", "begins-read-only", "begins"}[f.Class]}
	for i, trait := range []string{"understood", "truncates", "refreshes", "repeatable", "roles"} {
		if f.Traits.Has(1 << i) {
			words = append(words, trait)
		}
	}
	out := strings.Join(words, " ")
	for i, names := range [][]string{f.Functions, f.Relations, f.Written} {
		if len(names) > 0 {
			out += fmt.Sprintf(" | %s %s", []string{"functions", "relations", "written"}[i], strings.Join(names, " "))
		}
	}
	return out
}

// TestTooManyNames: at the bound a text is Understood, past it it is not, but reads if it did.
func TestTooManyNames(t *testing.T) {
	text := func(before string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ", f%d()", i)
		}
		return before + b.String()[1:]
	}
	for _, c := range []struct{ text, want string }{
		{text("select", maxNames), "reads understood repeatable"},
		{text("select", maxNames+1), "reads"},
		{text("insert into t select", maxNames-1), "writes understood"},
		{text("insert into t select", maxNames), "writes"},
	} {
		f, err := Classify(c.text)
		if got, _, _ := strings.Cut(describe(f), " | "); got != c.want || err != nil {
			t.Errorf("%.60s…: %s %v, want %s", c.text, got, err, c.want)
		}
		if names := len(f.Functions); names > 0 != (f.Class == sql.ClassReads || f.Traits.Has(sql.Understood)) {
			t.Errorf("%.60s…: %d functions", c.text, names)
		}
	}
}

// TestNamesAreCut: a name is as long as Postgres has it.
func TestNamesAreCut(t *testing.T) {
	long := strings.Repeat("a", 70)
	f, err := Classify("insert into " + long + " select " + long + "() from s." + long)
	for _, names := range [][]string{f.Functions, f.Relations, f.Written} {
		if !slices.Equal(names, []string{long[:63]}) {
			t.Errorf("%q %v", names, err)
		}
	}
}
