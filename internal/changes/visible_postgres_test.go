package changes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A commit that waits for a synchronous standby is on disk, and is told, while others still see what was before. So it is not visible until
// they do. Nobody may rely on having read what was written because it was told.
func TestAChangeIsVisibleWhenOthersSeeIt(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		s := primary(t, version, "synchronous_standby_names=nobody", "synchronous_commit=local")
		exec(t, s, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR ALL TABLES")
		l, _, _ := follow(t, s, nil)
		l.await("follows a b")
		writer, reader := session(t, s), session(t, s)
		run(t, writer, "SET synchronous_commit = on")
		committed := make(chan error, 1)
		go func() { // ends when nobody is waited for any more
			_, err := writer.Exec(context.Background(), "INSERT INTO a VALUES (1)")
			committed <- err
		}()
		l.await("changed a")
		var n int
		must(t, reader.QueryRow(t.Context(), "SELECT count(*) FROM a").Scan(&n))
		run(t, reader, "INSERT INTO b VALUES (1)")
		before, _ := l.awaitAfter("visible b")
		if n != 0 || slices.Contains(before, "visible a") {
			t.Errorf("others see %d rows, and it was told %q", n, before)
		}
		must(t, s.Alter(t.Context(), "synchronous_standby_names", ""))
		must(t, <-committed)
		l.await("visible a")
	})
}

// What is visible when it is told so, whoever reads then sees.
func TestWhatIsVisibleIsRead(t *testing.T) {
	s := primary(t, 0)
	exec(t, s, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR ALL TABLES")
	l, _, _ := follow(t, s, nil)
	l.await("follows a")
	writer, reader := session(t, s), session(t, s)
	for i := range 200 {
		done := make(chan error, 1)
		go func() {
			_, err := writer.Exec(context.Background(), "INSERT INTO a VALUES ($1)", i)
			done <- err
		}()
		l.await("visible a")
		var n int
		must(t, reader.QueryRow(t.Context(), "SELECT count(*) FROM a").Scan(&n))
		if n != i+1 {
			t.Fatalf("%d rows are read where %d are visible", n, i+1)
		}
		must(t, <-done)
	}
}

// Whoever was under way when the stream began may have written before: nothing is followed until he is done.
func TestFollowingWaitsForWhoWasUnderWay(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		s := primary(t, version)
		exec(t, s, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR ALL TABLES")
		writer := session(t, s)
		run(t, writer, "BEGIN", "INSERT INTO a VALUES (1)")
		l, _, _ := follow(t, s, nil)
		l.awaitLog("begins when the transactions are over that are open in it now")
		if told := l.take(); len(told) > 0 {
			t.Errorf("it was told %q", told)
		}
		run(t, writer, "COMMIT")
		l.await("follows a")
	})
}

// A stream that ends while its slot is being made leaves nobody behind who waits.
func TestASlotThatIsGivenUp(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		s := primary(t, version)
		exec(t, s, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR ALL TABLES")
		writer, watcher := session(t, s), session(t, s)
		run(t, writer, "BEGIN", "INSERT INTO a VALUES (1)")
		l, _, stop := follow(t, s, nil)
		l.awaitLog("begins when the transactions are over that are open in it now")
		stop()
		awaitTrue(t, func() string { return "a slot is left" }, func() bool {
			var left int
			must(t, watcher.QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots").Scan(&left))
			return left == 0
		})
	})
}

// A table joins while somebody writes to it: what he has written before is not told, so it counts when he is done.
func TestATableThatJoinsWaitsForWhoWasUnderWay(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		s := primary(t, version)
		exec(t, s, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR TABLE a")
		l, _, _ := follow(t, s, func(s *Stream) { s.Again = 20 * time.Millisecond })
		l.await("follows a")
		writer := session(t, s)
		run(t, writer, "BEGIN", "INSERT INTO b VALUES (1)")
		exec(t, s, "ALTER PUBLICATION pub ADD TABLE b")
		for i := range 50 { // each behind a question or two, and the tables are asked for between them
			exec(t, s, "TRUNCATE a")
			before, _ := l.awaitAfter("visible a")
			if slices.Contains(before, "follows a b") {
				t.Errorf("after %d changes it was told %q, and b is being written", i, before)
			}
		}
		run(t, writer, "COMMIT")
		l.await("follows a b")
		exec(t, s, "ALTER PUBLICATION pub DROP TABLE a")
		l.await("follows b")
		exec(t, s, "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (2)")
		before, _ := l.awaitAfter("changed b")
		if strings.Contains(strings.Join(before, " "), "changed a") {
			t.Errorf("it was told %q", before)
		}
	})
}

// An open transaction that has written much leaves the log in the middle of a record for long. Nothing is committed, so nothing is late.
func TestAnOpenTransactionMakesNothingLate(t *testing.T) {
	s := primary(t, 0)
	exec(t, s, "CREATE TABLE a (id int PRIMARY KEY, filler text)", "CREATE PUBLICATION pub FOR ALL TABLES")
	const short = 4 * time.Second
	l, _, _ := follow(t, s, func(s *Stream) { s.Interval, s.Patience = 20*time.Millisecond, short })
	l.await("follows a")
	writer := session(t, s)
	// Where others have the machine for as long as the patience, the stream is rightly lost: then it is tried again. What the transaction
	// does to it, it does every time.
	for try := 1; ; try++ {
		told, longest := staysOpen(t, writer, l, try, 2*short)
		if slices.Contains(told, "visible a") {
			break
		}
		if try == 3 || !saysBusy(l.why()) && longest < short/2 {
			t.Fatalf("try %d: it was told %q: %v; a question took up to %v", try, told, l.why(), longest)
		}
		run(t, writer, "ROLLBACK")
		l.await("follows a")
	}
}

// staysOpen writes much in a transaction that is open for so long, and commits it. It returns what was told, to "visible a" or "lost", and
// how long one question of the transaction took at most.
func staysOpen(t *testing.T, writer *pgx.Conn, l *listener, try int, open time.Duration) (told []string, longest time.Duration) {
	t.Helper()
	run(t, writer, "BEGIN", fmt.Sprintf("INSERT INTO a SELECT n, repeat('x', 100) FROM generate_series(%d, %d) n", try*1000, try*1000+999))
	for began := time.Now(); time.Since(began) < open; {
		asked := time.Now()
		run(t, writer, "SELECT pg_sleep(0.05)")
		longest = max(longest, time.Since(asked))
		if told = l.take(); slices.Equal(told, []string{"lost"}) {
			return told, longest
		} else if len(told) > 0 {
			t.Fatalf("before it was committed it was told %q", told)
		}
	}
	run(t, writer, "COMMIT")
	awaitTrue(t, func() string { return fmt.Sprintf("it was told %q", told) }, func() bool {
		told = append(told, l.take()...)
		return slices.Contains(told, "visible a") || slices.Contains(told, "lost")
	})
	return told, longest
}

// saysBusy tells of why a stream was lost that nobody was heard for its patience.
func saysBusy(why error) bool {
	return errors.Is(why, os.ErrDeadlineExceeded) ||
		why != nil && (strings.Contains(why.Error(), "is silent for") || strings.Contains(why.Error(), "has not answered within"))
}

// The time from where a commit is acknowledged to where it is told, and to where it is visible. It only prints.
func TestDelay(t *testing.T) {
	eachVersion(t, func(t *testing.T, version int) {
		for how, n := range map[string]int{"on": 100, "off": 10} {
			s := primary(t, version)
			exec(t, s, "CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR ALL TABLES")
			l, _, _ := follow(t, s, nil)
			l.await("follows a")
			writer := session(t, s)
			run(t, writer, "SET synchronous_commit = "+how, "INSERT INTO a VALUES (-1)")
			l.await("visible a")
			var changed, visible []time.Duration
			for i := range n {
				run(t, writer, fmt.Sprintf("INSERT INTO a VALUES (%d)", i))
				acknowledged := time.Now()
				changed = append(changed, l.await("changed a").Sub(acknowledged))
				visible = append(visible, l.await("visible a").Sub(acknowledged))
			}
			slices.Sort(changed)
			slices.Sort(visible)
			t.Logf("synchronous_commit %s: changed after p50 %v p99 %v, visible after p50 %v p99 %v", how,
				changed[n/2], changed[n*99/100-1], visible[n/2], visible[n*99/100-1])
		}
	})
}
