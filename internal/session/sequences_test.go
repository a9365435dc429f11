package session

import (
	"fmt"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Clients are taken for such that ask until a thousand transactions have drawn without a question; after one they always are.
func TestClientsAreWatchedForQuestions(t *testing.T) {
	quiet, asking, never := new(Habit), new(Habit), (*Habit)(nil)
	for range watched {
		if !quiet.Asking() {
			t.Fatal("it was given up too early")
		}
		quiet.draws()
		asking.draws()
	}
	asking.asks()
	if quiet.Asking() || !asking.Asking() || never.Asking() {
		t.Errorf("quiet %v, asking %v, unknown %v", quiet.Asking(), asking.Asking(), never.Asking())
	}
	quiet.asks()
	never.asks()
	never.draws()
	if !quiet.Asking() {
		t.Error("the first question has taught nothing")
	}
}

// How often others wait in vain for a server that rests is bounded: for each client since it has asked, and for all together
// that have not.
func TestRestsInVainAreBounded(t *testing.T) {
	rests := func(s *Server, c *Client) (n int) {
		for ; n < 1000 && s.WorthARest(c); n++ {
			s.RestedInVain(c)
		}
		return n
	}
	s := &Server{Habit: new(Habit)}
	all := 0
	for range 100 {
		n := rests(s, &Client{})
		if all += n; n > vainRests {
			t.Fatalf("%d for one client that has never asked", n)
		}
	}
	if all != mostRests {
		t.Fatalf("%d for a hundred of them", all)
	}
	asker := &Client{}
	for range 100 {
		s.Habit.asks()
		s.asksLater(asker)
		if n := rests(s, asker); n != vainRests {
			t.Fatalf("%d since it has asked", n)
		}
	}
	all = 0
	for range 100 {
		all += rests(s, &Client{})
	}
	if all != vainRests {
		t.Errorf("one has asked, and %d more for those that have not", all)
	}
	s.Sequences.asked = true
	if n := rests(s, asker); n != vainRests {
		t.Errorf("%d behind its question", n)
	}
	s.asksLater(asker)
	if n := rests(s, asker); n != vainRests {
		t.Errorf("%d since it has asked twice", n)
	}
}

// One that asked for numbers that were lost by then is slow.
func TestWhoAsksTooLateIsSlow(t *testing.T) {
	s, c := &Server{}, &Client{}
	s.asksLater(c)
	if c.Slow() {
		t.Error("it has lost nothing")
	}
	s.Sequences.Elsewhere = true
	if s.asksLater(c); !c.Slow() {
		t.Error("it has")
	}
}

// Which texts may draw, beside those that say so.
func TestTextsThatMayDraw(t *testing.T) {
	x := &Suspects{}
	x.AddDrawer("draws")
	writers, everything := &Suspects{}, &Suspects{}
	writers.AddWriters()
	everything.AddDrawer("")
	for _, test := range []struct {
		by   *Suspects
		text string
		want bool
	}{
		{x, "select draws()", true}, {x, "select 'draws'", true}, {x, "select 1", false}, {x, "update t set a = 1", false},
		{writers, "update t set a = 1", true}, {writers, "delete from t", true}, {writers, "select 1", false},
		{writers, "begin; update t set a = 1", true},
		{everything, "select 1", true}, {everything, "commit", false}, {everything, "set work_mem = '1MB'", false}, {everything, "lock draws", false},
	} {
		var st sql.Statement
		sql.Scan([]byte(test.text), &st)
		if got := test.by.draws(&st, []byte(test.text)) == DrawsSequence; got != test.want {
			t.Errorf("%q: %v", test.text, got)
		}
	}
	for text, want := range map[string]bool{
		"insert into t values (1)": true, "copy t from stdin": true, "with x as (insert into t values (1)) select": true, "select nextval('s')": true,
		"select setval('s', 1)": true, "do $$ $$": true, "call p()": true, "begin; select 1; insert into t values (1)": true,
		"explain analyze insert into t values (1)": true, "begin; select 1; commit": false, "select 1": false, "update t set a = 1": false,
	} {
		w := newWorld()
		f := feed{e: w.env, c: &w.addClient("a").Client, s: &w.addServer("1").Server}
		f.s.Habit = new(Habit)
		if got := f.textDraws(f.look([]byte(text), false), []byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A server that rests is given up for others before what does not ask, once its client has asked, or has not for long.
func TestWhatEndsARest(t *testing.T) {
	for _, test := range []struct {
		name, says string
		asked      bool
		vain       uint8
		suspects   *Suspects
		yields     bool
	}{
		{"a question", "select lastval()", true, 0, nil, false},
		{"something else", "select 1", true, 0, nil, true},
		{"a draw", "insert into t values (1)", true, 0, nil, true},
		{"a draw that asks", "insert into t values (currval('s'))", true, 0, nil, false},
		{"before it has asked", "begin", false, 0, nil, false},
		{"a draw before it has asked", "insert into t values (1)", false, vainRests - 1, nil, false},
		{"without a question for long", "insert into t values (1)", false, vainRests, nil, true},
		{"a question after all", "select currval('s')", false, vainRests, nil, false},
		{"code", "do $$ $$", true, 0, nil, false},
		{"a function that asks", "select asks()", true, 0, askers(), false},
	} {
		for _, awaited := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, awaited %v", test.name, awaited), func(t *testing.T) {
				w := newWorld()
				w.env.Awaited = func(*Server) bool { return awaited }
				c, s := w.addClient("a"), w.addServer("1")
				if test.suspects != nil {
					s.Suspects = new(SuspectList)
					s.Suspects.Store(test.suspects)
				}
				s.Habit = new(Habit)
				s.Sequences.Rest()
				s.Sequences.asked, c.manners.vain = test.asked, test.vain
				b, err := clientMessage([]string{"Query", test.says})
				if err != nil {
					t.Fatal(err)
				}
				used, verdict, _ := c.Feed(w.env, &s.Server, b)
				if yields := verdict == Yield; yields != (test.yields && awaited) || yields && used != 0 || s.Sequences.Resting {
					t.Errorf("verdict %d after %d bytes, resting %v", verdict, used, s.Sequences.Resting)
				}
			})
		}
	}
}

func askers() *Suspects {
	x := &Suspects{}
	x.Add("asks", AsksSequence)
	return x
}

// Who mentions what asks for numbers is not told others'; and it is learned from, but not from what may do anything.
func TestHiddenQuestions(t *testing.T) {
	for text, want := range map[string]struct{ discards, learns bool }{
		"select asks()": {true, true}, "select anything()": {true, false}, "select 1": {},
		"do $$ begin perform lastval(); end $$": {true, false}, "do $$ begin execute x; end $$": {true, false}, "do $$ begin end $$": {},
	} {
		w := newWorld()
		c, s := w.addClient("a"), w.addServer("1")
		x := askers()
		x.Add("anything", asking|AsksSequence)
		s.Suspects = new(SuspectList)
		s.Suspects.Store(x)
		s.Sequences.Own = false
		s.Habit = new(Habit)
		s.Habit.drawn.Store(watched)
		b, err := clientMessage([]string{"Query", text})
		if err != nil {
			t.Fatal(err)
		}
		c.Feed(w.env, &s.Server, b)
		if s.Sequences.discarding != want.discards || s.Habit.Asking() != want.learns {
			t.Errorf("%q: discards %v, learns %v", text, s.Sequences.discarding, s.Habit.Asking())
		}
	}
}

// A server that has served others in another pool_mode forgets their numbers before the first batch of a client that keeps it: behind
// anything else DISCARD ALL is refused.
func TestNumbersOfAnotherPoolModeAreDiscardedAhead(t *testing.T) {
	l, client, server := newListeners()
	server.Pins, server.Habit = PinSession, new(Habit)
	batch := pgwire.AppendParse(nil, nil, []byte("discard all"), []byte{0, 0})
	batch = pgwire.AppendEmpty(pgwire.AppendExecute(pgwire.AppendPlainBind(batch, nil, nil), nil), pgwire.Sync)
	client.Feed(l.env, server, batch)
	if told, want := l.takes(aServer), "QDISCARD SEQUENCES,P discard all,B,E,S"; told != want {
		t.Errorf("the server is told %q, want %q", told, want)
	}
}

// Nothing may stand between others' numbers and who asks but a DISCARD SEQUENCES that runs: what a cancel might still hit waits.
func TestSequencesWaitForACancel(t *testing.T) {
	for _, c := range []struct {
		own     bool
		verdict Verdict
		told    string
	}{
		{false, Await, ""},
		{true, More, "QSELECT lastval()"},
	} {
		l, client, server := newListeners()
		server.CancelComes, server.Sequences.Own = true, c.own
		_, verdict, _ := client.Feed(l.env, server, query("SELECT lastval()"))
		if told := l.takes(aServer); verdict != c.verdict || told != c.told {
			t.Errorf("own numbers %v: %v, and the server is told %q", c.own, verdict, told)
		}
	}
}
