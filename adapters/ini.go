package adapters

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The syntax is that of PgBouncer (libusual's cfparser): lines `key = value` below a `[section]`. A line that begins with `;` or `#` is a
// comment; later in a line they are ordinary. What stands behind a section's ] is a line of its own. Keys are letters, digits
// and _ . - *, or anything between double quotes, where "" is one of them. `%include <file>` reads another file in that place,
// relative to the working directory; a section that begins there goes on behind it. Of a key that stands twice the last one counts.

// position is where something stands.
type position struct {
	file string
	line int
}

// errorf says what is wrong at a position; line 0 is what the file does not say.
func (p position) errorf(format string, args ...any) error {
	if p.line == 0 {
		return fmt.Errorf("%s: %w", p.file, fmt.Errorf(format, args...))
	}
	return fmt.Errorf("%s:%d: %w", p.file, p.line, fmt.Errorf(format, args...))
}

// entry is one line `key = value`, or one that begins a section and has neither.
type entry struct {
	section, key, value string
	begins              bool
	at                  position
}

// Bounds of what is read.
const (
	// maxIncludes is how deep files may include files, as in PgBouncer; one that includes itself ends there.
	maxIncludes = 10
	// maxFileBytes bounds each file: some 100,000 databases.
	maxFileBytes = 16 << 20
)

// reader reads a file and those that it includes.
type reader struct {
	section string
	entries []entry
}

// readINI returns the lines that say something, in their order.
func readINI(name string, text []byte) ([]entry, error) {
	r := &reader{}
	if err := r.read(name, string(text), 0); err != nil {
		return nil, err
	}
	return r.entries, nil
}

func (r *reader) read(name, text string, depth int) error {
	at := position{file: name}
	for line := range strings.Lines(text) {
		at.line++
		line, err := r.begin(at, strings.TrimSpace(line))
		if err == nil && line != "" && line[0] != ';' && line[0] != '#' {
			err = r.line(at, line, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) line(at position, line string, depth int) error {
	if line[0] == '%' {
		return r.include(at, line, depth)
	}
	key, rest, err := cutKey(line)
	if err != nil {
		return at.errorf("%w", err)
	}
	value, found := strings.CutPrefix(strings.TrimLeft(rest, " \t"), "=")
	switch {
	case key == "":
		return at.errorf("the name in quotes is empty; write one, or remove the line")
	case !found:
		return at.errorf("there is no = behind %q; write `key = value`, and comments on lines of their own", key)
	case r.section == "":
		return at.errorf("%s stands before any section; write [pgbouncer] or [databases] above it", key)
	}
	r.entries = append(r.entries, entry{section: r.section, key: key, value: strings.TrimSpace(value), at: at})
	return nil
}

// begin begins the sections that a line begins with, and returns what stands behind them, which is as a line of its own.
func (r *reader) begin(at position, line string) (rest string, err error) {
	for strings.HasPrefix(line, "[") {
		name, rest, closed := strings.Cut(line[1:], "]")
		if !closed {
			return "", at.errorf("the section has no ] at its end")
		}
		r.section = name
		r.entries = append(r.entries, entry{section: name, begins: true, at: at})
		line = strings.TrimSpace(rest)
	}
	return line, nil
}

func (r *reader) include(at position, line string, depth int) error {
	rest, found := strings.CutPrefix(line, "%include")
	path := strings.TrimSpace(rest)
	if !found || path == "" || path == rest {
		return at.errorf("%s is no directive; there is `%%include <file>`", strings.Fields(line)[0])
	}
	if depth >= maxIncludes {
		return at.errorf("files include each other more than %d deep; does one include itself?", maxIncludes)
	}
	text, err := readFile(path)
	if err != nil {
		return at.errorf("including: %w", err)
	}
	return r.read(path, text, depth+1)
}

func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxFileBytes {
		return "", fmt.Errorf("%s is larger than %d MiB", path, maxFileBytes>>20)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// cutKey takes the key off a line.
func cutKey(line string) (key, rest string, err error) {
	if line[0] != '"' {
		i := 0
		for i < len(line) && isKeyByte(line[i]) {
			i++
		}
		if i == 0 {
			return "", "", fmt.Errorf("the line begins with %q; names with such characters stand in double quotes", line[:1])
		}
		return line[:i], line[i:], nil
	}
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] != '"':
			b.WriteByte(line[i])
		case i+1 < len(line) && line[i+1] == '"':
			b.WriteByte('"')
			i++
		default:
			return b.String(), line[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("the quote around the name is not closed")
}

func isKeyByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("_.-*", c) >= 0
}

// absolute is a path that means the same in whatever directory it is read: PgBouncer's are relative to the working directory, and a
// configuration may be sent to a Caddy that has another one.
func absolute(path string) string {
	if out, err := filepath.Abs(path); err == nil {
		return out
	}
	return path
}
