package pgtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// standbyName is what the replica on a port is called by its primary, in synchronous_standby_names for instance.
func standbyName(port int) string { return fmt.Sprintf("pgtest_%d", port) }

// Synchronise has commits acknowledged only when a replica has them too: of what was acknowledged after it has returned, nothing is
// lost if that replica is promoted.
func (s *Server) Synchronise(ctx context.Context, replica *Server) error {
	name := standbyName(replica.Port)
	if err := s.Alter(ctx, "synchronous_standby_names", name); err != nil {
		return err
	}
	return s.awaitTrue(ctx, "the replica to be synchronous",
		"SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync' AND application_name = '"+name+"')")
}

// Promote makes a primary of a replica, and returns when it takes writes.
func (s *Server) Promote(ctx context.Context) error {
	if err := s.Exec(ctx, "postgres", "SELECT pg_promote(wait => false)"); err != nil {
		return fmt.Errorf("promoting: %w", err)
	}
	return s.awaitTrue(ctx, "the replica to become a primary", "SELECT NOT pg_is_in_recovery()")
}

// Follow makes the server a replica of another, whose history has all of its own: another replica without a restart, a primary
// that was stopped cleanly before the other was promoted. [Server.Rewind] is for a primary that has gone on alone.
func (s *Server) Follow(ctx context.Context, primary *Server) error {
	if s.running != nil {
		var standby bool
		if err := s.ask(ctx, "SELECT pg_is_in_recovery()", &standby); err != nil {
			return err
		}
		if standby {
			return s.Alter(ctx, "primary_conninfo", primary.conninfo())
		}
	}
	if err := s.Stop(Fast); err != nil {
		return err
	}
	return s.startStandby(ctx, primary)
}

// Rewind makes a replica of an old primary, however it has ended and whatever it has written that the new one does not have: that is
// lost. Where the server programs come without pg_rewind the other is copied anew.
func (s *Server) Rewind(ctx context.Context, primary *Server) error {
	if err := s.Stop(Fast); err != nil {
		return err
	}
	rewind := filepath.Join(s.Install.Bin, "pg_rewind")
	if _, err := os.Stat(rewind); err != nil {
		return s.becomeCopy(ctx, primary)
	}
	// The new primary's control file tells its timeline from its next checkpoint on.
	if err := primary.Exec(ctx, "postgres", "CHECKPOINT"); err != nil {
		return err
	}
	rewinding := s.who.command(ctx, s.root, rewind, "--target-pgdata="+s.data, "--no-sync",
		"--source-server="+primary.conninfo()+" dbname=postgres")
	if out, err := rewinding.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_rewind: %w: %s", err, out)
	}
	// Its files of settings are the other's now.
	if err := s.configure(); err != nil {
		return err
	}
	return s.startStandby(ctx, primary)
}

// startStandby starts a server that is stopped as a replica of a primary. Of the settings that [Server.Alter] has made, those of its
// own and those that came with a copy, it has none.
func (s *Server) startStandby(ctx context.Context, primary *Server) error {
	if err := s.write("standby.signal", ""); err != nil {
		return err
	}
	if err := s.write("postgresql.auto.conf", ""); err != nil {
		return err
	}
	for name, value := range map[string]string{"primary_conninfo": primary.conninfo(), "recovery_target_timeline": "latest"} {
		if err := s.Alter(ctx, name, value); err != nil {
			return err
		}
	}
	return s.StartAgain(ctx)
}

// conninfo is how a replica connects to the server.
func (s *Server) conninfo() string {
	return fmt.Sprintf("host=%s port=%d user=postgres", s.SocketDir, s.Port)
}
