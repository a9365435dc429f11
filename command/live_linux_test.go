package command

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/ptytest"
)

// watched runs `caddy postgres top` on a terminal, and returns what its end will be.
func watched(ctx context.Context, t *testing.T, e *endpoint, terminal *ptytest.Terminal, v view) <-chan error {
	t.Helper()
	a, err := newAdmin(e.address())
	if err != nil {
		t.Fatal(err)
	}
	l := &live{admin: a, screen: &screen{source: "here", interval: minInterval, view: v}, terminal: terminalOf(terminal.Program, terminal.Program)}
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	return ended
}

// awaitEnd waits for the end, and looks at the terminal.
func awaitEnd(t *testing.T, ended <-chan error, terminal *ptytest.Terminal) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
	terminal.Await(leaveScreen, 0)
	if terminal.Raw() {
		t.Error("the terminal was not given back")
	}
}

func TestTopIsDrawnAndQuit(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	terminal := ptytest.Open(t, 120, 40)
	ended := watched(t.Context(), t, newEndpoint(t), terminal, viewPools)
	at := terminal.Await("SELECT o.id", 0)
	if shown := terminal.Shown(); !strings.HasPrefix(shown, enterScreen) || !strings.Contains(shown, colours[titles]) || !terminal.Raw() {
		t.Errorf("drawn: %q", shown)
	}
	terminal.Type("\t")
	at = terminal.Await("[clients]", at)
	at = terminal.Await("1043", at)
	terminal.Type("s")
	at = terminal.Await("sort: for", at)
	terminal.Type("p")
	at = terminal.Await("paused", at)
	terminal.Type("4")
	terminal.Await("[queries]", at)
	terminal.Type("q")
	awaitEnd(t, ended, terminal)
}

func TestTopFollowsTheWindow(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	terminal := ptytest.Open(t, 120, 40)
	ended := watched(t.Context(), t, newEndpoint(t), terminal, viewPools)
	terminal.Await("OUT/S", 0)
	terminal.Resize(40, 20)
	terminal.Await("… and 3 more", 0)
	if strings.Contains(terminal.Shown(), colours[titles]) {
		t.Error("NO_COLOR is set, and there are colours")
	}
	terminal.Type("\x03")
	awaitEnd(t, ended, terminal)
}

func TestTopEndsBySignal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	terminal := ptytest.Open(t, 80, 24)
	ctx, signalled := context.WithCancel(t.Context())
	ended := watched(ctx, t, newEndpoint(t), terminal, viewServers)
	terminal.Await("4711", 0)
	signalled()
	awaitEnd(t, ended, terminal)
}

// A Caddy that goes away leaves the last picture, and why; when it is back, so are pictures.
func TestTopOutlivesCaddy(t *testing.T) {
	t.Setenv("TERM", "xterm")
	terminal := ptytest.Open(t, 80, 24)
	e := newEndpoint(t)
	ended := watched(t.Context(), t, e, terminal, viewPools)
	at := terminal.Await("10.0.0.1:5432", 0)
	e.refuse("GET "+poolsPath, http.StatusServiceUnavailable, "the event loops do not answer")
	at = terminal.Await("the event loops do not answer", at)
	terminal.Await("10.0.0.1:5432", at)
	e.answer("GET "+poolsPath, 200, `[{"name":"back again","status":"active"}]`)
	terminal.Await("back again", at)
	terminal.Type("q")
	awaitEnd(t, ended, terminal)
}

// A bug must not leave somebody with a terminal that shows nothing of what is typed.
func TestAPanicGivesTheTerminalBack(t *testing.T) {
	terminal := ptytest.Open(t, 80, 24)
	mine := terminalOf(terminal.Program, terminal.Program)
	if err := mine.enter(); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is not passed on")
			}
		}()
		defer mine.leaveOnPanic()
		panic("bug: for a test")
	}()
	terminal.Await(leaveScreen, 0)
	if terminal.Raw() {
		t.Error("the terminal was not given back")
	}
	mine.leave()
	if n := strings.Count(terminal.Shown(), leaveScreen); n != 1 {
		t.Errorf("left %d times", n)
	}
}

// A terminal whose output has gone is given back too.
func TestATerminalThatCannotBeDrawnOnIsGivenBack(t *testing.T) {
	terminal := ptytest.Open(t, 80, 24)
	mine := terminalOf(terminal.Program, terminal.Program)
	read, gone, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	gone.Close()
	mine.out = gone
	if err := mine.enter(); err == nil || terminal.Raw() {
		t.Errorf("%v; still ours: %v", err, terminal.Raw())
	}
}

func TestADumbTerminalIsNotDrawnOn(t *testing.T) {
	terminal := ptytest.Open(t, 80, 24)
	t.Setenv("TERM", "dumb")
	if terminalOf(terminal.Program, terminal.Program) != nil {
		t.Error("it is drawn on")
	}
	t.Setenv("TERM", "xterm")
	if terminalOf(strings.NewReader(""), terminal.Program) != nil || terminalOf(terminal.Program, nil) != nil {
		t.Error("half a terminal is drawn on")
	}
	if w := widthOf(terminal.Program); w != 80 {
		t.Errorf("it is %d wide", w)
	}
}
