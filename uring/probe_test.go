//go:build linux

package uring

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

func TestProbe(t *testing.T) {
	if err := Probe(); err != nil {
		t.Fatal(err)
	}
}

// A kernel on which only the newer features fail is used without them; one that fails throughout is not, and the
// error is the first.
func TestNewerFeaturesFail(t *testing.T) {
	failing := func(f ring.Features) func(ring.Features) error {
		return func(without ring.Features) error {
			if f&^without != 0 {
				return unix.ETIMEDOUT
			}
			return nil
		}
	}
	if without, err := probe(0, failing(0)); err != nil || without != 0 {
		t.Errorf("all is well: without %b, %v", without, err)
	}
	if without, err := probe(0, failing(ring.NoArray)); err != nil || without != ring.AllFeatures {
		t.Errorf("without %b, %v", without, err)
	}
	refused := func(ring.Features) error { return unix.EPERM }
	if _, err := probe(0, refused); !errors.Is(err, unix.EPERM) {
		t.Errorf("refused: %v", err)
	}
}

// A driver's ring uses what the ring itself finds, registration included.
func TestDriverUsesFeatures(t *testing.T) {
	if ring.Name != "kernel" {
		t.Skip("the other ring has none")
	}
	for _, without := range []ring.Features{0, ring.NoArray | ring.NoIOWait, ring.AllFeatures} {
		r := newRig(t, Options{without: without})
		r.do()
		used := r.ring.Features()
		if used&without != 0 || (used|without)&ring.RegisteredRing == 0 {
			t.Errorf("features %03b, told to do without %03b", used, without)
		}
	}
}

// Every way to be refused names its cure.
func TestCures(t *testing.T) {
	for _, c := range []struct {
		cause error
		cure  string
	}{
		{unix.EPERM, "io_uring_setup"},
		{unix.ENOSYS, "CONFIG_IO_URING"},
		{unix.EINVAL, "6.1"},
		{ring.ErrMissing, "6.1"},
		{unix.ENOMEM, "RLIMIT_MEMLOCK"},
		{unix.EMFILE, "RLIMIT_NOFILE"},
		{unix.ENFILE, "fs.file-max"},
		{unix.EIO, "report"},
	} {
		err := explain(fmt.Errorf("io_uring_setup: %w", c.cause))
		var u *Unavailable
		if !errors.As(err, &u) || !errors.Is(err, c.cause) || !strings.Contains(u.Cure, c.cure) {
			t.Errorf("%v: %v, want a cure with %q", c.cause, err, c.cure)
		}
	}
}

// A process that may not use io_uring is told so, by Probe and by New. It is this test again, behind a seccomp filter
// like that of a container.
func TestRefused(t *testing.T) {
	if os.Getenv("URING_TEST_REFUSED") != "" {
		refuse(t)
		for _, err := range []error{Probe(), second(New(Options{}))} {
			var u *Unavailable
			if !errors.As(err, &u) || !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "seccomp") {
				t.Errorf("refused with: %v", err)
			}
		}
		return
	}
	self := exec.Command(os.Args[0], "-test.run=^TestRefused$", "-test.v")
	self.Env = append(os.Environ(), "URING_TEST_REFUSED=1")
	if out, err := self.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func second(_ *Driver, err error) error { return err }
