package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// playground is what `make run` has set up, as it tells `make demo-load`.
type playground struct {
	// Pooler and Admin are the addresses of the pool and of Caddy's admin API.
	Pooler, Admin string
	// User, Password and Database get a client in.
	User, Password, Database string
	// PrimarySocket is the connection string of the primary's superuser.
	PrimarySocket string
}

// errNoPlayground says what to do first.
var errNoPlayground = errors.New("no playground is running: say `make run` in another terminal first")

func playgroundFile() (string, error) {
	cache, err := pgtest.CacheDir()
	return filepath.Join(cache, "playground.json"), err
}

// save leaves a note of the playground for demo-load; the returned function removes it.
func (p playground) save() (remove func(), err error) {
	path, err := playgroundFile()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("describing the playground: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the cache directory: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("describing the playground: %w", err)
	}
	return func() { os.Remove(path) }, nil
}

// loadPlayground finds the playground that runs.
func loadPlayground() (playground, error) {
	path, err := playgroundFile()
	if err != nil {
		return playground{}, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return playground{}, errNoPlayground
	}
	var p playground
	if err := json.Unmarshal(text, &p); err != nil {
		return playground{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return p, nil
}
