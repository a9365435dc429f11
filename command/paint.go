package command

import "strings"

// The control sequences of a terminal (ECMA-48, and xterm's for the alternate screen).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	usual       = "\x1b[0m"
)

// colours is how the looks look.
var colours = [...]string{plain: "", heading: "\x1b[1m", titles: "\x1b[7m", alarm: "\x1b[31m", faint: "\x1b[2m"}

// paint draws lines over what is on the terminal, as many as it has, so that nothing flickers. A line is cleared before it is written: behind the
// last column, clearing would take that along.
func paint(lines []line, coloured bool) string {
	var b strings.Builder
	b.WriteString(home)
	for i, l := range lines {
		if i > 0 {
			b.WriteString("\r\n") // the terminal is raw
		}
		b.WriteString(clearLine)
		if coloured && colours[l.look] != "" {
			b.WriteString(colours[l.look] + l.text + usual)
		} else {
			b.WriteString(l.text)
		}
	}
	return b.String()
}
