//go:build e2e

package e2e

import (
	"encoding/binary"
	"strings"
)

// malformedTalks is messages that are none: Postgres refuses some and goes on, at others it ends the connection.
var malformedTalks = []conversation{
	{name: "an unknown type", script: script{"SELECT 1", raw("!", ""), theEnd}},
	{name: "an unknown type in a transaction", script: script{"BEGIN", "INSERT INTO scene.t VALUES (1)", raw("z", "x"),
		theEnd}},
	{name: "an unknown type amid a batch", script: script{step(func(s *scene) { s.say(pbe("SELECT 1")...) }), raw("Y", ""),
		theEnd}},
	{name: "an unknown type behind queries", script: script{
		step(func(s *scene) {
			s.say(simple("SELECT pg_sleep(0.05), 'answered'"), simple("INSERT INTO scene.t VALUES (1)"))
		}),
		raw("Y", "body"), theEnd, step(func(s *scene) {
			eventually(s.t, "the row is there", func() error { return s.counts("SELECT count(*) FROM scene.t", 1) })
		}),
	}},
	{name: "an unknown type after an error in a batch", script: script{
		step(func(s *scene) { s.say(join(pbe("SELECT 1/0"), pbe("SELECT 'skipped'"))...) }), raw("Y", ""), theEnd}},
	{name: "an unknown type behind a COPY that has just been begun", script: script{
		step(func(s *scene) { s.say(join(pbe(copyIn), copyData("3\tthree\n"))...) }), raw("Y", ""), theEnd, nothingLeft}},
	{name: "a length below four behind queries", script: script{
		step(func(s *scene) {
			s.say(join(pbe("SELECT pg_sleep(0.05), 'answered'"), sync_, pbe("SELECT 'dropped'"))...)
		}),
		bytesOf("Q\x00\x00\x00\x03"), theEnd}},
	{name: "a message of servers", script: script{raw("Z", "I"), theEnd}},
	{name: "a password out of place", script: script{raw("p", "secret\x00"), theEnd}},
	{name: "a length below four", script: script{bytesOf("Q\x00\x00\x00\x03"), theEnd}},
	{name: "a negative length", script: script{bytesOf("Q\xff\xff\xff\xff"), theEnd}},
	{name: "a Sync of two gigabytes", script: script{bytesOf("S\x7f\xff\xff\xff"), theEnd}},
	{name: "a Describe of eleven thousand bytes", script: script{raw("D", "S"+strings.Repeat("x", 11000)+"\x00"), theEnd}},
	{name: "a Query without its end", script: script{raw("Q", "SELECT 1"), readyAgain, "SELECT 'in step'"}},
	{name: "a Query with more behind its end", script: script{raw("Q", "SELECT 1\x00more"), readyAgain, "SELECT 'in step'"}},
	{name: "an empty Query message", script: script{raw("Q", ""), readyAgain, "SELECT 'in step'"}},
	{name: "a Sync with a body", script: script{raw("S", "body"), readyAgain, "SELECT 'in step'"}},
	{name: "a Sync with a body behind a Parse", script: script{batch{parse("s", "SELECT 1"), sync_}, batch{closeStatement("s"), sync_},
		join(parse("s", "SELECT 1")), raw("S", "body"), readyAgain, batch{bind("", "s"), execute(""), sync_}}},
	{name: "a Flush with a body", script: script{raw("H", "body"), batch{sync_}, "SELECT 'in step'",
		join(pbe("SELECT 'before'")), raw("H", "body"), join(pbe("SELECT 'skipped'"), flush, sync_), "SELECT 'in step'",
		"BEGIN", raw("H", "b"), batch{sync_}, "ROLLBACK"}},
	{name: "a Parse without its end", script: script{raw("P", "s\x00SELECT 1"), batch{sync_}, batch{bind("", "s"), sync_}}},
	{name: "a Parse with fewer types than it says", script: script{raw("P", "s\x00SELECT 1\x00\x00\x02\x00\x00\x00\x17"),
		batch{sync_}, batch{bind("", "s"), sync_}}},
	{name: "a Parse with more behind its end", script: script{raw("P", "s\x00SELECT 1\x00\x00\x00more"), batch{sync_},
		batch{bind("", "s"), sync_}}},
	{name: "a Parse with a negative count", script: script{raw("P", "s\x00SELECT 1\x00\xff\xff"), batch{sync_},
		batch{bind("", "s"), sync_}}},
	{name: "a Bind with fewer values than it says", script: script{
		batch{parse("s", "SELECT $1::text"), sync_}, raw("B", "\x00s\x00\x00\x00\x00\x01"), batch{sync_},
		raw("B", "\x00s\x00\x00\x00\x00\x01\x00\x00\x00\x05ab"), batch{sync_},
		raw("B", "\x00s\x00\x00\x00\x00\x01\xff\xff\xff\xfe\x00\x00"), batch{sync_}, raw("B", "\x00s\x00\x00\x02\x00\x00"),
		batch{sync_}, batch{bind("", "s", "good"), execute(""), sync_},
	}},
	{name: "a Bind with more behind its end", script: script{
		batch{parse("s", "SELECT $1::text"), sync_}, raw("B", "\x00s\x00\x00\x00\x00\x01\x00\x00\x00\x02ab\x00\x00more"),
		batch{sync_},
		raw("B", "\x00s"), batch{sync_}, raw("B", ""), batch{sync_}, batch{bind("", "s", "good"), execute(""), sync_},
	}},
	{name: "a Describe of neither kind", script: script{raw("D", "Xs\x00"), batch{sync_}, raw("D", "S"), batch{sync_},
		raw("D", ""), batch{sync_}, "SELECT 'in step'"}},
	{name: "a Close of neither kind", script: script{raw("C", "Xs\x00"), batch{sync_}, raw("C", "S"), batch{sync_},
		raw("C", ""), batch{sync_}, "SELECT 'in step'"}},
	{name: "an Execute cut short", script: script{
		join(parse("", "SELECT 1"), bind("", "")), raw("E", "\x00\x00\x00"), batch{sync_}, raw("E", ""), batch{sync_},
		raw("E", "\x00\x00\x00\x00\x00more"), batch{sync_},
	}},
	{name: "an Execute of a negative number of rows",
		script: script{batch{parse("", "VALUES (1), (2)"), bind("", ""), executeRows("", 0xffffffff), sync_}}},
	{name: "a FunctionCall cut short", script: script{raw("F", "\x00\x00"), readyAgain,
		raw("F", "\x00\x00\x05\x75\x00\x00\x00\x01\x00\x00\x00\x09x"), readyAgain, "SELECT 'in step'"}},
	{name: "a CopyFail without its end", script: script{
		until("CopyInResponse", 1, simple(copyIn)), raw("f", "no end"), readyAgain, "SELECT 'in step'",
	}},
	{name: "an unknown type amid COPY data", script: script{until("CopyInResponse", 1, simple(copyIn)), raw("!", ""), theEnd}},
	{name: "errors of form amid a batch", script: script{
		join(pbe("SELECT 'before'")), raw("D", "Xs\x00"), join(pbe("SELECT 'skipped'"), sync_),
		join(pbe("INSERT INTO scene.t VALUES (1)")), raw("B", ""), batch{sync_}, "TABLE scene.t",
	}},
	{name: "text that is no text", script: script{"SELECT '\xc3'", ext("SELECT '\xc3'"), "SELECT 'in step'"}},
	{name: "a name that is no text", script: script{batch{parse("\xff", "SELECT 1"), sync_}, batch{bind("", "\xff"), sync_},
		"SELECT 'in step'", batch{describe("\xff"), sync_}, batch{closeStatement("\xff"), sync_}, batch{bind("\xff", ""), sync_},
		join(pbe("SELECT 'before'"), parse("\xc3", "SELECT 1"), pbe("SELECT 'skipped'"), sync_),
		"BEGIN", batch{parse("\xe4", "SELECT 1"), sync_}, "ROLLBACK",
	}},
	{name: "names that are text", script: script{
		join(parse("\u00e4", "SELECT 'umlaut'"), parse("\u00f6", "SELECT 'another'"), bind("", "\u00e4"), execute(""), sync_),
		join(parse("\u00e4", "SELECT 1"), sync_), join(bind("", "\u00f6"), execute(""), sync_), "DEALLOCATE \"\u00e4\"",
		join(bind("", "\u00e4"), execute(""), sync_), join(parse("\u00e4", "SELECT 'again'"), describe("\u00e4"), sync_),
		batch{closeStatement("\u00e4"), sync_}, join(bind("", "\u00e4"), sync_),
	}},
	{name: "names that are text in another encoding", startup: []string{"client_encoding", "LATIN1"}, script: script{
		join(parse("\xe4", "SELECT 'umlaut'"), sync_), join(bind("", "\xe4"), execute(""), sync_), join(bind("", "\xf6"), sync_),
	}},
}

// raw is a message of a type with any body; its answer, if there is one, is heard later.
func raw(typ, body string) step {
	packet := binary.BigEndian.AppendUint32([]byte(typ), uint32(4+len(body)))
	return bytesOf(string(append(packet, body...)))
}

func bytesOf(packet string) step {
	return func(s *scene) {
		if _, err := s.conn.Write([]byte(packet)); err != nil {
			s.t.Fatalf("sending: %v", err)
		}
	}
}

var (
	readyAgain = until("ReadyForQuery", 1)
	theEnd     = ending()
)
