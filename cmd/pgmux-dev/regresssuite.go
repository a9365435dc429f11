package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// suite is PostgreSQL's regression suite, in the version of the Postgres that it is run on.
type suite struct {
	install pgtest.Install
	dir     string // of all that follows
	input   string // sql, expected, data and the schedule
	lib     string // the shared libraries that its functions are in
}

// findSuite returns the suite of the oldest Postgres at hand. It is brought from the source package of the distribution
// that has brought Postgres, and built, once; it is never part of this repository.
func findSuite(ctx context.Context) (suite, error) {
	installs := pgtest.Installs()
	if len(installs) == 0 {
		return suite{}, pgtest.ErrNoServer
	}
	shared, err := pgtest.UnpackDir(installs[0].Major)
	if err != nil {
		return suite{}, err
	}
	in := installs[0]
	version, err := packageVersion(in)
	if err != nil {
		return suite{}, err
	}
	s := suite{install: in, dir: filepath.Join(filepath.Dir(shared), "regress-"+version)}
	s.input, s.lib = filepath.Join(s.dir, "suite"), filepath.Join(s.dir, "lib")
	if _, err := os.Stat(s.lib); err == nil {
		return s, nil
	}
	fmt.Println("fetching the regression suite of Postgres", version)
	work, err := os.MkdirTemp("", "pgmux-regress-")
	if err != nil {
		return s, fmt.Errorf("making a directory to build in: %w", err)
	}
	defer os.RemoveAll(work)
	return s, s.bring(ctx, work, version)
}

// schedule is the path of the schedule as it was released: the order of the files, and which run in parallel.
func (s suite) schedule() string { return filepath.Join(s.input, "parallel_schedule") }

// has checks that the suite has these files.
func (s suite) has(names []string) error {
	text, err := os.ReadFile(s.schedule())
	if err != nil {
		return fmt.Errorf("reading the schedule: %w", err)
	}
	known := scheduled(string(text))
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("the suite has no file %q", name)
		}
	}
	return nil
}

// packageVersion is the version of the package that has brought Postgres: "15.18 (Debian 15.18-0+deb12u1)".
func packageVersion(in pgtest.Install) (string, error) {
	_, rest, found := strings.Cut(in.Version, "(Debian ")
	version, _, closed := strings.Cut(rest, ")")
	if !found || !closed {
		return "", fmt.Errorf("no source is known of Postgres %s, which is not Debian's: apt-get install postgresql", in.Version)
	}
	return version, nil
}

// bring downloads the source and the server's headers into work, and keeps the suite and its libraries, these last:
// where they are, all is there.
func (s suite) bring(ctx context.Context, work, version string) error {
	if err := download(ctx, work, s.install.Major, version); err != nil {
		return err
	}
	built := filepath.Join(work, "lib")
	if err := s.build(ctx, work, built); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("making the cache directory: %w", err)
	}
	if err := keepTree(ctx, filepath.Join(work, "src", "test", "regress"), s.input); err != nil {
		return err
	}
	return keepTree(ctx, built, s.lib)
}

// keepTree copies a directory whole or not at all, in place of one that may be there.
func keepTree(ctx context.Context, from, to string) error {
	partial := to + ".partial"
	if err := errors.Join(os.RemoveAll(partial), os.RemoveAll(to)); err != nil {
		return fmt.Errorf("removing an old suite: %w", err)
	}
	if err := do(ctx, from, "cp", "-r", ".", partial); err != nil {
		return err
	}
	if err := os.Rename(partial, to); err != nil {
		return fmt.Errorf("keeping the suite: %w", err)
	}
	return nil
}

// build makes the libraries: regress, which no package brings, and two that Postgres has among its own.
func (s suite) build(ctx context.Context, work, to string) error {
	if err := os.Mkdir(to, 0o755); err != nil {
		return fmt.Errorf("making the directory of libraries: %w", err)
	}
	include := filepath.Join(work, "usr", "include", "postgresql")
	err := do(ctx, work, "cc", "-O1", "-shared", "-fPIC", "-fno-strict-aliasing", "-fwrapv",
		"-I", filepath.Join(include, fmt.Sprint(s.install.Major), "server"), "-I", include,
		"-o", filepath.Join(to, "regress.so"), filepath.Join("src", "test", "regress", "regress.c"))
	if err != nil {
		return err
	}
	theirs := filepath.Join(s.install.Bin, "..", "lib")
	return do(ctx, work, "cp", filepath.Join(theirs, "autoinc.so"), filepath.Join(theirs, "refint.so"), to)
}

// download brings the source package, of which it unpacks the suite, and the headers, which are unpacked but not installed.
// The lists of source packages are kept in work: the machine's configuration stays as it is.
func download(ctx context.Context, work string, major int, version string) error {
	sources, err := sourceLists(ctx, work)
	if err != nil {
		return err
	}
	for _, name := range []string{"libpq-dev", fmt.Sprintf("postgresql-server-dev-%d", major)} {
		if err := do(ctx, work, "apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", name+"="+version); err != nil {
			return fmt.Errorf("downloading headers (if that version is gone: apt-get update, apt-get install postgresql): %w", err)
		}
	}
	apt := append(sources, "update", "-qq")
	if err := do(ctx, work, "apt-get", apt...); err != nil {
		return err
	}
	apt = append(sources, "source", "-qq", "--download-only", fmt.Sprintf("postgresql-%d=%s", major, version))
	if err := do(ctx, work, "apt-get", apt...); err != nil {
		return err
	}
	return do(ctx, work, "sh", "-e", "-c", `for deb in *.deb; do dpkg -x "$deb" .; done
		tar xf *.orig.tar.* --strip-components=1 --wildcards '*/src/test/regress/*'`)
}

// sourceLists writes down where Debian's sources are, which is where the machine gets its packages from, and returns the
// options with which apt reads that and nothing else.
func sourceLists(ctx context.Context, work string) (options []string, err error) {
	const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format",
		"deb-src [signed-by="+keyring+"] $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", "Origin: Debian").Output()
	if err != nil {
		return nil, fmt.Errorf("asking apt-get where packages come from: %w", err)
	}
	list := filepath.Join(work, "source.list")
	if err := os.WriteFile(list, out, 0o644); err != nil {
		return nil, fmt.Errorf("writing the list of sources: %w", err)
	}
	settings := map[string]string{
		"Dir::Etc::sourcelist":  list,
		"Dir::Etc::sourceparts": "/dev/null",
		"Dir::State::lists":     filepath.Join(work, "lists"),
		"Dir::Cache":            filepath.Join(work, "cache"),
		"APT::Sandbox::User":    "root",
	}
	for name, value := range settings {
		options = append(options, "-o", name+"="+value)
	}
	for _, dir := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(work, dir), 0o755); err != nil {
			return nil, fmt.Errorf("making a directory for apt: %w", err)
		}
	}
	return options, nil
}

// do runs a program, silently if it does well.
func do(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
	}
	return nil
}
