package command

import (
	"slices"
	"strings"
)

// gap is the blanks between two columns.
const gap = 2

// column is one column of a table.
type column struct {
	title string
	// right: numbers, which are aligned by their ends.
	right bool
	// least is to how many cells the column may be cut where room is scarce; 0: it is not.
	least int
	// drop says which columns are left out where room is still too scarce: those with the highest number first; 0: never.
	drop int
}

// table is rows of text below titles.
type table struct {
	columns []column
	rows    [][]string
	marked  map[int]bool // rows that deserve attention
}

// add adds a row, one text for each column, and makes it harmless.
func (t *table) add(row ...string) {
	if len(row) != len(t.columns) {
		panic("bug: a row with more or fewer cells than the table has columns")
	}
	for i := range row {
		row[i] = clean(row[i])
	}
	t.rows = append(t.rows, row)
}

// mark says that the row added last deserves attention.
func (t *table) mark(deserves bool) {
	if !deserves {
		return
	}
	if t.marked == nil {
		t.marked = make(map[int]bool)
	}
	t.marked[len(t.rows)-1] = true
}

// lines is the titles and the rows, none longer than width; 0: as long as they need to be.
//
//  1. Every column is as wide as its widest text. One that could be dropped, and in which no row has anything, is left out.
//  2. Where that is too much, those that may be cut are, the widest first, down to their least.
//  3. Where that is still too much, the column that is to be dropped first is, and it begins again.
//  4. Where none is left to drop, lines are cut at their end.
func (t *table) lines(width int) []string {
	shown := t.filled()
	widths := t.natural()
	for width > 0 && !t.shrink(shown, widths, width) {
		victim := t.firstToDrop(shown)
		if victim < 0 {
			break
		}
		shown = append(shown[:victim:victim], shown[victim+1:]...)
		widths = t.natural()
	}
	lines := make([]string, 0, 1+len(t.rows))
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	for _, row := range append([][]string{titles}, t.rows...) {
		lines = append(lines, t.line(row, shown, widths, width))
	}
	return lines
}

// filled is the columns that have something to show.
func (t *table) filled() []int {
	var shown []int
	for i, c := range t.columns {
		if c.drop == 0 || slices.ContainsFunc(t.rows, func(row []string) bool { return row[i] != "" }) {
			shown = append(shown, i)
		}
	}
	return shown
}

// natural is how wide each column would be.
func (t *table) natural() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = cells(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], cells(row[i]))
		}
	}
	return widths
}

// shrink cuts columns until all fit, and reports whether they do.
func (t *table) shrink(shown, widths []int, width int) bool {
	for {
		excess := -gap - width
		widest := -1
		for _, i := range shown {
			excess += widths[i] + gap
			if c := t.columns[i]; c.least > 0 && widths[i] > c.least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if excess <= 0 {
			return true
		}
		if widest < 0 {
			return false
		}
		widths[widest]--
	}
}

// firstToDrop is the place in shown of the column to be left out next, -1 if none may be.
func (t *table) firstToDrop(shown []int) int {
	victim, most := -1, 0
	for place, i := range shown {
		if drop := t.columns[i].drop; drop > 0 && drop >= most {
			victim, most = place, drop
		}
	}
	return victim
}

// line is one row.
func (t *table) line(row []string, shown, widths []int, width int) string {
	var b strings.Builder
	for n, i := range shown {
		if n > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		b.WriteString(pad(cut(row[i], widths[i]), widths[i], t.columns[i].right))
	}
	line := strings.TrimRight(b.String(), " ")
	if width > 0 {
		line = cut(line, width)
	}
	return line
}
