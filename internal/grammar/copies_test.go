package grammar

import (
	"errors"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// TestCopies: how often the parser's tree has what it has most often.
func TestCopies(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"select 1", 1},
		{"update t set a = 1, b = f(1, 2, 3) where (a, b, c) = (1, 2, 3) and f(a, b) = 1", 1},
		{"update t set (a, b, c) = (select 1, 2, 3) where (a, b) = (1, 2)", 3},
		{"UPDATE t SET /* why */ (\"a,\", b[1,2], c.d)=row(1), (a, b) = row(2), c = 3", 3},
		{"update t set x = 1, (a, b) = row(1)", 2},
		{"insert into t values (1) on conflict (a, b, c) do update set (a, b) = row(1)", 2},
		{"merge into t using u on true when matched then update set (a, b) = row(1) when matched then update set (a, b, c) = row(1)", 3},
		{nested(3, "with x as (update t set (a, b)=(", "select 1", ") returning 1) select 1"), 8},
		{"with x as (update t set (a, b) = row(1)), y as (update t set (a, b, c) = row(1)) select 1", 3},
	} {
		if m := measured(sql.NormalForm(nil, []byte(c.text))); m.copies != c.want {
			t.Errorf("%s: %d copies, want %d", c.text, m.copies, c.want)
		}
	}
}

// TestCopiesAreBounded: at the bound a text is parsed, past it it is not, and tens of levels do not overflow.
func TestCopiesAreBounded(t *testing.T) {
	text := func(columns, length int) string {
		s := "update t set (" + strings.Repeat("a,", columns-1) + "a) = row(1)"
		return s + strings.Repeat(" ", length-len(s))
	}
	for _, c := range []struct {
		text string
		want error
	}{
		{text(128, maxCopied/128), nil},
		{text(128, maxCopied/128+1), ErrTooLarge},
		{text(129, maxCopied/128), ErrTooLarge},
		{nested(maxDepth/4, "with x as (update t set (a,a,a,a,a,a,a,a,a)=(", "select 1", ") returning 1) select 1"), ErrTooLarge},
	} {
		if _, err := Classify(c.text); !errors.Is(err, c.want) {
			t.Errorf("%d bytes, %.80s…: %v, want %v", len(c.text), c.text, err, c.want)
		}
	}
}
