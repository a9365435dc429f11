package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// pipeline brings libpq_pipeline, the program with which PostgreSQL tests the pipelines of its own library: its source is
// in the source package of the Postgres that Debian has brought, and in no other. Where that cannot be had, the test that
// needs it is skipped, and says so; in CI it fails.
func pipeline(ctx context.Context, _ []string) error {
	program, err := pgtest.LibpqPipelinePath()
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err == nil {
		return nil
	}
	if _, err := exec.LookPath("cc"); err != nil {
		if err := aptInstall(ctx, []string{"gcc", "libc6-dev"}); err != nil {
			fmt.Printf("testing without libpq_pipeline: no C compiler: %v\n", err)
			return nil
		}
	}
	fmt.Println("fetching the source of libpq_pipeline for the tests")
	work, err := os.MkdirTemp("", "pgmux-pipeline-")
	if err != nil {
		return fmt.Errorf("making a directory to build in: %w", err)
	}
	defer os.RemoveAll(work)
	if err := buildPipeline(ctx, work, program); err != nil {
		fmt.Printf("testing without libpq_pipeline: %v\n", err)
	}
	return nil
}

// buildPipeline downloads the source and what it is compiled with into work, and leaves the program in its place.
func buildPipeline(ctx context.Context, work, program string) error {
	in, version, err := packagedPostgres()
	if err != nil {
		return err
	}
	if err := downloadSource(ctx, work, in.Major, version); err != nil {
		return err
	}
	include := filepath.Join("usr", "include", "postgresql")
	lib := filepath.Join("usr", "lib", "postgresql", fmt.Sprint(in.Major), "lib")
	err = silently(ctx, work, "cc", "-O1", "-I", filepath.Join(include, fmt.Sprint(in.Major), "server"), "-I", include,
		"-o", "libpq_pipeline", filepath.Join("src", "test", "modules", "libpq_pipeline", "libpq_pipeline.c"),
		filepath.Join(lib, "libpgcommon.a"), filepath.Join(lib, "libpgport.a"), "-l:libpq.so.5")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return fmt.Errorf("making the cache directory: %w", err)
	}
	return silently(ctx, work, "sh", "-e", "-c", `cp libpq_pipeline "$0.partial"; mv "$0.partial" "$0"`, program)
}

// packagedPostgres is the oldest Postgres that a package of Debian's has brought, and the package's version: "15.18 (Debian
// 15.18-0+deb12u1)".
func packagedPostgres() (pgtest.Install, string, error) {
	for _, in := range pgtest.Installs() {
		_, rest, found := strings.Cut(in.Version, "(Debian ")
		if version, _, closed := strings.Cut(rest, ")"); found && closed {
			return in, version, nil
		}
	}
	return pgtest.Install{}, "", fmt.Errorf("no Postgres at hand comes from a package of Debian's")
}

// downloadSource unpacks into work the directory of libpq_pipeline, and the headers and libraries that programs of
// PostgreSQL's own are made with, without installing them. Where sources are is told to apt in work only: the machine's
// configuration stays as it is.
func downloadSource(ctx context.Context, work string, major int, version string) error {
	const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	list, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format",
		"deb-src [signed-by="+keyring+"] $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", "Origin: Debian").Output()
	if err != nil {
		return fmt.Errorf("asking apt-get where packages come from: %w: %s", err, stderrOf(err))
	}
	if err := os.WriteFile(filepath.Join(work, "sources.list"), list, 0o644); err != nil {
		return fmt.Errorf("writing down where sources are: %w", err)
	}
	return silently(ctx, work, "sh", "-e", "-c", `
		mkdir -p lists/partial cache/archives/partial
		apt-get download -qq -o APT::Sandbox::User=root libpq-dev="$1" postgresql-server-dev-$0="$1"
		private="-qq -o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$PWD/lists \
			-o Dir::Cache=$PWD/cache -o APT::Sandbox::User=root"
		apt-get $private update
		apt-get $private source --download-only --only-source postgresql-$0="$1"
		for deb in *.deb; do dpkg -x "$deb" .; done
		tar xf postgresql-*.orig.tar.* --strip-components=1 --wildcards '*/src/test/modules/libpq_pipeline/*'`,
		fmt.Sprint(major), version)
}

// silently runs a program, silently if it does well.
func silently(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
}
