package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// pgxModule is the driver whose tests are run.
const pgxModule = "github.com/jackc/pgx/v5"

// pgxSource is the directory of a copy of pgx, at the version that our go.mod has, with what its tests import at the
// versions that its own go.mod has. It is made on first use and kept in the cache directory.
func pgxSource(ctx context.Context) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-json", pgxModule)
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("asking go.mod for the version of pgx: %w: %s", err, stderrOf(err))
	}
	var required struct{ Version string }
	if err := json.Unmarshal(out, &required); err != nil {
		return "", fmt.Errorf("reading the version of pgx: %w", err)
	}
	cache, err := pgtest.CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "pgx-"+required.Version)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	fmt.Println("fetching pgx", required.Version)
	return dir, copyPgx(ctx, required.Version, dir)
}

// copyPgx copies pgx from Go's module cache, where nothing can be written and a test cannot be built that is not a
// dependency of ours.
func copyPgx(ctx context.Context, version, dir string) error {
	out, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", pgxModule+"@"+version).Output()
	if err != nil {
		return fmt.Errorf("downloading pgx: %w: %s%s", err, out, stderrOf(err))
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out, &downloaded); err != nil {
		return fmt.Errorf("reading where pgx is: %w", err)
	}
	// First beside its place, then renamed: a copy that was interrupted is never taken for a whole one.
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("removing a half-made copy: %w", err)
	}
	if err := os.CopyFS(partial, os.DirFS(downloaded.Dir)); err != nil {
		return fmt.Errorf("copying pgx: %w", err)
	}
	// What is below our module would belong to it without a go.mod of its own; pgx has one.
	dependencies := exec.CommandContext(ctx, "go", "mod", "download")
	dependencies.Dir = partial
	if out, err := dependencies.CombinedOutput(); err != nil {
		return fmt.Errorf("downloading what pgx's tests import: %w: %s", err, out)
	}
	if err := os.Rename(partial, dir); err != nil {
		return fmt.Errorf("keeping the copy: %w", err)
	}
	return nil
}

// stderrOf is what a program said that failed.
func stderrOf(err error) string {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return string(failed.Stderr)
	}
	return ""
}
