package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inCheckout makes an empty directory that counts as a checkout the working directory.
func inCheckout(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "internal", "pgtest"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

func mustTake(t *testing.T) *note {
	t.Helper()
	n, err := takeNote()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOnePlaygroundInACheckout(t *testing.T) {
	inCheckout(t)
	first := mustTake(t)
	for _, c := range []struct {
		p    playground
		want string
	}{
		{playground{}, "just starting"},
		{playground{Process: 17}, "kill 17"},
		{playground{Process: 17, User: "app", Password: "app", Pooler: "127.0.0.1:6432", Database: "app"},
			"psql postgres://app:app@127.0.0.1:6432/app"},
	} {
		if c.p.Process != 0 {
			if err := first.write(c.p); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := takeNote(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("beside %+v: %v, want %q", c.p, err, c.want)
		}
	}
	if err := first.remove(); err != nil {
		t.Error(err)
	}
	if err := mustTake(t).remove(); err != nil {
		t.Error(err)
	}
}

func TestNoteOfAKilledPlayground(t *testing.T) {
	inCheckout(t)
	home, stranger := filepath.Join(t.TempDir(), homePrefix+"1"), t.TempDir()
	for _, left := range []string{home, stranger} {
		if err := os.MkdirAll(left, 0o755); err != nil {
			t.Fatal(err)
		}
		n := mustTake(t)
		if err := n.write(playground{Process: 17, Home: left}); err != nil {
			t.Fatal(err)
		}
		n.file.Close() // as the system does
		if err := mustTake(t).remove(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(home); !os.IsNotExist(err) {
		t.Errorf("what the killed one left is still there: %v", err)
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Errorf("a directory that is no playground's: %v", err)
	}
}

func TestLoadKnowsThatThereIsNoPlaygroundYet(t *testing.T) {
	inCheckout(t)
	if _, err := loadPlayground(); err != errNoPlayground {
		t.Errorf("without a note: %v", err)
	}
	n := mustTake(t)
	if _, err := loadPlayground(); err != errNoPlayground {
		t.Errorf("while it starts: %v", err)
	}
	want := playground{Process: 17, Pooler: "127.0.0.1:6432"}
	if err := n.write(want); err != nil {
		t.Fatal(err)
	}
	if got, err := loadPlayground(); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}
