package proc

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Calls is how many system calls a process has entered.
type Calls struct {
	All   uint64
	Enter uint64 // io_uring_enter
}

// Syscalls counts the system calls a process enters during a time, with perf. It fails where perf is missing or not
// allowed. What is counted runs slower: measure nothing else meanwhile.
func Syscalls(pid int, during time.Duration) (Calls, error) {
	const all, enter = "raw_syscalls:sys_enter", "syscalls:sys_enter_io_uring_enter"
	out, err := exec.Command("perf", "stat", "-x", ",", "-e", all+","+enter, "-p", strconv.Itoa(pid),
		"--", "sleep", fmt.Sprintf("%.3f", during.Seconds())).CombinedOutput()
	if err != nil {
		return Calls{}, fmt.Errorf("counting system calls with perf: %w", err)
	}
	var c Calls
	into := map[string]*uint64{all: &c.All, enter: &c.Enter}
	for line := range strings.Lines(string(out)) {
		count, rest, _ := strings.Cut(line, ",")
		for event, n := range into {
			if !strings.Contains(rest, event) {
				continue
			}
			if *n, err = strconv.ParseUint(count, 10, 64); err != nil {
				return Calls{}, fmt.Errorf("counting system calls with perf: %q: %w", line, err)
			}
			delete(into, event)
			break
		}
	}
	if len(into) > 0 {
		return Calls{}, fmt.Errorf("counting system calls with perf: no figure in %q", out)
	}
	return c, nil
}
