package pgtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Alter changes a setting of one server, at once if it runs, as ALTER SYSTEM and a reload do, and for all starts to come. The
// setting must be one that needs no restart, unless the server is stopped.
func (s *Server) Alter(ctx context.Context, name, value string) error {
	line := fmt.Sprintf("%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''"))
	if err := s.append("postgresql.auto.conf", line); err != nil {
		return err
	}
	if s.running == nil {
		return nil
	}
	return s.reload(ctx)
}

// Delay lets a replica replay each commit so much later than its primary has made it.
func (s *Server) Delay(ctx context.Context, d time.Duration) error {
	return s.Alter(ctx, "recovery_min_apply_delay", fmt.Sprintf("%dms", d.Milliseconds()))
}

// reload has the server read its settings again, and waits until it has.
func (s *Server) reload(ctx context.Context) error {
	var before string
	if err := s.ask(ctx, "SELECT pg_conf_load_time()::text", &before); err != nil {
		return err
	}
	if err := s.running.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("telling Postgres to read its settings: %w", err)
	}
	return s.awaitTrue(ctx, "settings read again", "SELECT pg_conf_load_time() > '"+before+"'")
}

// awaitTrue asks until the answer is true.
func (s *Server) awaitTrue(ctx context.Context, what, question string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		var so bool
		if err := s.ask(ctx, question, &so); err != nil || so {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// append adds to a file of the data directory.
func (s *Server) append(name, text string) error {
	path := filepath.Join(s.data, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("configuring Postgres: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return fmt.Errorf("configuring Postgres: %w", err)
	}
	return s.who.own(path)
}

// write makes a file of the data directory.
func (s *Server) write(name, text string) error {
	path := filepath.Join(s.data, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("configuring Postgres: %w", err)
	}
	return s.who.own(path)
}
