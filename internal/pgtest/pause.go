package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Pause stops the server and all its processes in mid-breath with SIGSTOP, as a machine does that hangs: connections stay, new ones
// are accepted by the system, and nobody answers. [Server.Resume], or whatever ends the server, lets them go on.
func (s *Server) Pause() error {
	p := s.running
	if p == nil {
		return errors.New("pausing Postgres: it does not run")
	}
	// The postmaster first: from then on there are no more children.
	if err := p.pause(p.cmd.Process.Pid); err != nil {
		return err
	}
	children, err := childrenOf(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	for _, pid := range children {
		if err := p.pause(pid); err != nil {
			return err
		}
	}
	return nil
}

// Resume lets a paused server go on.
func (s *Server) Resume() error {
	if s.running == nil {
		return errors.New("resuming Postgres: it does not run")
	}
	s.running.resume()
	return nil
}

// pause stops one process, and waits until it stands still, or has ended.
func (p *process) pause(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("pausing a process of Postgres: %w", err)
	}
	p.paused = append(p.paused, pid)
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if state, _ := processState(pid); state == "T" || state == "Z" || state == "" {
			return nil
		}
	}
	return fmt.Errorf("a process of Postgres did not pause within %v", startTimeout)
}

// resume continues what pause has stopped, the postmaster last. Who has been killed meanwhile is gone.
func (p *process) resume() {
	for _, pid := range slices.Backward(p.paused) {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	p.paused = nil
}

// childrenOf lists the processes whose parent is another.
func childrenOf(parent int) ([]int, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var children []int
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if _, its := processState(pid); its == parent {
			children = append(children, pid)
		}
	}
	return children, nil
}

// processState is the state and the parent of a process as the kernel writes them: "12 (postgres: x) S 7 …". Empty if it is gone.
func processState(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	if len(fields) < 2 {
		return "", 0
	}
	parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return "", 0
	}
	return fields[0], parent
}
