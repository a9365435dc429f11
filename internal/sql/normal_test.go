package sql

import (
	"bytes"
	"strings"
	"testing"
)

func TestNormalForm(t *testing.T) {
	for _, c := range []struct{ text, form string }{
		{"", ""},
		{" ; ;-- nothing\n", ""},
		{"SELECT 1", "select $n"},
		{"select\n\t1 ;", "select $n"},
		{";; SELECT /* why */ 'x' -- because", "select $n"},
		{"SELECT abalance FROM pgbench_accounts WHERE aid = 12345;", "select abalance from pgbench_accounts where aid = $n"},
		{"SELECT 1; select 2;;select 3", "select $n; select $n; select $n"},
		{`SELECT "Users"."id", "a""b" FROM Users u`, `select "Users"."id", "a""b" from users u`},
		{"select a . b,f (x , y)", "select a.b, f (x, y)"},
		{"select $1, $2 from t where a=$3", "select $n, $n from t where a = $n"},

		// Literals of every kind.
		{`select 1, 1.5, .5, 1., 1e5, 1.5E-3, 1e+5`, "select $n, $n, $n, $n, $n, $n, $n"},
		{`select 'it''s', E'a\'b', B'01', X'ff', N'x', U&'d\0061t', $$a$$, $t$ $$ $t$`,
			"select $n, $n, $n, $n, $n, $n, $n, $n"},
		{"select 'a'\n  'b', 'c'--x\n'd'", "select $n, $n"},
		{"select 'a' 'b'", "select $n $n"},
		{"select date'2024-01-01', a'b', interval '1 day'", "select date $n, a $n, interval $n"},
		{"select -1, a-1, a - -1, 2.5.5", "select - $n, a - $n, a - - $n, $n $n"},
		{"select null, true", "select null, true"},

		// Operators are what stands together.
		{"select a<-b, a < -b, a<=b, a->>'k', a::int, a @> b, a+/**/-b", "select a <- b, a < - b, a <= b, a ->> $n, a :: int, a @> b, a + - b"},
		{"select a ? 'k', b operator(pg_catalog.+) c, x[1:2]", "select a ? $n, b operator (pg_catalog.+) c, x [$n : $n]"},

		// Lists behind IN.
		{"select 1 where a in (1,2, 3) and b in ('x')", "select $n where a in ($n) and b in ($n)"},
		{"select 1 where a not in (1, 2, b) or c in (1, 2+3)", "select $n where a not in ($n, b) or c in ($n, $n + $n)"},
		{"select 1 where a in (select 1, 2)", "select $n where a in (select $n, $n)"},
		{"select f(1, 2), a in (1, f(2, 3), 4, 5)", "select f ($n, $n), a in ($n, f ($n, $n), $n, $n)"},
		{"select a in (1,2", "select a in ($n, $n"},
		{"select a in (1,; 2", "select a in ($n,; $n"},
		{`select a "in" (1, 2)`, `select a "in" ($n, $n)`},
		{"select a in (1,,2)", "select a in ($n,, $n)"},

		{"select ÄÖ, É", "select ÄÖ, É"},
		{strings.Repeat("A", 500), strings.Repeat("a", 500)},
		{`"` + strings.Repeat("A", 500) + `"`, `"` + strings.Repeat("A", 500) + `"`},
	} {
		if got := NormalForm(nil, []byte(c.text)); string(got) != c.form {
			t.Errorf("%q:\n got %q\nwant %q", c.text, got, c.form)
		}
		if Fingerprint([]byte(c.text)) == 0 || Fingerprint([]byte(c.text)) != Fingerprint([]byte(unformed([]byte(c.form)))) {
			t.Errorf("%q has not the fingerprint of its form", c.text)
		}
	}
}

// What no session, or not every Postgres, reads as another would has no fingerprint.
func TestTextsWithoutFingerprint(t *testing.T) {
	for _, text := range []string{
		"select 'x", "select E'x\\'", `select "x`, "select $$x", "select /* x", `select U&"d\0061t"()`,
		`select '\'`, `select '\' || nextval(''s'') --'`, `select N'\'`, "select 'a'\n'\\'",
		"select 1from t", "select 1_000", "select 0x1F", "select 1e", "select 1.5x", "select $1a", "select $1$a$ $a$", "select 1e5$a$ $a$",
		"select 1..2", "select $", "select $a",
	} {
		if f, form := Fingerprint([]byte(text)), NormalForm(make([]byte, 0, 10), []byte(text)); f != 0 || form != nil {
			t.Errorf("%q has the fingerprint %x and the form %q", text, f, form)
		}
	}
}

func TestDifferentNamesHaveDifferentFingerprints(t *testing.T) {
	seen := map[uint64]string{}
	for _, text := range []string{
		"select a", "select b", `select "a"`, `select "A"`, `select "a b"`, "select a b", `select a "b"`, `select "a" b`, "select a, b", "select a.b",
		`select "a.b"`, "select a(b)", "select 1", "select 1, 1", "select '1' '1'", `select "$n"`, "select a+b", "select a+ +b", "select a++b",
		"select é", "select É", `select "select"`, "table a", "select a; select b", "select a; b",
	} {
		f := Fingerprint([]byte(text))
		if seen[f] != "" || f == 0 {
			t.Errorf("%q has the fingerprint %x of %q", text, f, seen[f])
		}
		seen[f] = text
	}
}

func TestFingerprintDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 10_000)
	for _, c := range benchTexts {
		text := []byte(c.text)
		if n := testing.AllocsPerRun(100, func() { Fingerprint(text) }); n != 0 {
			t.Errorf("%s: Fingerprint allocates %v times", c.name, n)
		}
		if n := testing.AllocsPerRun(100, func() { dst = NormalForm(dst[:0], text) }); n != 0 {
			t.Errorf("%s: NormalForm allocates %v times", c.name, n)
		}
		if n := testing.AllocsPerRun(100, func() { CommentValue(text, "controller") }); n != 0 {
			t.Errorf("%s: CommentValue allocates %v times", c.name, n)
		}
	}
	long := []byte("select " + strings.Repeat("a", 5000) + `, "` + strings.Repeat("b", 5000) + `"`)
	if n := testing.AllocsPerRun(100, func() { Fingerprint(long) }); n != 0 {
		t.Errorf("long names: Fingerprint allocates %v times", n)
	}
}

// unformed is a text of a form: a literal for every placeholder.
func unformed(form []byte) string {
	var out []byte
	quoted := false
	for i := 0; i < len(form); i++ {
		quoted = quoted != (form[i] == '"')
		if !quoted && bytes.HasPrefix(form[i:], []byte(Placeholder)) && (i == 0 || classes[form[i-1]] > classDollar) {
			out = append(out, "'x'"...)
			i++
			continue
		}
		out = append(out, form[i])
	}
	return string(out)
}

// FuzzNormalForm checks what must hold for every text: its form is the form of what the form says, a fingerprint is one of the form,
// what is between tokens and the case of what is not quoted do not matter, and what cannot be scanned for certain has none.
func FuzzNormalForm(f *testing.F) {
	for _, c := range benchTexts {
		f.Add(c.text)
	}
	f.Add("select a in (1,2,'x'::text, $1) and b = E'\\'' -- c")
	f.Add("select a ? 'b', .5.x ; ; select $$ $$")
	f.Add("in (1,2+3),in (1,;")
	f.Fuzz(func(t *testing.T, text string) {
		form := NormalForm(nil, []byte(text))
		if (form == nil) != (Fingerprint([]byte(text)) == 0) {
			t.Fatalf("%q has the form %q and the fingerprint %x", text, form, Fingerprint([]byte(text)))
		}
		if form == nil {
			return
		}
		again := unformed(form)
		if got := NormalForm(nil, []byte(again)); !bytes.Equal(got, form) {
			t.Fatalf("%q has the form %q, and that is of the form %q", text, form, got)
		}
		if Fingerprint([]byte(again)) != Fingerprint([]byte(text)) {
			t.Fatalf("%q and its form have different fingerprints", text)
		}
		if got := NormalForm(nil, []byte("/* x */"+text+" -- y")); !bytes.Equal(got, form) {
			t.Fatalf("%q has the form %q, and %q with comments around it", text, form, got)
		}
	})
}

func BenchmarkFingerprint(b *testing.B) {
	for _, c := range benchTexts {
		text := []byte(c.text)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				Fingerprint(text)
			}
		})
	}
}
