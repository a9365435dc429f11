package command

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// sizes is windows in which the screens are on file.
var sizes = []struct{ width, height int }{{80, 24}, {120, 40}, {40, 20}}

// looks is how golden files write a line's look.
var looks = [...]string{plain: "  ", heading: "= ", titles: "# ", alarm: "! ", faint: ". "}

// drawn is lines with their looks.
func drawn(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(looks[l.look]+l.text, " ") + "\n")
	}
	return b.String()
}

func TestScreensAreAsOnFile(t *testing.T) {
	for v, name := range viewNames {
		for _, size := range sizes {
			s := taken(t, view(v))
			golden(t, fmt.Sprintf("%s_%dx%d", name, size.width, size.height), drawn(s.render(size.width, size.height)))
		}
	}
}

func TestASnapshotIsAsLargeAsItNeedsToBe(t *testing.T) {
	golden(t, "snapshot", drawn(taken(t, viewPools).render(0, 0)))
}

// Whatever the window, a screen has as many lines as it, none is wider, and none has anything that a terminal would obey.
func TestAScreenFitsItsWindow(t *testing.T) {
	for v := range views {
		s := taken(t, v)
		for _, trouble := range []error{nil, errors.New("no Caddy answers at localhost:2019, or whatever it may be that is longer than a line")} {
			s.err = trouble
			for width := 1; width < 200; width += 13 {
				for height := 1; height < 50; height += 3 {
					checkFits(t, s.render(width, height), width, height)
				}
			}
		}
	}
}

func checkFits(t *testing.T, lines []line, width, height int) {
	t.Helper()
	if len(lines) != height {
		t.Fatalf("%dx%d: %d lines", width, height, len(lines))
	}
	for n, l := range lines {
		if cells(l.text) > width || strings.ContainsFunc(l.text, unicode.IsControl) {
			t.Fatalf("%dx%d: line %d is %q, %d cells", width, height, n+1, l.text, cells(l.text))
		}
	}
}

func TestAScreenSaysWhatIsMissing(t *testing.T) {
	s := &screen{source: "localhost:2019", interval: 1e9}
	if got := drawn(s.render(80, 5)); !strings.Contains(got, "Asking localhost:2019") {
		t.Errorf("before the first picture:\n%s", got)
	}
	s.show(nil, errors.New("no Caddy answers"))
	if got := drawn(s.render(80, 5)); !strings.Contains(got, "! no Caddy answers") {
		t.Errorf("without a Caddy:\n%s", got)
	}
	s = taken(t, viewPools)
	s.shown.without = map[string]error{queriesPath: errors.New("there is nothing at /postgres/queries")}
	if got := drawn(s.render(120, 40)); !strings.Contains(got, "! No queries: there is nothing") || !strings.Contains(got, "10.0.0.1:5432") {
		t.Errorf("without queries:\n%s", got)
	}
	s.show(nil, errors.New("it is gone"))
	if got := drawn(s.render(120, 40)); !strings.Contains(got, "! it is gone") || !strings.Contains(got, "10.0.0.1:5432") {
		t.Errorf("the last picture is not there any more:\n%s", got)
	}
}

func TestRowsScroll(t *testing.T) {
	s := taken(t, viewClients)
	for i := range 40 {
		s.shown.clients = append(s.shown.clients, adminapi.Client{ID: fmt.Sprint(5000 + i), State: "idle"})
	}
	if got := drawn(s.render(80, 10)); !strings.Contains(got, "more") || strings.Contains(got, "5039") {
		t.Errorf("at first:\n%s", got)
	}
	for range 100 {
		s.press(keyDown)
	}
	got := drawn(s.render(80, 10))
	if !strings.Contains(got, "5039") || !strings.Contains(got, "# ") || strings.Contains(got, "more") {
		t.Errorf("at the end:\n%s", got)
	}
	for range 5 {
		s.press(keyPageUp)
	}
	if s.scroll != 0 {
		t.Errorf("50 rows back from the last of 45: at %d", s.scroll)
	}
}

// A list may become shorter than what is scrolled over, and a window smaller than a list's titles.
func TestAListShrinksBelowWhatIsScrolled(t *testing.T) {
	for height := 1; height < 9; height++ {
		s := taken(t, viewClients)
		for i := range 40 {
			s.shown.clients = append(s.shown.clients, adminapi.Client{ID: fmt.Sprint(5000 + i), State: "idle"})
		}
		for range 45 {
			s.press(keyDown)
		}
		for _, left := range []int{44, 3, 1, 0} {
			s.shown.clients = s.shown.clients[:min(left, len(s.shown.clients))]
			checkFits(t, s.render(80, height), 80, height)
		}
	}
}

// Up moves at once, however often Down was pressed when the end was in sight.
func TestUpMovesFromTheEnd(t *testing.T) {
	s := taken(t, viewClients)
	for i := range 40 {
		s.shown.clients = append(s.shown.clients, adminapi.Client{ID: fmt.Sprint(5000 + i), State: "idle"})
	}
	for range 100 {
		s.press(keyDown)
	}
	end := drawn(s.render(80, 10))
	s.press(keyDown)
	if got := drawn(s.render(80, 10)); got != end {
		t.Errorf("beyond the end:\n%s", got)
	}
	s.press(keyUp)
	if got := drawn(s.render(80, 10)); got == end {
		t.Errorf("up has not moved:\n%s", got)
	}
}

// What was not looked at may be what somebody looks for.
func TestAScreenSaysThatThereAreMore(t *testing.T) {
	for v, want := range map[view]string{
		viewPools: "Only the first 1,000 clients that wait by ID were looked at.", viewClients: "Only the first 1,000 clients by ID were looked at.",
		viewServers: "Only the first 1,000 servers by ID were looked at.",
	} {
		s := taken(t, v)
		if got := drawn(s.render(80, 24)); strings.Contains(got, "Only the first") {
			t.Errorf("%s: nothing is missing:\n%s", viewNames[v], got)
		}
		s.shown.more = true
		if got := drawn(s.render(80, 24)); !strings.Contains(got, ". "+want) {
			t.Errorf("%s:\n%s", viewNames[v], got)
		}
		if got := drawn(s.render(0, 0)); !strings.Contains(got, want) {
			t.Errorf("%s, in a file:\n%s", viewNames[v], got)
		}
		s.press(keyNext)
		if got := drawn(s.render(80, 24)); strings.Contains(got, "Only the first") {
			t.Errorf("behind %s, of which nothing is known yet:\n%s", viewNames[v], got)
		}
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		lines int
		wants []int
		want  string
	}{
		{20, []int{3, 4, 5}, "[3 4 5]"},
		{10, []int{3, 20, 30}, "[3 4 3]"},
		{5, []int{3, 20, 30}, "[3 2 0]"},
		{2, []int{20, 20}, "[2 0]"},
		{1, []int{20, 1}, "[0 0]"},
		{0, []int{1}, "[0]"},
		{-3, []int{1, 2}, "[0 0]"},
	} {
		if got := fmt.Sprint(share(c.lines, c.wants)); got != c.want {
			t.Errorf("%d lines for %v: got %s, want %s", c.lines, c.wants, got, c.want)
		}
	}
}
