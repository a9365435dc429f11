package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// Install is one set of Postgres server programs.
type Install struct {
	// Major is the version, for instance 15.
	Major int
	// Version is what the server program says of itself, for instance "15.18 (Debian 15.18-0+deb12u1)".
	Version string
	// Bin is the directory of initdb, postgres and pg_ctl.
	Bin string
}

// ErrNoServer says that this machine has no Postgres server programs, and how it gets them.
var ErrNoServer = errors.New("no Postgres server programs found: apt-get install postgresql")

// Installs lists the server programs of this machine, one for each major version, the oldest first: those of
// Debian's packages, those of pg_config, and those that `make postgres18` has unpacked.
var Installs = sync.OnceValue(func() []Install {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if unpacked, err := UnpackDir(18); err == nil {
		dirs = append(dirs, filepath.Join(unpacked, "bin"))
	}
	byMajor := make(map[int]Install)
	for _, dir := range dirs {
		in, err := inspect(dir)
		if _, known := byMajor[in.Major]; err == nil && !known {
			byMajor[in.Major] = in
		}
	}
	list := make([]Install, 0, len(byMajor))
	for _, in := range byMajor {
		list = append(list, in)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Major < list[j].Major })
	return list
})

// Versions lists the major versions that can be started.
func Versions() []int {
	var majors []int
	for _, in := range Installs() {
		majors = append(majors, in.Major)
	}
	return majors
}

// find returns the install of a major version; of the oldest if major is 0.
func find(major int) (Install, error) {
	for _, in := range Installs() {
		if major == 0 || in.Major == major {
			return in, nil
		}
	}
	if major == 0 {
		return Install{}, ErrNoServer
	}
	return Install{}, fmt.Errorf("no server programs of Postgres %d; there are %v", major, Versions())
}

// inspect asks the programs in dir for their version. "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func inspect(dir string) (Install, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Install{}, fmt.Errorf("looking for initdb: %w", err)
	}
	// As the account that will run it: a directory below /root is not for everybody.
	who, err := unprivileged()
	if err != nil {
		return Install{}, err
	}
	out, err := who.command(context.Background(), "/", filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Install{}, fmt.Errorf("asking postgres for its version: %w", err)
	}
	_, version, _ := strings.Cut(strings.TrimSpace(string(out)), ") ")
	digits := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(version)
	}
	major, err := strconv.Atoi(version[:digits])
	if err != nil {
		return Install{}, fmt.Errorf("reading the version of postgres in %q: %w", out, err)
	}
	return Install{Major: major, Version: version, Bin: dir}, nil
}
