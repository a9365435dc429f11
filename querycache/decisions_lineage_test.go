package querycache_test

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/grammar"
	"github.com/pgmux/caddy-pgmux/internal/sql"
	"github.com/pgmux/caddy-pgmux/querycache"
)

var update = flag.Bool("update", false, "write testdata/eligibility.txt and testdata/effects.txt anew: their statements stay, what they say of them is what is decided")

// decisions is a file of statements, one a line, each with what is decided below it, behind two spaces.
type decisions struct {
	name  string
	lines []string
}

func readDecisions(t *testing.T, name string) *decisions {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := &decisions{name: name}
	for line := range strings.Lines(string(content)) {
		d.lines = append(d.lines, strings.TrimSuffix(line, "\n"))
	}
	return d
}

// each calls f with every statement and what the file says of it; with -update, what f returns takes that place.
func (d *decisions) each(t *testing.T, f func(statement, want string) string) {
	var out strings.Builder
	for i, line := range d.lines {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		want := ""
		if i+1 < len(d.lines) && strings.HasPrefix(d.lines[i+1], "  ") {
			want = d.lines[i+1][2:]
		}
		out.WriteString("  " + f(line, want) + "\n")
	}
	if *update {
		if err := os.WriteFile("testdata/"+d.name, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// check compares.
func (d *decisions) check(t *testing.T, statement, got, want string) {
	t.Helper()
	if got != want && !*update {
		t.Errorf("%s: %s\ngot  %s\nwant %s; if that is right, run with -update", d.name, statement, got, want)
	}
}

// shown is a decision as the files have it.
func shown(tables []string, not string) string {
	switch {
	case not != "":
		return "! " + not
	case len(tables) == 0:
		return "nothing"
	}
	return strings.Join(tables, ", ")
}

// classified is what a lineage wants of a text.
func classified(t *testing.T, text string) (*sql.Facts, []byte) {
	t.Helper()
	facts, err := grammar.Classify(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &facts, sql.NormalForm(nil, []byte(text))
}

// makeSchema makes what the files are about, if there is all that it wants.
func makeSchema(t *testing.T, conn *pgconn.PgConn) *querycache.Lineage {
	t.Helper()
	missing := `SELECT count(*) FROM unnest(ARRAY['citext','file_fdw','hstore','moddatetime','pg_trgm','pgcrypto','tablefunc','uuid-ossp']) x
		WHERE NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = x)`
	if n := string(run(t, conn, missing)[0][0]); n != "0" {
		t.Skipf("%s extensions are not here", n)
	}
	schema, err := os.ReadFile("testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	run(t, conn, string(schema), "CREATE ROLE reader", "GRANT USAGE ON SCHEMA second TO reader", "GRANT SELECT ON ALL TABLES IN SCHEMA public, second TO reader")
	l := ask(t, conn)
	if l == nil {
		t.Fatal("no lineage")
	}
	return l
}

// answer is what a statement answers, or its error.
func answer(conn *pgconn.PgConn, statement string) string {
	results, err := conn.Exec(context.Background(), statement).ReadAll()
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, result := range results {
		for _, row := range result.Rows {
			for _, c := range row {
				b.Write(c)
				b.WriteByte('|')
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
