package command

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// terminal is the one that a person sits at, as long as it is ours: in raw mode, on the alternate screen.
type terminal struct {
	in, out *os.File
	before  *term.State
	left    sync.Once
}

// terminalOf is the terminal of a command, nil if there is none that can be drawn on.
func terminalOf(in io.Reader, out io.Writer) *terminal {
	i, isIn := in.(*os.File)
	o, isOut := out.(*os.File)
	if !isIn || !isOut || !term.IsTerminal(int(i.Fd())) || !term.IsTerminal(int(o.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &terminal{in: i, out: o}
}

// enter takes the terminal; leave has to follow, unless it fails.
func (t *terminal) enter() error {
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return fmt.Errorf("setting the terminal to raw mode: %w", err)
	}
	t.before = before
	if _, err := io.WriteString(t.out, enterScreen); err != nil {
		t.leave()
		return fmt.Errorf("taking the screen: %w", err)
	}
	return nil
}

// leave gives the terminal back as it was. It may be called more than once, and from any goroutine.
func (t *terminal) leave() {
	t.left.Do(func() {
		_, _ = io.WriteString(t.out, leaveScreen)
		_ = term.Restore(int(t.in.Fd()), t.before)
	})
}

// leaveOnPanic is deferred by goroutines beside the one that leaves: what they say when they end must be readable.
func (t *terminal) leaveOnPanic() {
	if r := recover(); r != nil {
		t.leave()
		panic(r)
	}
}

// size is the terminal's columns and lines; what is usual, if it does not tell.
func (t *terminal) size() (width, height int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		return 80, 24
	}
	return width, height
}

// coloured reports whether colours are wanted: https://no-color.org.
func coloured() bool { return os.Getenv("NO_COLOR") == "" }
