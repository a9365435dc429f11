package fleet

import (
	"errors"
	"fmt"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// course is one life of a membership, from the wish to join until touch is lost. It is told what was read in the log and what time it is,
// and says what is to be written. One goroutine owns it; the tables it shares with those who note and ask, and are under their lock.
type course struct {
	id     memberID
	pace   *Pace
	others others
	stage  stage
	// joinSeq is the number of our join record.
	joinSeq uint64
	// settledAt: whoever is in touch has been heard by then; known from when the join record was read back.
	settledAt int64
	// proven: what was in the log then has been read.
	proven int64
	// tookAt is when the last record was taken.
	tookAt int64
	// answers: a state of ours is wanted.
	answers bool
}

type stage byte

const (
	joining stage = iota // the join record was not read back yet
	settling
	joined
)

// newCourse begins at a time.
func newCourse(id memberID, pace *Pace, heard func(querycache.Op, string), now int64) *course {
	return &course{
		id: id, pace: pace, proven: now,
		others: others{pace: pace, members: map[memberID]*other{}, heard: heard},
	}
}

var (
	errGap  = errors.New("a record of this process is missing in the log: the store has lost something")
	errLate = errors.New("the store is late: what was written to its log is not read back in time")
)

// echo takes a record of our own that was read back, at a position; t is under its lock.
func (c *course) echo(t *tables, r *record, position uint64, now int64) error {
	if r.seq < c.joinSeq {
		return nil // of an earlier life; it was told once more
	}
	at, ok := t.echoed(r.seq, position)
	if !ok {
		return errGap
	}
	c.proven = at
	if r.seq == c.joinSeq {
		c.stage, c.settledAt = settling, now+int64(c.pace.settle())
		t.joinedAt(position)
	}
	return nil
}

// hear takes what another has written.
func (c *course) hear(r *record, now int64) error {
	if r.kind == joins {
		c.answers = true
	}
	if err := c.others.apply(r, now, c.stage != joined); err != nil {
		return fmt.Errorf("reading who else is there: %w", err)
	}
	return nil
}

// tick does what is due; joined: it has joined just now.
func (c *course) tick(now int64) (hasJoined bool, err error) {
	if now-c.proven > int64(c.pace.settle()) {
		return false, errLate
	}
	c.others.tick(now)
	if c.stage != settling || now < c.settledAt || !c.others.haveStated() {
		return false, nil
	}
	c.stage = joined
	return true, nil
}

// isDue reports whether a record has to be written even if nothing was noted.
func (c *course) isDue(now int64) bool {
	return c.joinSeq == 0 || c.answers || now-c.tookAt >= int64(c.pace.Heartbeat)
}

// next is the next record but for its tables.
func (c *course) next(seq uint64, now int64) record {
	r := record{from: c.id, seq: seq, kind: tells}
	switch {
	case c.joinSeq == 0:
		c.joinSeq, r.kind = seq, joins
	case c.answers:
		r.kind, r.doubt = states, c.others.doubtful(now)
	}
	c.answers, c.tookAt = false, now
	return r
}

// untilTick is when tick has to be called again, at the latest.
func (c *course) untilTick() time.Duration { return c.pace.Heartbeat / 4 }
