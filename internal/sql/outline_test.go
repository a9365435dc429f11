package sql

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestOutlineTellsAsMuchAsCanBeRead(t *testing.T) {
	for _, c := range []struct {
		text  string
		most  int
		form  string
		whole bool
	}{
		{"SELECT 1 -- x", 100, "select $n", true},
		{"", 100, "", true},
		{"select 'it''s' from t", 19, "select $n from t", true},
		{"select a from t", 8, "select a", false},
		{"select a from t", 0, "", false},
		{"select a, 'open", 100, "select a,", false},
		{"select a, $$open", 100, "select a,", false},
		{"select a /* open", 100, "select a", false},
		{`select "open`, 100, "select", false},
		{`select 'don\'t', a`, 100, "select", false},
		{"select a in (1, 2, 'open", 100, "select a in ($n", false},
		{"select 0x1f, a", 100, "select", false},
		{"select äöü", 8, "select ", false},
		{"select äöü", 9, "select ä", false},
	} {
		form, whole := Outline([]byte("before "), []byte(c.text), c.most)
		if got := strings.TrimPrefix(string(form), "before "); got != c.form || whole != c.whole {
			t.Errorf("%q, %d bytes: %q, %t; want %q, %t", c.text, c.most, got, whole, c.form, c.whole)
		}
	}
}

func TestOutlineDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 10_000)
	for _, c := range benchTexts {
		text := []byte(c.text)
		if n := testing.AllocsPerRun(100, func() { dst, _ = Outline(dst[:0], text, 1000) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

// FuzzOutline checks that it is the normal form where there is one, has its bound, and never tells a literal, wherever the text ends.
func FuzzOutline(f *testing.F) {
	for _, c := range benchTexts {
		f.Add(c.text, 10)
	}
	f.Add("select 'a' from t where b = 'don\\'t' and c in (1, 2", 30)
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = min(max(most, 0), 1000)
		form, whole := Outline(nil, []byte(text), most)
		if len(form) > most {
			t.Errorf("%q: %d bytes", text, len(form))
		}
		all := NormalForm(nil, []byte(text))
		if want := all != nil && len(all) <= most; whole != want {
			t.Errorf("%q: whole is %t", text, whole)
		}
		if all != nil && !bytes.HasPrefix(all, form) {
			t.Errorf("%q: %q is no beginning of %q", text, form, all)
		}
		if utf8.ValidString(text) && !utf8.Valid(form) {
			t.Errorf("%q: %q ends amid a character", text, form)
		}
		const secret = "'5ecre7'"
		for _, cut := range []int{len(text), most % (len(text) + 1)} {
			with := text[:cut] + secret
			if told, _ := Outline(nil, []byte(with), 1000); bytes.Contains(told, []byte("5ecre7")) && literalAtEnd(text[:cut]) {
				t.Errorf("%q: tells %q", with, told)
			}
		}
	})
}

// literalAtEnd reports whether what follows a text is read as a literal for certain: it has a form with one behind it, and ends no name.
func literalAtEnd(text string) bool {
	return NormalForm(nil, []byte(text+" 1")) != nil && bytes.HasSuffix(NormalForm(nil, []byte(text+" 1")), []byte(Placeholder))
}
