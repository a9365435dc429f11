package ptytest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait for something that should be drawn at once.
const patience = time.Minute

// Terminal is a pseudo-terminal. Program is the end that the program under test has as its standard input and output.
type Terminal struct {
	Program *os.File

	t      testing.TB
	person *os.File
	mu     sync.Mutex
	shown  []byte
}

// Open makes a terminal of a size, which is gone when the test ends.
func Open(t testing.TB, width, height int) *Terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &Terminal{t: t, person: person}
	number := 0
	p.control(func(fd int) error {
		if number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN); err != nil {
			return err
		}
		return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	})
	p.Program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.Resize(width, height)
	go p.watch()
	t.Cleanup(func() {
		p.Program.Close()
		p.person.Close()
	})
	return p
}

// watch keeps what is shown, until the terminal is gone.
func (p *Terminal) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := p.person.Read(buf)
		p.mu.Lock()
		p.shown = append(p.shown, buf[:n]...)
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Resize changes the size, of which a program that has the terminal as its controlling one is told by SIGWINCH.
func (p *Terminal) Resize(width, height int) {
	p.t.Helper()
	p.control(func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)})
	})
}

// Type sends what a person types.
func (p *Terminal) Type(keys string) {
	p.t.Helper()
	if _, err := p.person.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// Shown is all that has been written, control sequences too.
func (p *Terminal) Shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.shown)
}

// Await waits until something is written that was not there after so many bytes, and returns how many there are now.
func (p *Terminal) Await(text string, after int) int {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		shown := p.Shown()
		if strings.Contains(shown[after:], text) {
			return len(shown)
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waited %v, yet not on the terminal: %q; there is %q", patience, text, shown[after:])
		}
	}
}

// Raw reports whether the terminal sends each key at once and shows none, as programs want it that draw; a shell does not.
func (p *Terminal) Raw() bool {
	p.t.Helper()
	raw := false
	p.control(func(fd int) error {
		settings, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			raw = settings.Lflag&(unix.ICANON|unix.ECHO) == 0
		}
		return err
	})
	return raw
}

func (p *Terminal) control(f func(fd int) error) {
	p.t.Helper()
	raw, err := p.person.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		p.t.Fatal(err)
	}
	if failed != nil {
		p.t.Fatal(failed)
	}
}
