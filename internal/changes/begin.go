package changes

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

const (
	// maxSlotWait bounds how long a slot may take to be made: Postgres waits for whoever is under way.
	maxSlotWait = 10 * time.Minute
	// abandonTime bounds how long it may take to end whoever waits for them, when we do not any more.
	abandonTime = time.Second
	// slowSlot is when it is said that it takes long.
	slowSlot = 3 * time.Second
)

// slotName is one that nobody else has, of up to 63 bytes.
func slotName() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("pgmux_%d_%s", os.Getpid(), hex.EncodeToString(random[:]))
}

// connect opens the connection for questions, and finds out whether there is anything to follow.
func (s *Stream) connect(ctx context.Context) (*conn, error) {
	c, err := s.open(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("connecting to ask about changes: %w", err)
	}
	if err := s.examine(c); err != nil {
		c.part()
		return nil, err
	}
	return c, nil
}

func (s *Stream) examine(c *conn) error {
	c.SetReadDeadline(time.Now().Add(s.Patience))
	if _, err := c.ask(settings, s.Patience); err != nil {
		return fmt.Errorf("preparing to ask about changes: %w", err)
	}
	rows, err := c.ask(requirements(s.Publication), s.Patience)
	if err != nil {
		return fmt.Errorf("asking whether changes can be followed: %w", err)
	}
	c.SetReadDeadline(time.Time{})
	return missing(s.Publication, rows)
}

// open connects. The connection breaks when the context ends.
func (s *Stream) open(ctx context.Context, replication string) (*conn, error) {
	within, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	raw, err := s.Connect(within, replication)
	if err != nil {
		return nil, err
	}
	c := newConn(raw)
	c.spare = context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	return c, nil
}

// begin opens the stream: a slot of its own, and what is committed from then on.
func (s *Stream) begin(ctx context.Context, slot string, questions *conn) (*conn, error) {
	c, err := s.open(ctx, "database")
	if err != nil {
		return nil, fmt.Errorf("connecting for replication: %w", cure(err))
	}
	if err := s.start(c, slot); err != nil {
		c.part()
		abandon(questions, slot)
		return nil, err
	}
	return c, nil
}

// abandon ends a walsender that may still make its slot: while it waits, it does not notice that we have left.
func abandon(questions *conn, slot string) {
	questions.spare()
	questions.SetDeadline(time.Now().Add(abandonTime))
	// If it does not succeed, the slot goes when those are done whom it waits for.
	_, _ = questions.ask("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND slot_name = "+literal(slot), abandonTime)
}

func (s *Stream) start(c *conn, slot string) error {
	waits := time.AfterFunc(slowSlot, func() {
		s.Log("info", "following the changes of a database begins when the transactions are over that are open in it now, also prepared ones", "")
	})
	defer waits.Stop()
	c.SetReadDeadline(time.Now().Add(maxSlotWait))
	if _, err := c.ask("SET client_encoding = 'UTF8'", s.Patience); err != nil {
		return fmt.Errorf("preparing replication: %w", err)
	}
	if _, err := c.ask("CREATE_REPLICATION_SLOT "+slot+" TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT", s.Patience); err != nil {
		return fmt.Errorf("making a replication slot: %w", cureSlot(err))
	}
	if err := s.replicate(c, slot); err != nil {
		return fmt.Errorf("starting replication: %w", cure(err))
	}
	c.SetReadDeadline(time.Time{})
	return nil
}

// replicate sends START_REPLICATION and reads CopyBothResponse.
func (s *Stream) replicate(c *conn, slot string) error {
	text := fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names %s)",
		slot, literal(identifier(s.Publication)))
	if err := c.send(pgwire.AppendQuery(nil, text), s.Patience); err != nil {
		return err
	}
	for {
		kind, message, err := c.receive()
		switch {
		case err != nil:
			return err
		case kind == 'E':
			return newServerError(message)
		case kind == 'W':
			return nil
		}
	}
}
