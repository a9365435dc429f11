//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// endTalks is the ways a session ends, in the middle of whatever it does.
var endTalks = []conversation{
	{name: "Terminate in a transaction", script: script{"BEGIN", "INSERT INTO scene.t VALUES (1)", goodbye, nothingLeft}},
	{name: "Terminate behind an unfinished batch",
		script: script{ending(join(pbe("INSERT INTO scene.t VALUES (1)"), &pgproto3.Terminate{})...), nothingLeft}},
	{name: "Terminate behind a Sync", script: script{
		ending(join(pbe("SELECT 'answered'"), sync_, simple("SELECT 'this too'"), &pgproto3.Terminate{},
			simple("INSERT INTO scene.t VALUES (1)"))...), nothingLeft,
	}},
	{name: "Terminate behind a Flush", script: script{
		ending(join(pbe("INSERT INTO scene.t VALUES (1)"), flush, &pgproto3.Terminate{})...), nothingLeft,
	}},
	{name: "Terminate behind a large answer", script: script{
		ending(join(simple("SELECT repeat('x', 100) FROM generate_series(1, 20000)"), &pgproto3.Terminate{})...),
	}},
	{name: "half closed when idle", script: script{"SELECT 1", halfClose, theEnd}},
	{name: "half closed in a transaction", script: script{"BEGIN", "INSERT INTO scene.t VALUES (1)", halfClose, theEnd,
		nothingLeft}},
	{name: "half closed behind a query", script: script{step(func(s *scene) { s.say(simple("SELECT 'answered'")) }),
		halfClose, theEnd}},
	{name: "half closed behind a slow query",
		script: script{step(func(s *scene) { s.say(simple("SELECT pg_sleep(0.05), 'answered'")) }), halfClose, theEnd}},
	{name: "half closed behind a write",
		script: script{step(func(s *scene) { s.say(simple("INSERT INTO scene.t SELECT 1 FROM pg_sleep(0.05)")) }), halfClose,
			theEnd,
			step(func(s *scene) {
				eventually(s.t, "the row is there", func() error { return s.counts("SELECT count(*) FROM scene.t", 1) })
			})}},
	{name: "half closed behind a pipeline",
		script: script{step(func(s *scene) { s.say(join(pbe("SELECT 1"), sync_, pbe("SELECT 2"), sync_)...) }), halfClose,
			theEnd}},
	{name: "half closed behind a large answer", script: script{
		step(func(s *scene) { s.say(simple("SELECT repeat('x', 1000) FROM generate_series(1, 10000)")) }), halfClose, theEnd,
	}},
	{name: "half closed behind a COMMIT", script: script{"BEGIN", "INSERT INTO scene.t VALUES (1)",
		step(func(s *scene) { s.say(simple("COMMIT")) }), halfClose, theEnd,
		step(func(s *scene) {
			eventually(s.t, "the row is there", func() error { return s.counts("SELECT count(*) FROM scene.t", 1) })
		})}},
	{name: "half closed behind a Flush", script: script{
		step(func(s *scene) {
			s.say(join(pbe("INSERT INTO scene.t VALUES (1)"), pbe("SELECT pg_sleep(0.05), 'flushed'"), flush)...)
		}), halfClose, theEnd, nothingLeft,
	}},
	{name: "half closed behind an error in a batch that is flushed", script: script{
		step(func(s *scene) { s.say(join(pbe("SELECT 1/0"), pbe("SELECT 'skipped'"), flush)...) }), halfClose, theEnd,
	}},
	{name: "half closed behind an unfinished batch", script: script{
		step(func(s *scene) {
			s.say(join(pbe("SELECT 'answered'"), sync_, pbe("INSERT INTO scene.t VALUES (1)"))...)
		}), halfClose, theEnd, nothingLeft,
	}},
	{name: "half closed behind a whole COPY", script: script{
		step(func(s *scene) { s.say(simple(copyIn), copyData("1\tone\n"), copyDone, simple("TABLE scene.t")) }), halfClose, theEnd,
	}},
	{name: "half closed behind a whole COPY, extended", script: script{
		step(func(s *scene) {
			s.say(join(pbe(copyIn), copyData("1\tone\n"), copyDone, sync_, pbe("TABLE scene.t"), sync_)...)
		}),
		halfClose, theEnd,
	}},
	{name: "half closed behind a COPY out", script: script{
		step(func(s *scene) { s.say(simple("COPY (SELECT generate_series(1, 100000)) TO STDOUT")) }), halfClose, theEnd,
	}},
	{name: "half closed behind a LISTEN", script: script{
		step(func(s *scene) { s.say(simple("LISTEN halves"), simple("SELECT 1"), simple("UNLISTEN halves")) }), halfClose, theEnd,
	}},
	{name: "half closed behind half a message", script: script{
		step(func(s *scene) { s.say(simple("SELECT pg_sleep(0.05), 'answered'")) }), bytesOf("Q\x00\x00\x00\x20SELECT"), halfClose,
		theEnd,
	}},
	{name: "half closed in a COPY", script: script{until("CopyInResponse", 1, simple(copyIn)),
		step(func(s *scene) { s.say(copyData("1\tone\n")) }), halfClose, theEnd, nothingLeft}},
	{name: "half closed in a COPY in a transaction", script: script{"BEGIN", "INSERT INTO scene.t VALUES (1)",
		until("CopyInResponse", 1, simple(copyIn)), step(func(s *scene) { s.say(copyData("1\tone\n")) }), halfClose, theEnd, nothingLeft}},
	{name: "half closed in a COPY, extended", script: script{until("CopyInResponse", 1, join(pbe(copyIn), flush)...),
		step(func(s *scene) { s.say(copyData("1\tone\n")) }), halfClose, theEnd, nothingLeft}},
	{name: "half a message", script: script{bytesOf("Q\x00\x00\x00\x20SELECT"), halfClose, theEnd}},
	{name: "terminated in a query", script: script{
		step(func(s *scene) { s.say(simple("SELECT pg_sleep(60), 'victim'")) }), terminated("pg_sleep(60), 'victim'"), theEnd,
	}},
	{name: "terminated in a pipeline", script: script{
		step(func(s *scene) {
			s.say(join(pbe("SELECT 'before'"), pbe("SELECT pg_sleep(61), 'victim'"), pbe("SELECT 'after'"), sync_)...)
		}),
		terminated("pg_sleep(61), 'victim'"), theEnd,
	}},
	{name: "terminated in a transaction", script: script{"BEGIN", "INSERT INTO scene.t VALUES (1)", "SELECT 'idle victim'",
		terminated("'idle victim'"), theEnd, nothingLeft}},
	{name: "terminated in a failed transaction", script: script{"BEGIN", "SELECT 1/0, 'failed victim'",
		terminated("'failed victim'"), theEnd}},
	{name: "terminated in a COPY", script: script{until("CopyInResponse", 1, simple(copyIn+" /* copying victim */")),
		terminated("/* copying victim"), theEnd, nothingLeft}},
	{name: "terminated by itself", script: script{ending(simple("SELECT pg_terminate_backend(pg_backend_pid()), 'never'"))}},
	{name: "timeouts of Postgres", script: script{
		"BEGIN; SET LOCAL statement_timeout = '50ms'", "SELECT pg_sleep(60)", "ROLLBACK",
		"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '50ms'", theEnd,
	}},
	{name: "cancelled by itself", script: script{"SELECT pg_cancel_backend(pg_backend_pid()) FROM generate_series(1, 3)",
		"SELECT 'in step'",
		join(pbe("SELECT pg_cancel_backend(pg_backend_pid()) FROM generate_series(1, 3)"), pbe("SELECT 'skipped'"), sync_)}},
}

// goodbye says Terminate and hears the end.
var goodbye = ending(&pgproto3.Terminate{})

// halfClose ends what the client sends; it still listens.
var halfClose = step(func(s *scene) {
	if err := s.conn.(*net.TCPConn).CloseWrite(); err != nil {
		s.t.Fatal(err)
	}
})

// nothingLeft waits until neither a row nor a lock is left of what was not committed.
var nothingLeft = step(func(s *scene) {
	eventually(s.t, "no row and no lock is left", func() error {
		if err := s.counts("SELECT count(*) FROM pg_locks WHERE relation = 'scene.t'::regclass", 0); err != nil {
			return err
		}
		return s.counts("SELECT count(*) FROM scene.t", 0)
	})
})

// terminated ends the server that does, or in a transaction did last, what a query has the mark of.
func terminated(mark string) step {
	return func(s *scene) {
		const find = "FROM pg_stat_activity WHERE strpos(query, $1) > 0 AND state <> 'idle' " +
			"AND wait_event IN ('PgSleep', 'ClientRead') AND pid <> pg_backend_pid()"
		eventually(s.t, "there is a server to end", func() error {
			var ended int
			err := s.super.QueryRow(within(s.t), "SELECT count(pg_terminate_backend(pid)) "+find, mark).Scan(&ended)
			if err == nil && ended != 1 {
				err = fmt.Errorf("%d servers do %s", ended, strings.TrimSpace(mark))
			}
			return err
		})
	}
}

// counts is an error unless a query answers with a number.
func (s *scene) counts(sql string, want int) error {
	var got int
	if err := s.super.QueryRow(within(s.t), sql).Scan(&got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%q: %d, want %d", sql, got, want)
	}
	return nil
}
