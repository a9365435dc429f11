//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgmux/caddy-pgmux/internal/checker"
)

// writing is one write of a register, by whoever has its lock.
type writing struct {
	*cacheClient
	speaker *speaker
	g       *register
	steps   []deed
	dialect dialect
	ending  string
}

// writeEnding is how the statements of a write are committed, or not.
type writeEnding struct {
	name string
	do   func(*writing, context.Context) error
	fits func(w *writing) bool
}

var writeEndings = []writeEnding{
	{"alone", (*writing).alone, (*writing).single},
	{"ahead of a read", (*writing).aheadOfARead, func(w *writing) bool { return w.single() && !w.copies() }},
	{"in a transaction", (*writing).inTransaction, nil},
	{"in a transaction, at once", (*writing).inTransactionAtOnce, func(w *writing) bool { return !w.copies() }},
	{"in one text", (*writing).inOneText, func(w *writing) bool { return !w.copies() }},
	{"rolled back", (*writing).rolledBack, nil},
	{"rolled back to a savepoint", (*writing).rolledBackToSavepoint, nil},
	{"in two phases", (*writing).inTwoPhases, func(w *writing) bool { return w.g.rows > 1 }},
}

func (w *writing) single() bool { return len(w.steps) == 1 }
func (w *writing) copies() bool {
	return slices.ContainsFunc(w.steps, func(s deed) bool { return s.copies })
}

// commits notes a version that is committed when act returns.
func (w *writing) commits(act func(version int64) error) error { return w.writes(false, act) }

// undoes notes one that nobody may ever see.
func (w *writing) undoes(act func(version int64) error) error { return w.writes(true, act) }

func (w *writing) writes(undone bool, act func(version int64) error) error {
	x := checker.Write{Version: w.g.next(), Session: w.session, Began: time.Now().UnixNano(), Undone: undone, How: w.ending + ", " + w.dialect.name}
	if err := act(x.Version); err != nil {
		return fmt.Errorf("writing %s, %s, %s: %w", w.g.log.Name, w.ending, w.dialect.name, err)
	}
	x.Acknowledged = time.Now().UnixNano()
	w.g.log.Wrote(x)
	return nil
}

// says says a word of transactions.
func (w *writing) says(ctx context.Context, sql string) error {
	_, err := w.speaker.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

// writesAll says all steps, and reads back what it has written: nobody but itself sees that, yet.
func (w *writing) writesAll(ctx context.Context, version int64) error {
	for _, st := range w.steps {
		if err := w.speaker.execute(ctx, w.dialect, st, w.g.id, version); err != nil {
			return err
		}
	}
	began, d := time.Now().UnixNano(), pick(w.chance, dialects)
	r, err := w.speaker.read(ctx, d, pick(w.chance, w.g.reads), w.g.id)
	if err == nil {
		err = w.demandOwn(r, version, began, d.name)
	}
	return err
}

// lostWrite is the error of who does not read what he has written, before it is committed.
type lostWrite struct{ checker.Violation }

func (l *lostWrite) Error() string { return l.String() }

// demandOwn demands that one reads what he has written.
func (w *writing) demandOwn(r reply, version, began int64, how string) error {
	if r.version == version && r.twin == version {
		return nil
	}
	port, at, err := r.computed()
	if err != nil {
		return err
	}
	read := checker.Read{Register: w.g.index, Began: began, Ended: time.Now().UnixNano(), Version: r.version, Twin: r.twin,
		Computed: at, AtReplica: port != w.primary, How: how}
	own := checker.Write{Version: version, Session: w.session, Began: began, Acknowledged: began, How: w.ending + ", " + w.dialect.name}
	return &lostWrite{checker.Violation{Rule: checker.Forgotten, Session: w.session, Register: w.g.log.Name, Read: read, Want: own}}
}

// inOrder says words of transactions, and all steps where there is an empty one.
func (w *writing) inOrder(ctx context.Context, version int64, words ...string) error {
	for _, word := range words {
		err := error(nil)
		if word == "" {
			err = w.writesAll(ctx, version)
		} else {
			err = w.says(ctx, word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) alone(ctx context.Context) error {
	return w.commits(func(v int64) error { return w.speaker.execute(ctx, w.dialect, w.steps[0], w.g.id, v) })
}

func (w *writing) inTransaction(ctx context.Context) error {
	return w.commits(func(v int64) error { return w.inOrder(ctx, v, "BEGIN", "", "COMMIT") })
}

func (w *writing) rolledBack(ctx context.Context) error {
	return w.undoes(func(v int64) error { return w.inOrder(ctx, v, "BEGIN", "", "ROLLBACK") })
}

func (w *writing) rolledBackToSavepoint(ctx context.Context) error {
	err := w.undoes(func(v int64) error { return w.inOrder(ctx, v, "BEGIN", "SAVEPOINT here", "", "ROLLBACK TO here") })
	if err != nil {
		return err
	}
	return w.commits(func(v int64) error { return w.inOrder(ctx, v, "", "RELEASE here", "COMMIT") })
}

func (w *writing) inTwoPhases(ctx context.Context) error {
	return w.commits(func(v int64) error {
		name := fmt.Sprintf("'%s to %d'", w.g.log.Name, v)
		return w.inOrder(ctx, v, "BEGIN", "", "PREPARE TRANSACTION "+name, "COMMIT PREPARED "+name)
	})
}

// inTransactionAtOnce pipelines all from BEGIN to COMMIT, with one Sync.
func (w *writing) inTransactionAtOnce(ctx context.Context) error {
	return w.commits(func(v int64) error {
		batch := &pgx.Batch{}
		batch.Queue("BEGIN")
		for _, st := range w.steps {
			batch.Queue(inlined(st.sql, w.g.id, v))
		}
		batch.Queue("COMMIT")
		return w.speaker.SendBatch(ctx, batch).Close()
	})
}

// inOneText sends all in one Query, which is one transaction, with BEGIN and COMMIT in it and without.
func (w *writing) inOneText(ctx context.Context) error {
	return w.commits(func(v int64) error {
		var text []string
		for _, st := range w.steps {
			text = append(text, inlined(st.sql, w.g.id, v))
		}
		if w.chance.IntN(2) == 0 && !w.calls() {
			text = append(append([]string{"BEGIN"}, text...), "COMMIT")
		}
		return w.says(ctx, strings.Join(text, "; "))
	})
}

func (w *writing) calls() bool { return strings.HasPrefix(w.steps[0].sql, "CALL") }

// aheadOfARead sends a write and a read in one go, each with its own Sync: the read must see what is written, though nobody had been told so
// when it was asked.
func (w *writing) aheadOfARead(ctx context.Context) error {
	return w.commits(func(v int64) error {
		began := time.Now().UnixNano()
		p := w.speaker.PgConn().StartPipeline(ctx)
		p.SendQueryParams(inlined(w.steps[0].sql, w.g.id, v), nil, nil, nil, nil)
		p.SendPipelineSync()
		p.SendQueryParams(inlined(pick(w.chance, w.g.reads), w.g.id, v), nil, nil, nil, nil)
		if err := p.Sync(); err != nil {
			return err
		}
		row, err := lastRow(p)
		if closing := p.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return err
		}
		r := reply{stamp: string(row[2])}
		if _, err := fmt.Sscan(string(row[0])+" "+string(row[1]), &r.version, &r.twin); err != nil {
			return fmt.Errorf("reading %q: %w", row, err)
		}
		return w.demandOwn(r, v, began, w.ending)
	})
}

// lastRow is the last row of three columns that a pipeline of two Syncs returns.
func lastRow(p *pgconn.Pipeline) (row [][]byte, err error) {
	for syncs := 0; syncs < 2; {
		result, err := p.GetResults()
		if err != nil {
			return nil, err
		}
		switch x := result.(type) {
		case *pgconn.PipelineSync:
			syncs++
		case *pgconn.ResultReader:
			all := x.Read()
			if all.Err != nil {
				return nil, all.Err
			}
			if len(all.Rows) > 0 {
				row = all.Rows[0]
			}
		}
	}
	if len(row) != 3 {
		return nil, fmt.Errorf("a row of %d columns, want 3", len(row))
	}
	return row, nil
}
