package sim

import (
	"io"
	"syscall"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/loop/looptest"
)

// Pairs is a looptest.Net of simulated connections.
type Pairs struct{ W *World }

// far is an end in the hands of a test.
type far struct{ *end }

// Pair makes a connection.
func (p Pairs) Pair(*testing.T) (int, looptest.Far) {
	a, b := p.W.connect(64_000)
	return a.descriptor(), far{b}
}

// Near takes an end by its number.
func (p Pairs) Near(fd int) looptest.Far { return far{p.W.ends[fd]} }

// Sockets is false.
func (p Pairs) Sockets() bool { return false }

func (f far) Write(p []byte) (int, error) { return outcome(f.write(p)) }

// Read lets some time pass, as a test that polls would.
func (f far) Read(p []byte) (int, error) {
	f.w.advance(f.w.now + 10*Microsecond)
	n, errno := f.read(p)
	if n == 0 && errno == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return outcome(n, errno)
}

func outcome(n int, errno syscall.Errno) (int, error) {
	switch errno {
	case 0, syscall.EAGAIN:
		return n, nil
	}
	return n, looptest.ErrReset
}

func (f far) CloseWrite() error { f.shutdown(); return nil }
func (f far) Reset()            { f.abort() }
func (f far) Close()            { f.close() }
