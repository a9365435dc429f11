package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// CacheDir is .cache beside the go.mod that the working directory belongs to, where things that are expensive to
// make are kept between runs; git ignores it.
func CacheDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "internal", "pgtest")); err == nil {
			return filepath.Join(dir, ".cache"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("finding the cache directory: not below the module's root")
		}
	}
}

// UnpackDir is where server programs of a major version are unpacked that no system package brings: in the cache
// directory, or, where that lies below a directory closed to the account that must run them, as /root is, in
// /var/cache/pgmux.
func UnpackDir(major int) (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	if os.Getuid() == 0 && !open(dir) {
		dir = "/var/cache/pgmux"
	}
	return filepath.Join(dir, fmt.Sprintf("postgres-%d", major)), nil
}

// open reports whether everybody may enter every directory on the way to a path.
func open(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
