//go:build e2e

package e2e

import (
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	copyIn  = "COPY scene.t FROM STDIN"
	copyOut = "COPY scene.t TO STDOUT"
	// copyGuarded is refused by a trigger, before its first row.
	copyGuarded = "COPY scene.guarded FROM STDIN"
)

func copyFail(why string) *pgproto3.CopyFail { return &pgproto3.CopyFail{Message: why} }

// copyTalks is COPY by both protocols, beside what the traps 21 to 24 have.
var copyTalks = []conversation{
	{name: "in, simple", script: script{
		until("CopyInResponse", 1, simple(copyIn)), until("ReadyForQuery", 1, copyData("1\tone\n2\t"), copyData("two\n"),
			copyDone), copyOut,
		until("ReadyForQuery", 1, simple(copyIn), copyDone), until("ReadyForQuery", 1, simple(copyIn),
			copyData("3\tx\n\\.\n"), copyDone), copyOut,
	}},
	{name: "in, extended", script: script{
		until("CopyInResponse", 1, join(pbe(copyIn), flush)...), until("ReadyForQuery", 1, copyData("1\tone\n"), copyDone,
			sync_),
		until("ReadyForQuery", 1, join(pbe(copyIn), copyData("2\ttwo\n"), copyDone, sync_)...),
		until("ReadyForQuery", 1, join(pbe(copyIn), sync_, copyData("3\tthree\n"), flush, sync_, copyDone, sync_)...),
		ext(copyOut),
		batch{parse("c", copyIn), describe("c"), sync_}, until("CopyInResponse", 1, bind("", "c"), describePortal(""),
			executeRows("", 1), flush),
		until("ReadyForQuery", 1, copyData("4\tfour\n"), copyDone, sync_),
	}},
	{name: "in a pipeline", script: script{
		until("ReadyForQuery", 1, join(pbe("SELECT 'before'"), pbe(copyIn), copyData("1\tone\n"), copyDone,
			pbe("SELECT 'after'"), sync_)...), copyOut,
		until("ReadyForQuery", 1, join(pbe(copyIn), copyData("2\ttwo\n"), copyDone, pbe(copyIn), copyData("3\tthree\n"),
			copyDone, pbe(copyOut), sync_)...),
		until("ReadyForQuery", 2, join(pbe(copyIn), copyData("2\ttwo\n"), copyDone, sync_, simple("SELECT 'next'"))...),
		copyOut,
	}},
	{name: "data in pieces that end anywhere", script: script{step(func(s *scene) {
		s.say(simple(copyIn))
		s.hearUntil("CopyInResponse", 1)
		for _, b := range []byte("10\tten\n11\televen\n") {
			s.say(copyData(string(b)))
		}
		s.say(copyData(""), copyDone)
		s.hear(1)
	}), copyOut}},
	{name: "failed by the client", script: script{
		until("ReadyForQuery", 1, simple(copyIn), copyData("1\tone\n"), copyFail("no more")), copyOut,
		until("ReadyForQuery", 1, simple("SELECT 'before'; "+copyIn+"; SELECT 'after'"), copyData("1\tone\n"), copyFail("")),
		copyOut,
		until("ReadyForQuery", 1, join(pbe("SELECT 'before'"), pbe(copyIn), copyData("1\t"), copyFail("amid a row"),
			pbe("SELECT 'skipped'"), sync_)...), copyOut,
		"BEGIN", until("ReadyForQuery", 1, simple(copyIn), copyFail("in a transaction")), "SELECT 1", "ROLLBACK",
		until("ReadyForQuery", 1, join(pbe(copyIn), sync_, copyFail("after a Sync"), sync_)...),
	}},
	{name: "errors before the end", script: script{
		until("ErrorResponse", 1, simple(copyIn), copyData("rubbish\n")),
		until("ReadyForQuery", 1, copyData("1\tone\n"), copyDone), "SELECT 'in step'",
		until("ErrorResponse", 1, join(pbe(copyIn), copyData("rubbish\n"), flush)...),
		until("ReadyForQuery", 1, copyData("1\tone\n"), copyDone, sync_), copyOut,
		until("ReadyForQuery", 1, simple(copyIn), copyData("rubbish\n"), copyFail("too late")), "SELECT 'in step'",
		until("ReadyForQuery", 2, simple(copyIn), copyData("rubbish\n"), copyData("more\n"), copyDone,
			simple("SELECT 'directly behind'")),
		until("ReadyForQuery", 1, simple(copyIn), copyData("1\tone\n1\tagain\n"), copyDone), copyOut,
	}},
	{name: "errors after the end", script: script{
		until("ReadyForQuery", 1, simple(copyIn), copyData("1\tone\n2"), copyDone), copyOut,
		until("ReadyForQuery", 1, simple("COPY scene.late FROM STDIN"), copyData("1\n1\n"), copyDone), "TABLE scene.late",
		until("ReadyForQuery", 1, join(pbe("COPY scene.late FROM STDIN"), copyData("1\n1\n"), copyDone, sync_)...),
		"TABLE scene.late",
	}},
	{name: "refused before it begins", script: script{
		until("ReadyForQuery", 1, simple("COPY nosuch FROM STDIN"), copyData("1\n"), copyDone), "SELECT 'in step'",
		until("ReadyForQuery", 1, join(pbe("COPY nosuch FROM STDIN"), copyData("1\n"), copyDone, sync_)...),
		"SELECT 'in step'",
		"BEGIN READ ONLY", until("ReadyForQuery", 1, simple(copyIn), copyData("1\n"), copyDone), "ROLLBACK",
		"COPY scene.t FROM '/nosuch'",
		"COPY scene.t TO PROGRAM 'true'",
	}},
	{name: "refused before its data is read", script: script{ // so a Sync directly behind it is answered
		until("ReadyForQuery", 1, join(pbe(copyGuarded), sync_)...), "SELECT 'in step'",
		until("ReadyForQuery", 1, copyData("1\n"), copyDone, sync_), "SELECT 'in step'",
		until("ReadyForQuery", 2, join(pbe(copyGuarded), sync_, copyData("1\n"), copyDone, sync_)...), "SELECT 'in step'",
		until("ReadyForQuery", 1, simple(copyGuarded), copyData("1\n"), copyDone), "SELECT 'in step'",
		until("ReadyForQuery", 1, join(pbe(copyGuarded), copyData("1\n"), copyDone, sync_)...), "SELECT 'in step'",
	}},
	{name: "Flush and Sync amid data", script: script{
		until("ReadyForQuery", 1, simple(copyIn), copyData("1\tone\n"), flush, sync_, copyData("2\ttwo\n"), copyDone),
		copyOut,
	}},
	{name: "a Query amid data", script: script{ending(simple(copyIn), copyData("3\tthree\n"), simple("SELECT 'amid'")),
		nothingLeft}},
	{name: "a Parse amid data",
		script: script{ending(join(simple(copyIn), copyData("3\tthree\n"), pbe("SELECT 'amid'"), sync_)...), nothingLeft}},
	{name: "a Terminate amid data",
		script: script{ending(join(pbe(copyIn), copyData("3\tthree\n"), &pgproto3.Terminate{})...), nothingLeft}},
	{name: "out", script: script{
		"INSERT INTO scene.t SELECT n, 'row ' || n FROM generate_series(1, 5) n", copyOut, ext(copyOut),
		"BEGIN; " + copyOut + "; SELECT 'after'; COMMIT",
		join(pbe(copyOut), pbe("SELECT 'between'"), pbe(copyOut), sync_),
		"COPY (SELECT n, 1/(3-n) FROM scene.t ORDER BY n) TO STDOUT",
		join(pbe("COPY (SELECT n, 1/(3-n) FROM scene.t ORDER BY n) TO STDOUT"), pbe("SELECT 'skipped'"), sync_),
		"COPY (SELECT repeat('x', 100000) FROM generate_series(1, 20)) TO STDOUT", "COPY nosuch TO STDOUT",
		copyOut + " (FORMAT csv, HEADER)",
	}},
	{name: "in and out by turns", script: script{
		until("ReadyForQuery", 1, simple(copyIn+"; "+copyOut+"; "+copyIn), copyData("1\tone\n"), copyDone,
			copyData("2\ttwo\n"), copyDone), copyOut,
	}},
	{name: "binary in", script: script{
		until("ReadyForQuery", 1, simple(copyIn+" (FORMAT binary)"),
			copyData("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"+
				"\x00\x02\x00\x00\x00\x04\x00\x00\x00\x07\xff\xff\xff\xff\xff\xff"), copyDone), copyOut,
		until("ReadyForQuery", 1, simple(copyIn+" (FORMAT binary)"), copyData("PGCOPY\n\xff\r\n"), copyDone),
	}},
	{name: "many rows", script: script{
		until("ReadyForQuery", 1, simple("COPY scene.late FROM STDIN"), copyData(strings.Repeat("\\N\n", 30_000)),
			copyData(strings.Repeat("\\N\n", 9)), copyDone),
		"SELECT count(*) FROM scene.late", "COPY scene.late TO STDOUT",
	}},
	{name: "messages of COPY where there is none", script: script{
		batch{copyData("x"), copyDone, copyFail("x"), simple("SELECT 1")},
		join(pbe("SELECT 1"), copyData("x"), copyDone, pbe("SELECT 2"), sync_),
		join(pbe("SELECT 1/0"), copyData("x"), copyFail("x"), sync_), "BEGIN", batch{copyDone, copyDone, sync_}, "COMMIT",
	}},
}
