package changes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// follower is one life of a stream: from its beginning to the first trouble. One goroutine owns it; two others read what the server
// sends on either connection.
type follower struct {
	*Stream
	stream *conn
	slot   string
	heard  chan heard // from the stream
	progress
	inquiry
	audience
}

// follow is one life. It reports whether the Sink was told that it follows.
func (s *Stream) follow(ctx context.Context) (followed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	questions, err := s.connect(ctx)
	if err != nil {
		return false, err
	}
	defer questions.part()
	slot := slotName()
	stream, err := s.begin(ctx, slot, questions)
	if err != nil {
		return false, err
	}
	defer stream.part()
	f := &follower{
		Stream: s, stream: stream, slot: slot, heard: make(chan heard), inquiry: newInquiry(s.Patience), audience: audience{sink: s.Sink},
	}
	var group sync.WaitGroup
	group.Go(func() { f.listen(ctx) })
	group.Go(func() { f.answer(ctx, questions) })
	err = f.run(ctx)
	cancel()
	group.Wait()
	return f.end(err), err
}

// run takes what comes and does what is due, until there is trouble.
func (f *follower) run(ctx context.Context) error {
	f.heardAt = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return errEnded
		case h := <-f.heard:
			err = f.hear(h, time.Now())
		case a := <-f.answers:
			err = f.learn(a, time.Now())
		case <-timer.C:
		}
		if err == nil {
			err = f.act(time.Now())
		}
		if err != nil {
			return err
		}
		timer.Reset(f.untilNext(time.Now()))
	}
}

// hear takes what the stream has told.
func (f *follower) hear(h heard, now time.Time) error {
	f.heardAt = now
	if t := h.transaction; t != nil {
		if t.altered || !f.members.explains(t) {
			f.membersDue = later(now, f.membersAt.Add(f.Interval))
		}
		if err := f.change(t); err != nil {
			return err
		}
	}
	if at, ok := f.advance(h.seen); ok {
		f.see(f.seen, at)
		f.tellFollows()
	}
	if h.wantsReply {
		return f.report(now, false)
	}
	return h.err
}

// learn takes what the server has answered.
func (f *follower) learn(a answer, now time.Time) error {
	asked := f.answered()
	if a.err != nil {
		return fmt.Errorf("asking the primary: %w", a.err)
	}
	if asked.what == whichTables {
		return f.learnMembers(a, now)
	}
	p, err := readPulse(a.rows)
	switch {
	case err != nil:
		return err
	case !p.ours:
		return errors.New("the server that is asked is not the one that tells its changes")
	}
	f.show(&p.snapshot)
	f.aim(p.flushed, asked.at)
	if at, ok := f.advance(f.seen); ok {
		f.see(f.seen, at)
	}
	f.tellFollows()
	return nil
}

// learnMembers takes what the publication tells.
func (f *follower) learnMembers(a answer, now time.Time) error {
	m, err := readMembership(a.rows)
	if err != nil {
		return err
	}
	f.membersAt, f.membersDue = now, now.Add(f.Again)
	f.warn(&m)
	f.join(m, now)
	return nil
}

// act does what is due.
func (f *follower) act(now time.Time) error {
	if err := f.trouble(now); err != nil {
		return err
	}
	if f.asked.what == nothing {
		switch {
		case !now.Before(f.membersDue):
			f.ask(whichTables, members(f.Publication), now)
		case !now.Before(f.pulseDue()):
			f.ask(howFar, pulseQuestion(f.slot), now)
		}
	}
	if now.Before(f.reportedAt.Add(f.Interval)) {
		return nil
	}
	return f.report(now, true)
}

// trouble is why the stream is to be given up.
func (f *follower) trouble(now time.Time) error {
	switch {
	case now.Sub(f.heardAt) > f.Patience:
		return fmt.Errorf("the stream of changes is silent for more than %v", f.Patience)
	case f.asked.what != nothing && now.Sub(f.asked.at) > f.Patience:
		return fmt.Errorf("the primary has not answered within %v", f.Patience)
	case f.following && f.isLate(now, f.Patience):
		return fmt.Errorf("the stream of changes is late by more than %v: a large transaction, or a server that is busy", f.Patience)
	}
	return nil
}

// end tells the Sink that it is over, and reports whether it had begun.
func (f *follower) end(err error) (followed bool) {
	followed = f.following
	if followed {
		f.sink.Lost(err)
	}
	for _, u := range f.unseen {
		f.sink.Visible(u.tables)
	}
	return followed
}
