package command

import (
	"strings"
	"testing"
)

// A terminal that has written its last column clears that, too, if it is told to clear the rest of the line.
func TestLinesAreClearedBeforeTheyAreWritten(t *testing.T) {
	const want = home + clearLine + "first\r\n" + clearLine + "second"
	if got := paint([]line{{"first", plain}, {"second", alarm}}, false); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestColoursEndWithTheirLine(t *testing.T) {
	got := paint([]line{{"first", heading}, {"second", plain}}, true)
	if !strings.Contains(got, "\x1b[1mfirst\x1b[0m\r\n") || !strings.HasSuffix(got, clearLine+"second") {
		t.Errorf("got %q", got)
	}
}
