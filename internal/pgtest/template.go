package pgtest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// template returns an initialised data directory to copy, made by initdb on first use and kept in the cache
// directory. Several test processes may ask at the same time; one makes it.
func template(ctx context.Context, in Install, who account) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	name := strings.NewReplacer(" ", "_", "/", "_", "(", "", ")", "").Replace(in.Version)
	dir := filepath.Join(cache, "pgtest", "template-"+name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("making the template's directory: %w", err)
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, initialise(ctx, in, who, dir)
}

// initialise runs initdb in a temporary directory, which the server's account can reach, and moves the result.
func initialise(ctx context.Context, in Install, who account, dir string) error {
	work, err := os.MkdirTemp("", "pgtest-initdb-")
	if err != nil {
		return fmt.Errorf("making a directory for initdb: %w", err)
	}
	defer os.RemoveAll(work)
	if err := who.own(work); err != nil {
		return err
	}
	data := filepath.Join(work, "data")
	initdb := who.command(ctx, work, filepath.Join(in.Bin, "initdb"), "--no-sync", "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--pgdata="+data)
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	// First beside its place, then renamed: a copy that was interrupted is never taken for a template.
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("removing a half-made template: %w", err)
	}
	if err := copyTree(data, partial, account{}); err != nil {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return fmt.Errorf("keeping the template: %w", err)
	}
	return nil
}

// copyTree copies a data directory and gives the copy to who.
func copyTree(from, to string, who account) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			err = os.Mkdir(target, 0o700)
		} else {
			var content []byte
			if content, err = os.ReadFile(path); err == nil {
				err = os.WriteFile(target, content, 0o600)
			}
		}
		if err != nil {
			return err
		}
		return who.own(target)
	})
	if err != nil {
		return fmt.Errorf("copying a data directory: %w", err)
	}
	return nil
}

// lock takes a file lock that other processes honour, and returns what releases it.
func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening a lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
