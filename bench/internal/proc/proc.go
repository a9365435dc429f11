// Package proc reads from /proc what a process costs.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU is the time all threads of a process have run, in nanoseconds resolution. The kernel counts to it what it did
// in their name, softirqs on their back included.
func CPU(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("reading the CPU time of process %d: it has no threads (has it died?)", pid)
	}
	var sum time.Duration
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // a thread that ended meanwhile
		}
		first, _, _ := bytes.Cut(b, []byte(" "))
		ns, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", t, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// Resident is the resident memory of a process, in bytes.
func Resident(pid int) (int64, error) {
	for _, source := range [][2]string{{"smaps_rollup", "Rss:"}, {"status", "VmRSS:"}} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, source[0]))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, source[1]); ok {
				kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				return kb << 10, err
			}
		}
	}
	return 0, fmt.Errorf("reading the memory of process %d: /proc tells nothing (has it died?)", pid)
}
