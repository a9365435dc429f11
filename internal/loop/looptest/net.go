package looptest

import (
	"errors"
	"testing"
)

// Net makes connections to test a driver with.
type Net interface {
	// Pair makes a connection. The descriptor is for Attach; the far end is the test's.
	Pair(t *testing.T) (fd int, far Far)
	// Near takes a descriptor that a driver gave back, as one more end for the test.
	Near(fd int) Far
	// Sockets reports that descriptors are the system's.
	Sockets() bool
}

// Listens is a Net that can also be listened in.
type Listens interface {
	// Listen makes a listening, non-blocking socket, which is the test's, and what connects to it without waiting.
	Listen(t *testing.T) (fd int, connect func() Far)
}

// Far is one end of a connection in the hands of the test. It never waits.
type Far interface {
	// Write offers p and returns how much of it was taken: 0 and no error if the connection is full.
	Write(p []byte) (int, error)
	// Read returns 0 and no error if nothing is there, io.EOF at the end.
	Read(p []byte) (int, error)
	// CloseWrite sends the end of file.
	CloseWrite() error
	// Reset breaks the connection, whatever is unread or unsent.
	Reset()
	Close()
}

// ErrReset is what a Far returns whose connection was reset.
var ErrReset = errors.New("connection reset")
