package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"
)

// widthOf is how wide the terminal is that a command writes to; 0 if it is none.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// printTable writes a table, or a sentence if it has no rows.
func printTable(w io.Writer, t *table, none string) {
	if len(t.rows) == 0 {
		fmt.Fprintln(w, none)
		return
	}
	for _, line := range t.lines(widthOf(w)) {
		fmt.Fprintln(w, line)
	}
}

// printJSON writes a document for programs, which people may look at.
func printJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escaped(b.Bytes()))
	return err
}

// escaped is the same document without what a terminal would obey and JSON lets pass: DEL, the controls behind it, and what changes the direction
// of writing. They stand in strings alone.
func escaped(document []byte) []byte {
	out := make([]byte, 0, len(document))
	for _, r := range string(document) { // bytes that are no UTF-8 become U+FFFD
		if r != '\n' && unicode.Is(unicode.C, r) {
			out = appendEscape(out, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// appendEscape writes a letter as \uXXXX, or as two of them: https://www.rfc-editor.org/rfc/rfc8259#section-7
func appendEscape(out []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(out, `\u%04x`, r)
}
