//go:build e2e

package e2e

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"
)

// pipelineTalks is many messages before an answer is heard.
func pipelineTalks() []conversation {
	talks := []conversation{
		{name: "Flush without Sync", script: script{
			until("ParseComplete", 1, parse("s", "SELECT $1::int"), flush),
			until("ParameterDescription", 1, describe("s"), flush),
			until("RowDescription", 1),
			until("BindComplete", 1, bind("p", "s", "1"), flush),
			until("RowDescription", 1, describePortal("p"), flush),
			until("CommandComplete", 1, execute("p"), flush),
			until("CloseComplete", 2, closePortal("p"), closeStatement("s"), flush),
			batch{sync_}, ext("SELECT 'after'"),
		}},
		{name: "Flush alone", script: script{batch{flush}, batch{flush, flush, sync_}, batch{sync_},
			batch{sync_, sync_, flush, sync_}}},
		{name: "a Query behind what no Sync has ended", script: script{
			until("RowDescription", 1, parse("s", "SELECT * FROM scene.t"), describe("s"), flush), "INSERT INTO scene.t VALUES (7)", "TABLE scene.t",
			until("ParseComplete", 1, parse("u", "SELECT 1"), flush), "RESET work_mem", until("ParseComplete", 1, parse("v", "SELECT 1"), flush), "LISTEN a",
			until("ParseComplete", 1, parse("w", "SELECT 1"), flush), "NOTIFY a", until("ParseComplete", 1, parse("x", "SELECT 1"), flush), "UNLISTEN a",
			"PREPARE p AS SELECT 2", until("ParseComplete", 1, parse("y", "SELECT 1"), flush), "EXECUTE p",
		}},
		{name: "Flush after an error", script: script{
			until("ErrorResponse", 1, join(pbe("SELECT 1/0"), flush)...),
			batch{flush, parse("", "SELECT 'skipped'"), flush},
			batch{sync_}, "SELECT 'in step'",
		}},
		{name: "several Syncs in flight", script: script{
			join(pbe("SELECT 1"), sync_, pbe("SELECT 1/0"), pbe("SELECT 'skipped'"), sync_, pbe("SELECT 2"), sync_,
				simple("SELECT 3"),
				sync_, simple("SELEC"), pbe("SELECT 4"), sync_),
		}},
		{name: "an error in each of three batches", script: script{
			join(pbe("SELEC"), sync_, bind("", "nosuch"), sync_, pbe("SELECT 1/0"), sync_, pbe("SELECT 'good'"), sync_),
		}},
		{name: "a transaction in a pipeline", script: script{
			join(pbe("BEGIN"), pbe("INSERT INTO scene.t VALUES (1)"), pbe("COMMIT"), pbe("INSERT INTO scene.t VALUES (2)"),
				sync_),
			join(pbe("BEGIN"), pbe("INSERT INTO scene.t VALUES (3)"), pbe("SELECT 1/0"), pbe("COMMIT"), sync_),
			ext("SELECT 'in a failed transaction'"), ext("ROLLBACK"), "TABLE scene.t",
			join(pbe("INSERT INTO scene.t VALUES (4)"), pbe("BEGIN"), pbe("INSERT INTO scene.t VALUES (5)"), sync_),
			"ROLLBACK", "TABLE scene.t",
			join(pbe("INSERT INTO scene.t VALUES (6)"), pbe("ROLLBACK"), pbe("INSERT INTO scene.t VALUES (7)"), sync_),
			"TABLE scene.t",
		}},
		{name: "an implicit transaction ends at the Sync", script: script{
			join(pbe("INSERT INTO scene.t VALUES (1)"), pbe("INSERT INTO scene.t VALUES (2)"), sync_,
				pbe("INSERT INTO scene.t VALUES (3)"),
				pbe("INSERT INTO scene.t VALUES (3)"), sync_, pbe("INSERT INTO scene.t VALUES (4)"), sync_), "TABLE scene.t",
		}},
		{name: "a deferred constraint fails at the Sync", script: script{
			join(pbe("INSERT INTO scene.late VALUES (1)"), pbe("INSERT INTO scene.late VALUES (1)"), sync_),
			"TABLE scene.late",
			"BEGIN; INSERT INTO scene.late VALUES (1), (1)", "COMMIT", "TABLE scene.late",
			join(pbe("SET CONSTRAINTS ALL IMMEDIATE"), pbe("INSERT INTO scene.late VALUES (2), (2)"), sync_),
			"TABLE scene.late",
		}},
		{name: "savepoints in a pipeline", script: script{
			join(pbe("SAVEPOINT a"), pbe("SELECT 1"), sync_),
			join(pbe("BEGIN"), pbe("SAVEPOINT a"), pbe("INSERT INTO scene.t VALUES (1)"), pbe("ROLLBACK TO a"), pbe("COMMIT"),
				sync_),
			"TABLE scene.t",
		}},
		{name: "what cannot run in a pipeline", script: script{
			join(pbe("SELECT 1"), pbe("VACUUM scene.t"), sync_), ext("VACUUM scene.t"),
			join(pbe("VACUUM scene.t"), pbe("SELECT 1"), sync_), "SELECT 1; VACUUM scene.t",
			join(pbe("SELECT 1"), pbe("DISCARD ALL"), sync_), ext("DISCARD ALL"),
		}},
		{name: "a procedure that commits", script: script{
			"CALL scene.commits()", "TABLE scene.t", "TRUNCATE scene.t", ext("CALL scene.commits()"), "TABLE scene.t",
			"TRUNCATE scene.t",
			join(pbe("SELECT 1"), pbe("CALL scene.commits()"), sync_), "TABLE scene.t",
			"BEGIN; CALL scene.commits()", "ROLLBACK",
		}},
		{name: "many messages in one piece", script: script{many(300)}},
		{name: "a byte at a time", script: script{step(dribble)}},
	}
	for at := 0; at < len(positions); at += 3 {
		for name, fault := range map[string]pgproto3.FrontendMessage{
			"Parse": parse("x", "SELEC"), "Bind": bind("", "nosuch"), "Describe": describe("nosuch"),
			"Execute": execute("nosuch"),
		} {
			talks = append(talks, conversation{name: fmt.Sprintf("%s fails at %d", name, at), script: failing(at, fault)})
		}
	}
	return talks
}

// positions is a batch with everything that may surround an error.
var positions = join(parse("a", "SELECT 'a'"), bind("pa", "a"), execute("pa"), pbe("INSERT INTO scene.t VALUES (1)"),
	describe("a"),
	closeStatement("a"), parse("b", "SELECT $1::int"), bind("", "b", "7"), describePortal(""), execute(""))

// failing is the batch with an error at a place, and what of its statements and rows is there afterwards.
func failing(at int, fault pgproto3.FrontendMessage) script {
	return script{
		ext("SELECT 'a'"), // in another session it is known, as are others
		join(positions[:at], fault, positions[at:], sync_), "TABLE scene.t",
		batch{bind("", "a"), execute(""), sync_}, batch{bind("", "b", "8"), execute(""), sync_},
		batch{bind("", ""), execute(""), sync_}, batch{execute("pa"), sync_}, batch{parse("a", "SELECT 'again'"), sync_},
		batch{parse("x", "SELECT 'x'"), sync_}, join(positions[6:], sync_),
	}
}

// many is a pipeline with an end at every seventh statement.
func many(n int) (b batch) {
	for i := range n {
		name := fmt.Sprint("many", i%40)
		b = append(b, closeStatement(name), parse(name, fmt.Sprintf("SELECT %d, $1::text", i%11)),
			bind("", name, fmt.Sprint(i)), execute(""))
		if i%7 == 6 {
			b = append(b, sync_)
		}
	}
	return append(b, sync_)
}

// dribble sends a pipeline so that a packet ends between any two bytes.
func dribble(s *scene) {
	for _, msg := range join(pbe("SELECT 'slowly'"), sync_, simple("SELECT 1"), pbe("SELECT 1/0"), sync_) {
		packet, err := msg.Encode(nil)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, b := range packet {
			if _, err := s.conn.Write([]byte{b}); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	s.hear(3)
}
