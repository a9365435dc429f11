package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// errNoPlayground says what to do first.
var errNoPlayground = errors.New("no playground is running: say `make run` in another terminal first")

// note is the file that tells what playground runs in this checkout. Its keeper holds a lock on it, which ends with
// the process however that ends: a note that nobody holds was left by a playground that was killed.
type note struct{ file *os.File }

func notePath() (string, error) {
	cache, err := pgtest.CacheDir()
	return filepath.Join(cache, "playground.json"), err
}

// takeNote makes the note ours, and removes what a killed playground has left. It fails if another one runs.
func takeNote() (*note, error) {
	path, err := notePath()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the cache directory: %w", err)
	}
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("noting the playground: %w", err)
		}
		n := &note{file: file}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK):
			defer file.Close()
			return nil, n.keeper().runsAlready()
		case err != nil:
			file.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if n.current() {
			n.keeper().removeHome()
			return n, nil
		}
		file.Close() // Whoever held it has removed it since we opened it.
	}
}

// current reports that the locked file is still the one at the note's path.
func (n *note) current() bool {
	locked, err1 := n.file.Stat()
	there, err2 := os.Stat(n.file.Name())
	return err1 == nil && err2 == nil && os.SameFile(locked, there)
}

// keeper is the playground that was noted last; the zero value if none was.
func (n *note) keeper() playground {
	var p playground
	if text, err := io.ReadAll(io.NewSectionReader(n.file, 0, 1<<20)); err == nil {
		_ = json.Unmarshal(text, &p)
	}
	return p
}

// write tells demo-load, and the next run, about the playground.
func (n *note) write(p playground) error {
	text, err := json.Marshal(p)
	if err == nil {
		err = n.file.Truncate(0)
	}
	if err == nil {
		_, err = n.file.WriteAt(text, 0)
	}
	if err != nil {
		return fmt.Errorf("noting the playground: %w", err)
	}
	return nil
}

// remove removes the note, if it is still there, and then lets go of it.
func (n *note) remove() error {
	defer n.file.Close()
	if !n.current() {
		return nil // `make clean` came first
	}
	if err := os.Remove(n.file.Name()); err != nil {
		return fmt.Errorf("removing the playground's note: %w", err)
	}
	return nil
}

// runsAlready is the error of whoever wants to be the second.
func (p playground) runsAlready() error {
	switch {
	case p.Process == 0:
		return errors.New("a playground of this checkout is just starting")
	case p.Pooler == "":
		return fmt.Errorf("a playground of this checkout is being set up (process %d); to stop it: kill %d", p.Process, p.Process)
	}
	return fmt.Errorf("the playground of this checkout runs already (process %d); try it: psql %s\n"+
		"or stop it, by Ctrl-C in its terminal or by: kill %d", p.Process, p.dsn(), p.Process)
}

// removeHome removes the directory that a killed playground has left; its Postgres's are removed by pgtest.
func (p playground) removeHome() {
	if strings.HasPrefix(filepath.Base(p.Home), homePrefix) {
		_ = os.RemoveAll(p.Home)
	}
}

// loadPlayground finds the playground that runs.
func loadPlayground() (playground, error) {
	var p playground
	path, err := notePath()
	if err != nil {
		return p, err
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return p, errNoPlayground
	case err != nil:
		return p, fmt.Errorf("looking for the playground: %w", err)
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Pooler == "" {
		return p, errNoPlayground // it has not been set up yet
	}
	return p, nil
}
