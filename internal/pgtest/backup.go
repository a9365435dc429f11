package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// backUp fills the data directory of another with a copy of a running server's: by pg_basebackup, or, where the server programs
// come without it, by the steps that it takes.
func (s *Server) backUp(ctx context.Context, to *Server) error {
	if err := os.RemoveAll(to.data); err != nil {
		return fmt.Errorf("removing the data before a copy: %w", err)
	}
	basebackup := filepath.Join(s.Install.Bin, "pg_basebackup")
	if _, err := os.Stat(basebackup); err != nil {
		return s.backUpByHand(ctx, to)
	}
	copying := s.who.command(ctx, to.root, basebackup, "--host="+s.SocketDir, fmt.Sprintf("--port=%d", s.Port),
		"--username=postgres", "--pgdata="+to.data, "--checkpoint=fast", "--no-sync")
	if out, err := copying.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return nil
}

// backUpByHand is the low-level interface of Postgres for backups: begin, copy the files, end, keep the label. The log that was
// written meanwhile is streamed from the primary, which keeps enough of it.
func (s *Server) backUpByHand(ctx context.Context, to *Server) error {
	conn, err := s.Super(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SELECT pg_backup_start('pgtest', true)"); err != nil {
		return fmt.Errorf("beginning a backup: %w", err)
	}
	if err := copyLiving(s.data, to.data, s.who); err != nil {
		return err
	}
	var label string
	if err := conn.QueryRow(ctx, "SELECT labelfile FROM pg_backup_stop(false)", pgx.QueryExecModeExec).Scan(&label); err != nil {
		return fmt.Errorf("ending a backup: %w", err)
	}
	return to.write("backup_label", label)
}

// notCopied is what a copy of a running server must not have, or makes itself. Directories stay, empty.
var notCopied = []string{"postmaster.pid", "postmaster.opts", "pg_wal", "pg_replslot", "pg_stat_tmp", "pg_notify", "pg_serial", "pg_snapshots",
	"pg_subtrans", "pg_dynshmem"}

// copyLiving copies a data directory in which files come and go.
func copyLiving(from, to string, who account) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(path, from), "/")
		err = copyEntry(path, filepath.Join(to, name), entry, slices.Contains(notCopied, strings.Split(name, "/")[0]), who)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("copying a data directory in use: %w", err)
	}
	return nil
}

// copyEntry copies a file, or makes a directory; of what is left out only the directories.
func copyEntry(from, to string, entry fs.DirEntry, leaveOut bool, who account) error {
	switch {
	case entry.IsDir():
		if err := os.Mkdir(to, 0o700); err != nil {
			return err
		}
	case leaveOut:
		return nil
	default:
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			return err
		}
	}
	return who.own(to)
}
