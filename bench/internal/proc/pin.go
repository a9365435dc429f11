package proc

import (
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// pinned is set in the environment of a process that has pinned itself.
const pinned = "PGMUX_BENCH_CPU"

// PinSelf puts this process on one CPU, by executing itself again there, since threads that the Go runtime has
// already started do not follow. It returns in the process that is pinned.
func PinSelf(cpu int) error {
	if os.Getenv(pinned) != "" {
		return nil
	}
	if err := pinThread(cpu); err != nil {
		return err
	}
	env := append(os.Environ(), pinned+"="+strconv.Itoa(cpu))
	return fmt.Errorf("starting myself on CPU %d: %w", cpu, syscall.Exec("/proc/self/exe", os.Args, env))
}

// Anywhere is all CPUs there are.
const Anywhere = -1

// StartOn starts a command on one CPU, or Anywhere: a child inherits the affinity of the thread that forks it.
func StartOn(cpu int, c *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with the goroutine
		err := pinThread(cpu)
		if err == nil {
			err = c.Start()
		}
		started <- err
	}()
	return <-started
}

// pinThread puts the calling thread on one CPU, or Anywhere. It is the caller's for good.
func pinThread(cpu int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	if cpu == Anywhere {
		for i := range len(set) * bits.UintSize {
			set.Set(i) // the kernel takes those that there are
		}
	} else {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pinning to CPU %d: %w (are there two CPUs?)", cpu, err)
	}
	return nil
}
