package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// pgRegress runs the released schedule, or the part of it that was asked for. That files fail is no error; that not all
// were run is one.
func (r regression) pgRegress(ctx context.Context, target, addr string) error {
	late := fmt.Errorf("ended after %v, which is the deadline of a target", r.deadline)
	ctx, cancel := context.WithTimeoutCause(ctx, r.deadline, late)
	defer cancel()
	cmd, err := r.command(ctx, target, addr)
	if err != nil {
		return err
	}
	said, err := os.Create(filepath.Join(r.out(target), saidFile))
	if err != nil {
		return fmt.Errorf("keeping what pg_regress says: %w", err)
	}
	defer said.Close()
	cmd.Stdout, cmd.Stderr = said, said
	if r.verbose {
		both := io.MultiWriter(os.Stdout, said)
		cmd.Stdout, cmd.Stderr = both, both
	}
	err = cmd.Run()
	var failed *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &failed) && failed.ExitCode() == someFail:
		return nil
	case err != nil:
		return fmt.Errorf("running pg_regress: %w", err)
	}
	return nil
}

// The exit status of pg_regress when it has run everything and some files fail, and that of timeout when it had to end
// a file.
const (
	someFail = 1
	timedOut = 124
)

// command is pg_regress. It ends with all that it has started, and ends a file that hangs, so that the rest goes on.
func (r regression) command(ctx context.Context, target, addr string) (*exec.Cmd, error) {
	schedule, err := r.schedule(target)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("reading the address of %s: %w", target, err)
	}
	bin := r.suite.install.Bin
	program := filepath.Join(bin, "..", "lib", "pgxs", "src", "test", "regress", "pg_regress")
	cmd := exec.CommandContext(ctx, program, "--use-existing", "--host="+host, "--port="+port, "--user="+regressUser,
		"--dbname="+regressDatabase, "--bindir="+bin, "--dlpath="+r.suite.lib, "--inputdir="+r.suite.input,
		"--outputdir="+r.out(target), "--schedule="+schedule, "--max-concurrent-tests=20",
		fmt.Sprintf("--launcher=timeout --foreground %.0f", r.patience.Seconds()))
	cmd.Dir = r.out(target)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return cmd, nil
}

// schedule is the path of the schedule to run.
func (r regression) schedule(target string) (string, error) {
	if len(r.files) == 0 {
		return r.suite.schedule(), nil
	}
	text, err := os.ReadFile(r.suite.schedule())
	if err != nil {
		return "", fmt.Errorf("reading the schedule: %w", err)
	}
	part := filepath.Join(r.out(target), "schedule")
	if err := os.WriteFile(part, []byte(only(string(text), needs(r.files))), 0o644); err != nil {
		return "", fmt.Errorf("writing the schedule: %w", err)
	}
	return part, nil
}

// regressNeeds is what a file needs beside test_setup and create_index, as the comments of the schedule tell.
var regressNeeds = map[string][]string{
	"aggregates":      {"create_aggregate"},
	"amutils":         {"geometry", "create_index_spgist", "hash_index", "brin"},
	"geometry":        {"point", "lseg", "line", "box", "path", "polygon", "circle"},
	"horology":        {"date", "time", "timetz", "timestamp", "timestamptz", "interval"},
	"join":            {"create_misc"},
	"multirangetypes": {"rangetypes"},
	"portals_p2":      {"portals"},
	"psql":            {"create_am"},
	"select_parallel": {"create_misc"},
	"select_views":    {"create_view"},
	"with":            {"create_misc"},
}

// needs is files and all that they need.
func needs(files []string) []string {
	all := append([]string{"test_setup", "create_index"}, files...)
	for i := 0; i < len(all); i++ {
		for _, name := range regressNeeds[all[i]] {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// only is a schedule without the files that are not named.
func only(schedule string, names []string) string {
	var b strings.Builder
	for line := range strings.Lines(schedule) {
		list, found := strings.CutPrefix(line, "test:")
		if !found {
			continue
		}
		group := slices.DeleteFunc(strings.Fields(list), func(name string) bool { return !slices.Contains(names, name) })
		if len(group) > 0 {
			b.WriteString("test: " + strings.Join(group, " ") + "\n")
		}
	}
	return b.String()
}

// scheduled are the files that a schedule names, in its order.
func scheduled(schedule string) (names []string) {
	for line := range strings.Lines(schedule) {
		if list, found := strings.CutPrefix(line, "test:"); found {
			names = append(names, strings.Fields(list)...)
		}
	}
	return names
}
