package command

import (
	"fmt"
	"math"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
)

// look is how a line is to look where there are colours.
type look uint8

const (
	plain   look = iota
	heading      // of the screen
	titles       // of a table
	alarm        // deserves attention
	faint
)

// line is one line of a screen.
type line struct {
	text string
	look look
}

// render draws a screen: at most height lines, none wider than width. With 0 for both it is as large as it needs to be, and has no footer:
// for a file.
func (s *screen) render(width, height int) []line {
	lines := s.head(width)
	body := s.body(width, max(0, height-len(lines)-1), height <= 0)
	lines = append(lines, body...)
	if height <= 0 {
		return lines
	}
	for len(lines) < height-1 {
		lines = append(lines, line{})
	}
	return append(lines[:height-1], line{cut(s.footer(), width), faint})
}

// head is what the screen is of, and the sums over all pools.
func (s *screen) head(width int) []line {
	left, right := "pgmux at "+s.source, fmt.Sprintf("every %v", s.interval)
	if s.frozen {
		right = "paused"
	}
	if s.shown == nil {
		return []line{{ends(left, right, width), heading}, s.trouble(width)}
	}
	right = s.shown.at.Format("15:04:05") + "  " + right
	lines := []line{{ends(left, right, width), heading}, {bounded(s.totals(), width), plain}}
	if s.err != nil {
		return append(lines, s.trouble(width))
	}
	return append(lines, s.note(width))
}

// trouble is why the picture is old.
func (s *screen) trouble(width int) line {
	if s.err == nil {
		return line{}
	}
	return line{bounded(clean(s.err.Error()), width), alarm}
}

// note is what the picture does not have, nothing if it has all.
func (s *screen) note(width int) line {
	if !s.shown.more || s.shown.wish != s.wish() {
		return line{}
	}
	what := viewNames[s.view]
	if s.view == viewPools {
		what = "clients that wait"
	}
	return line{bounded(fmt.Sprintf("Only the first %s %s by ID were looked at.", count(askedRows), what), width), faint}
}

// totals adds over all pools.
func (s *screen) totals() string {
	var clients adminapi.ClientStates
	var busy, most int
	queries := math.NaN() // until one is known
	for i := range s.shown.pools {
		p := &s.shown.pools[i]
		clients.Total += p.Clients.Total
		clients.Active += p.Clients.Active
		clients.Waiting += p.Clients.Waiting
		busy += p.Size - p.Available
		most += p.MaxSize
		if r := s.rates.pool(p.Name).queries; !math.IsNaN(r) {
			queries = r + known(queries)
		}
	}
	return fmt.Sprintf("%s queries/s  %s of %s servers busy  %s: %s active, %s waiting", rate(queries), count(busy), count(most),
		plural(clients.Total, "client", "clients"), count(clients.Active), count(clients.Waiting))
}

// known is a number, or 0 if it is not known.
func known(n float64) float64 {
	if math.IsNaN(n) {
		return 0
	}
	return n
}

// footer is the views, and what the keys do.
func (s *screen) footer() string {
	var b strings.Builder
	for v, name := range viewNames {
		if view(v) == s.view {
			name = "[" + name + "]"
		}
		b.WriteString(name + " ")
	}
	pause := "pause"
	if s.frozen {
		pause = "go on"
	}
	return fmt.Sprintf("%s q quit  tab view  s sort: %s  p %s", b.String(), s.sort(), pause)
}

// body is the sections, which share the lines there are. Between two is an empty line.
func (s *screen) body(width, height int, unbounded bool) []line {
	sections := s.sections()
	blocks := make([][]line, len(sections))
	wants := make([]int, len(sections))
	for i := range sections {
		blocks[i] = sections[i].lines(width)
		wants[i] = len(blocks[i])
	}
	if len(blocks) == 1 && !unbounded {
		blocks[0], s.scroll = scrolled(blocks[0], s.scroll, height) // or keys would first go through what cannot be seen
		wants[0] = len(blocks[0])
	}
	shares := wants
	if !unbounded {
		shares = share(height-len(blocks)+1, wants)
	}
	var lines []line
	for i, block := range blocks {
		if i > 0 && shares[i] > 0 {
			lines = append(lines, line{})
		}
		lines = append(lines, clipped(block, shares[i], width)...)
	}
	return lines
}

// lines is a section's titles and rows, or its sentence.
func (s *section) lines(width int) []line {
	if s.sentence != "" {
		l := line{text: bounded(s.sentence, width)}
		if s.alarming {
			l.look = alarm
		}
		return []line{l}
	}
	var out []line
	for i, text := range s.table.lines(width) {
		l := line{text: text}
		switch {
		case i == 0:
			l.look = titles
		case s.table.marked[i-1]:
			l.look = alarm
		}
		out = append(out, l)
	}
	return out
}

// bounded cuts text to a width, if there is one.
func bounded(text string, width int) string {
	if width <= 0 {
		return text
	}
	return cut(text, width)
}

// ends puts one text at the left and one at the right end of a line; where there is no room for both, the left.
func ends(left, right string, width int) string {
	blanks := width - cells(left) - cells(right)
	switch {
	case width <= 0:
		blanks = gap
	case blanks < gap:
		return cut(left, width)
	}
	return left + strings.Repeat(" ", blanks) + right
}
