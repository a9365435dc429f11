package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pgmux/caddy-pgmux/querycache"
)

// life is a member from the wish to join to the first trouble. One goroutine owns it; three others wait for the store.
type life struct {
	*Member
	course     *course
	names      names
	generation string
	// reading is the position of the record that takes effect now.
	reading uint64

	reads    chan read
	records  chan []byte // for the log
	appended chan appended
	troubles chan error
	// tookAt was the position read when the record under way was taken; writing: one is.
	tookAt  uint64
	writing bool
}

// read is what was read of the log: records up to a position.
type read struct {
	records [][]byte
	last    uint64
	err     error
}

// appended is what became of a record.
type appended struct {
	position uint64
	err      error
}

// live is one life. It reports whether the Sink was told that it has joined.
func (m *Member) live(ctx context.Context) (hasJoined bool, err error) {
	l := &life{Member: m, reads: make(chan read), records: make(chan []byte, 1), appended: make(chan appended, 1), troubles: make(chan error, 1)}
	if err := l.find(ctx); err != nil {
		return false, err
	}
	l.course = newCourse(m.id, &m.pace, l.heard, m.now())
	m.mu.Lock()
	m.tables.anew()
	m.mu.Unlock()

	waiting, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { l.readAll(waiting, l.reading) })
	group.Go(func() { l.appendAll(waiting) })
	group.Go(func() { l.watch(waiting) })
	err = l.run(waiting)
	busy := l.isBusy()
	hasJoined = l.end(err) // at once: those who wait for the store may wait for long
	stop()
	group.Wait()
	if ctx.Err() != nil && !busy {
		l.leave()
	}
	return hasJoined, err
}

// find finds the log, and where it ends.
func (l *life) find(ctx context.Context) (err error) {
	ctx, stop := context.WithTimeout(ctx, l.pace.Patience)
	defer stop()
	if l.generation, err = l.store.Generation(ctx); err != nil {
		return fmt.Errorf("asking the store for its generation: %w", err)
	}
	l.names = namesOf(l.generation, l.database)
	if l.reading, err = l.store.Last(ctx, l.names.log()); err != nil {
		return fmt.Errorf("finding the end of the log: %w", err)
	}
	l.position.Store(l.reading)
	return nil
}

// errEnded is what Lost is told when the context of Run has ended.
var errEnded = errors.New("the membership has been ended")

// run takes what comes and does what is due, until there is trouble.
func (l *life) run(ctx context.Context) error {
	timer := time.NewTicker(l.course.untilTick())
	defer timer.Stop()
	for {
		l.write()
		var err error
		select {
		case <-ctx.Done():
			return errEnded
		case r := <-l.reads:
			err = l.take(r)
		case a := <-l.appended:
			err = l.check(a)
		case <-timer.C:
			err = l.tick()
		case err = <-l.troubles:
		case <-l.wake:
		}
		if err != nil {
			return err
		}
	}
}

// take takes what was read.
func (l *life) take(r read) error {
	if r.err != nil {
		return fmt.Errorf("reading the log: %w", r.err)
	}
	for i, b := range r.records {
		l.reading = r.last - uint64(len(r.records)-1-i)
		rec, err := readRecord(b)
		if err == nil {
			err = l.understand(&rec)
		}
		if err != nil {
			return fmt.Errorf("reading the log at %d: %w", l.reading, err)
		}
		l.position.Store(l.reading)
	}
	return nil
}

func (l *life) understand(r *record) error {
	if r.from != l.id {
		return l.course.hear(r, l.now())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.course.echo(&l.tables, r, l.reading, l.now())
}

// heard is what others have done with a table: first its position, so that no reply from before is taken any more.
func (l *life) heard(op querycache.Op, table string) {
	l.mu.Lock()
	l.tables.heard(table, l.reading)
	l.mu.Unlock()
	l.sink.Heard(op, table)
}

// check looks at what became of our record: behind all that had been read, or the log is another one.
func (l *life) check(a appended) error {
	l.writing = false
	switch {
	case a.err != nil:
		return fmt.Errorf("writing to the log: %w", a.err)
	case a.position <= l.tookAt:
		return errGap
	}
	return nil
}

// tick does what is due, and tells the Sink when we have joined.
func (l *life) tick() error {
	joined, err := l.course.tick(l.now())
	if err != nil || !joined {
		return err
	}
	l.complained = ""
	l.log("info", "in touch with those who share the query cache of a database", "")
	l.sink.Joined()
	l.shared.Store(&l.names)
	return nil
}

// write gives the log what is due, one record at a time.
func (l *life) write() {
	if l.writing {
		return
	}
	l.mu.Lock()
	now := l.now()
	due := l.tables.isDue() || l.course.isDue(now) && !l.tables.isFull()
	var r record
	if due {
		l.seq++
		r = l.course.next(l.seq, now)
		l.tables.take(&r, now)
	}
	l.mu.Unlock()
	if due {
		l.writing, l.tookAt = true, l.reading
		l.records <- appendRecord(nil, &r)
	}
}

// isBusy reports whether changes are under way here.
func (l *life) isBusy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tables.isBusy()
}

// leave says that nothing is under way here any more, if that can be said at once. Otherwise, and if something is, our lease ends.
func (l *life) leave() {
	ctx, stop := context.WithTimeout(context.Background(), l.pace.Patience)
	defer stop()
	l.mu.Lock()
	l.seq++
	r := record{from: l.id, seq: l.seq, kind: leaves}
	l.tables.take(&r, l.now())
	l.mu.Unlock()
	l.store.Append(ctx, l.names.log(), appendRecord(nil, &r))
}

// end tells the Sink that it is over, and reports whether it had begun.
func (l *life) end(err error) (hasJoined bool) {
	l.shared.Store(nil)
	if hasJoined = l.course.stage == joined; hasJoined {
		l.sink.Lost(err)
	}
	l.course.others.forgetAll()
	l.mu.Lock()
	l.tables.unsend()
	l.mu.Unlock()
	return hasJoined
}
