package changes

import (
	"context"
	"errors"
	"time"
)

// inquiry is what the server is asked beside the stream: one question at a time.
type inquiry struct {
	questions chan string
	answers   chan answer
	patience  time.Duration

	asked      question // that has not been answered
	pulsedAt   time.Time
	membersAt  time.Time // when they were told
	membersDue time.Time // when they are to be asked for
}

// question is one that is on its way.
type question struct {
	what topic
	at   time.Time
}

type topic int

const (
	nothing     topic = iota
	howFar            // see pulse
	whichTables       // see membership
)

type answer struct {
	rows [][]string
	err  error
}

func newInquiry(patience time.Duration) inquiry {
	return inquiry{questions: make(chan string, 1), answers: make(chan answer, 1), patience: patience}
}

// answer has the server answer questions until the context ends.
func (i *inquiry) answer(ctx context.Context, c *conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-i.questions:
			rows, err := c.ask(text, i.patience)
			i.answers <- answer{rows, err} // has room: there is no other question
		}
	}
}

// ask asks. Nothing else may be on its way.
func (i *inquiry) ask(what topic, text string, now time.Time) {
	if i.asked.what != nothing {
		panic("bug: two questions at once")
	}
	i.asked = question{what, now}
	if what == howFar {
		i.pulsedAt = now
	}
	i.questions <- text
}

// answered is the question that has been answered.
func (i *inquiry) answered() question {
	asked := i.asked
	i.asked = question{}
	return asked
}

// pulse is what the server is asked again and again.
type pulse struct {
	flushed  uint64 // what is on its disk
	snapshot snapshot
	ours     bool // it has our slot
}

func pulseQuestion(slot string) string {
	return "SELECT pg_current_wal_flush_lsn(), pg_current_snapshot(), " +
		"EXISTS (SELECT FROM pg_replication_slots WHERE active AND slot_name = " + literal(slot) + ")"
}

func readPulse(rows [][]string) (p pulse, err error) {
	if len(rows) != 1 || len(rows[0]) != 3 {
		return p, errors.New("the server does not answer how far it is")
	}
	if p.flushed, err = parseLSN(rows[0][0]); err != nil {
		return p, err
	}
	p.snapshot, err = parseSnapshot(rows[0][1])
	p.ours = rows[0][2] == "t"
	return p, err
}
