//go:build linux

package uring

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pgmux/caddy-pgmux/uring/internal/ring"
)

// Probe reports whether io_uring works here, by using it: an echo through everything a driver needs. Else it returns
// an *Unavailable.
func Probe() error {
	_, err := probe(0, ring.SelfTest)
	return err
}

// probe returns the features to do without. If the self-test fails with what newer kernels offer and passes with the
// least that is needed, that is what there will be: a fault in the new must not cost the old.
func probe(without ring.Features, selfTest func(ring.Features) error) (ring.Features, error) {
	err := selfTest(without)
	if err == nil {
		return without, nil
	}
	if selfTest(ring.AllFeatures) == nil {
		return ring.AllFeatures, nil
	}
	return 0, explain(err)
}

// explain adds to an error what would change it.
func explain(err error) error {
	return &Unavailable{Cause: err, Cure: cure(err)}
}

const disabledFile = "/proc/sys/kernel/io_uring_disabled"

func cure(err error) string {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return cureRefused()
	case errors.Is(err, unix.ENOSYS):
		return "the kernel is built without CONFIG_IO_URING, or a sandbox hides it"
	case errors.Is(err, ring.ErrMissing), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return "needs Linux 6.1 or later; this is " + kernelRelease()
	case errors.Is(err, unix.ENOMEM):
		return "raise the memory limit, or RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)"
	case errors.Is(err, unix.EMFILE):
		return "raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=)"
	case errors.Is(err, unix.ENFILE):
		return "raise the sysctl fs.file-max"
	}
	return "please report this; Linux is " + kernelRelease()
}

func cureRefused() string {
	b, _ := os.ReadFile(disabledFile)
	switch strings.TrimSpace(string(b)) {
	case "1":
		return "the sysctl kernel.io_uring_disabled is 1: set it to 0, or kernel.io_uring_group to a group of this process"
	case "2":
		return "the sysctl kernel.io_uring_disabled is 2: set it to 0"
	}
	return "a seccomp profile, as Docker and containerd have by default, or another security module refuses it: allow " +
		"io_uring_setup, io_uring_enter and io_uring_register"
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
