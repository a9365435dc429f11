package adapters

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	document = "../docs/pgbouncer.md"
	begin    = "<!-- What follows is the table of package adapters: go test ./adapters -update -->\n"
	end      = "<!-- So far. -->\n"
)

// TestTheDocumentedTableIsThatOfTheCode compares, or writes it.
func TestTheDocumentedTableIsThatOfTheCode(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	was, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for it", document)
	}
	is := tables()
	if is == was {
		return
	}
	if !*update {
		t.Fatalf("%s has another table (-update writes it)", document)
	}
	if err := os.WriteFile(document, []byte(head+begin+is+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tables is all of them.
func tables() string {
	var b strings.Builder
	for _, g := range groups {
		b.WriteString(table(g, "`[pgbouncer]`"))
	}
	for _, g := range others {
		b.WriteString(table(g, "key"))
	}
	return b.String()
}

func table(g group, of string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n| %s | default | | here |\n|---|---|---|---|\n", g.title, of)
	for _, row := range g.rows {
		standard := row.standard
		if standard != "" && !strings.ContainsAny(standard, " `") {
			standard = "`" + standard + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", row.name, standard, becomes[row.kind], strings.ReplaceAll(row.here, "|", `\|`))
	}
	if g.note != "" {
		fmt.Fprintf(&b, "\n%s\n", g.note)
	}
	return b.String()
}

// becomes is the third column.
var becomes = map[kind]string{mapped: "mapped", covered: "so here", missing: "warning"}
