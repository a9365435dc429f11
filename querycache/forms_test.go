package querycache

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// formOf is the form of a text as the engine asks for it.
func formOf(f *Forms, text string) *Form { return f.Of(sql.Fingerprint([]byte(text)), []byte(text)) }

// Texts of one normal form are counted together, and shown by how often they were asked for.
func TestForms(t *testing.T) {
	var f Forms
	a := formOf(&f, "SELECT * FROM a WHERE id = 1")
	if again := formOf(&f, "select * from a where id=2"); again != a {
		t.Errorf("one normal form is two forms: %q, %q", a.Text, again.Text)
	}
	b := formOf(&f, "SELECT now()")
	a.Miss(3000, 100, true)
	a.Miss(1000, 100, false)
	for loop := range 20 {
		a.Hit(loop, 10)
	}
	b.Miss(500, 7, false)
	b.Refuse(3)
	a.weigh(500)
	a.weigh(-200)

	rows := f.Rows()
	want := []FormRow{
		{Text: "select * from a where id = $n", Fingerprint: a.Fingerprint, Hits: 20, Misses: 2, Stored: 1, HitBytes: 200, MissBytes: 200,
			Bytes: 300, MissNanos: 2000},
		{Text: "select now ()", Fingerprint: b.Fingerprint, Misses: 1, Refused: 1, Why: 3, MissBytes: 7, MissNanos: 500},
	}
	if len(rows) != len(want) {
		t.Fatalf("%d rows: %+v", len(rows), rows)
	}
	for i := range want {
		if rows[i] != want[i] {
			t.Errorf("row %d is %+v\nwant     %+v", i, rows[i], want[i])
		}
	}
}

// Texts without a normal form are one.
func TestFormsOfUnreadableTexts(t *testing.T) {
	var f Forms
	if a, b := formOf(&f, "SELECT 'a"), formOf(&f, "SELECT /*"); a != b || a.Text != unreadable || a.Fingerprint != 0 {
		t.Errorf("%+v, %+v", a, b)
	}
}

// A text is whole at the bound and clipped past it, between characters.
func TestFormTextsAreBounded(t *testing.T) {
	const begin = "select "
	for _, c := range []struct {
		column string
		want   int
	}{
		{strings.Repeat("a", maxFormText-len(begin)), maxFormText},
		{strings.Repeat("a", maxFormText-len(begin)+1), maxFormText},
		{strings.Repeat("a", maxFormText-len(begin)-1) + "é", maxFormText - 1},
		{strings.Repeat("a", maxFormText-len(begin)-2) + "éa", maxFormText},
		{strings.Repeat("a", maxFormText-len(begin)-1) + "\U0001F418", maxFormText - 1},
		{strings.Repeat("a", maxFormText-len(begin)-3) + "\U0001F418", maxFormText - 3},
	} {
		if got := formText([]byte(begin + c.column)); len(got) != c.want || !utf8.ValidString(got) {
			t.Errorf("…%q: %d bytes, …%q, want %d", c.column[len(c.column)-6:], len(got), got[len(got)-6:], c.want)
		}
	}
}

// Of too many forms, those that are asked for stay, with all their figures, however many come that are not.
func TestFormsAreBounded(t *testing.T) {
	var f Forms
	text := func(what string, i int) string { return fmt.Sprintf("SELECT * FROM %s%d", what, i) }
	const used = 100
	for i := range used {
		formOf(&f, text("used", i))
	}
	for i := range 10 * maxForms {
		formOf(&f, text("once", i))
		if form := formOf(&f, text("used", i%used)); i%2 == 0 {
			form.Miss(1, 1, true)
		} else {
			form.Hit(i, 1)
		}
		if n := len(f.forms); n > maxForms || n != len(f.byFingerprint) {
			t.Fatalf("%d forms, %d fingerprints", n, len(f.byFingerprint))
		}
	}
	rows := f.Rows()
	if len(rows) != maxForms {
		t.Errorf("%d rows", len(rows))
	}
	for i, row := range rows[:used] {
		if !strings.HasPrefix(row.Text, "select * from used") || row.Hits+row.Misses != 10*maxForms/used {
			t.Errorf("row %d is %q with %d hits and %d misses", i, row.Text, row.Hits, row.Misses)
		}
	}
}

// Counts from several loops add up, and counting allocates nothing.
func TestFormsOfManyLoops(t *testing.T) {
	var f Forms
	var wg sync.WaitGroup
	const loops, rounds = 4, 1000
	for loop := range loops {
		wg.Go(func() {
			for range rounds {
				form := formOf(&f, "SELECT 1")
				form.Hit(loop, 2)
				form.Miss(1, 1, false)
				f.Rows()
			}
		})
	}
	wg.Wait()
	if rows := f.Rows(); len(rows) != 1 || rows[0].Hits != loops*rounds || rows[0].Misses != loops*rounds {
		t.Errorf("%+v", rows)
	}
	text := []byte("SELECT 1")
	fingerprint := sql.Fingerprint(text)
	count := func() {
		form := f.Of(fingerprint, text)
		form.Hit(-1, 1)
		form.Miss(1, 1, true)
		form.Refuse(1)
	}
	if n := testing.AllocsPerRun(100, count); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Loops do not share the lines in which they count their hits.
func TestHitsAreALineEach(t *testing.T) {
	if n := unsafe.Sizeof(formHits{}); n != 64 {
		t.Errorf("%d bytes", n)
	}
}
