package session

import (
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

func TestRowsInTags(t *testing.T) {
	for tag, want := range map[string]uint64{
		"SELECT 5": 5, "INSERT 0 12": 12, "UPDATE 0": 0, "COPY 18446744073709551615": 1<<64 - 1, "CREATE TABLE": 0, "": 0, "7": 7, "FETCH 10": 10,
	} {
		if got := rowsInTag([]byte(tag + "\x00")); got != want {
			t.Errorf("%q: %d rows, want %d", tag, got, want)
		}
		if got := rowsInTag([]byte(tag)); got != want {
			t.Errorf("%q without its end: %d rows, want %d", tag, got, want)
		}
	}
}

func executeOf(portal string) []byte {
	return pgwire.AppendExecute(nil, []byte(portal))
}

func TestPortalsAreKnownUpToABound(t *testing.T) {
	var p portals
	names := strings.Fields("a b c d e")
	p.set(nil, subject{stmt: 100})
	for i, name := range names[:maxPortals] {
		p.set([]byte(name), subject{stmt: prepared.StmtID(i + 1)})
	}
	for i, name := range names[:maxPortals] {
		if got := p.of(executeOf(name)).stmt; got != prepared.StmtID(i+1) {
			t.Errorf("at the bound %s is of statement %d", name, got)
		}
	}
	p.set([]byte("b"), subject{stmt: 7})
	p.set([]byte("e"), subject{stmt: 5})
	for name, want := range map[string]prepared.StmtID{"": 100, "a": prepared.None, "b": 7, "c": 3, "d": 4, "e": 5, "unknown": prepared.None} {
		if got := p.of(executeOf(name)).stmt; got != want {
			t.Errorf("past it %q is of statement %d, want %d", name, got, want)
		}
	}
}

// Of an Execute that has come in part, nothing but its header, the portal is taken for the one without a name.
func TestThePortalOfAnExecuteThatIsNotAllThere(t *testing.T) {
	var p portals
	p.set(nil, subject{stmt: 1})
	p.set([]byte("p"), subject{stmt: 2})
	if got := p.of(executeOf("p")[:pgwire.HeaderLen]).stmt; got != 1 {
		t.Errorf("statement %d", got)
	}
}

func TestRanTextsAreCutAtTheirBound(t *testing.T) {
	var q Owed
	for _, n := range []int{1, MaxRanText - 1, MaxRanText, MaxRanText + 1} {
		o := q.push(oweQuery, prepared.None)
		q.keepText(o, make([]byte, n))
		r := Ran{Text: q.texts[o.runs.at : o.runs.at+o.runs.length]}
		if want := n >= MaxRanText; len(r.Text) != min(n, MaxRanText) || r.Cut() != want {
			t.Errorf("of %d bytes %d are kept, cut: %t", n, len(r.Text), r.Cut())
		}
		q.pop()
	}
	if len(q.texts) > MaxRanText {
		t.Errorf("%d bytes are kept of what was answered", len(q.texts))
	}
}

func TestHowManyRowsAnExecuteAsksFor(t *testing.T) {
	var p portals
	p.set(nil, subject{stmt: 1})
	whole := executeOf("")
	for most, want := range map[byte]uint32{0: 0, 3: 3} {
		whole[len(whole)-1] = most
		if got := p.of(whole); got.length != want || got.stmt != 1 {
			t.Errorf("%+v, want %d", got, want)
		}
	}
	whole[len(whole)-4] = 0x80 // negative: all of them
	if got := p.of(whole); got.length != 0 {
		t.Errorf("%+v", got)
	}
	if got := p.of(whole[:len(whole)-1]); got.length != 0 || got.stmt != 1 {
		t.Errorf("of one that has come in part: %+v", got)
	}
}
