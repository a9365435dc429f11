//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// numbersObjects draw numbers: whoever draws one, by whatever road, has a row with it in drawn.t.
var numbersObjects = []string{
	"DROP SCHEMA IF EXISTS drawn CASCADE", "CREATE SCHEMA drawn",
	"CREATE SEQUENCE drawn.s", "CREATE TABLE drawn.t (n bigint PRIMARY KEY DEFAULT nextval('drawn.s'), who int)",
	"CREATE TABLE drawn.identity (n bigint GENERATED ALWAYS AS IDENTITY (START 1000000000), who int)",
	"CREATE FUNCTION drawn.hides(who int) RETURNS bigint LANGUAGE sql AS 'INSERT INTO drawn.t (who) VALUES ($1) RETURNING n'",
	"CREATE FUNCTION drawn.nested(who int) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN drawn.hides(who); END'",
	"CREATE FUNCTION drawn.dynamic(who int) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN " +
		"EXECUTE 'INSERT INTO drawn.t (who) VALUES ($1) RETURNING n' INTO n USING who; RETURN n; END $$",
	"CREATE PROCEDURE drawn.proceeds(who int) LANGUAGE sql AS 'INSERT INTO drawn.t (who) VALUES ($1)'",
	"CREATE FUNCTION drawn.fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO drawn.t (who) VALUES (NEW.who); RETURN NEW; END $$",
	"CREATE TABLE drawn.inserted (who int)", "CREATE TRIGGER x AFTER INSERT ON drawn.inserted FOR EACH ROW EXECUTE FUNCTION drawn.fires()",
	"CREATE TABLE drawn.updated (who int)", "INSERT INTO drawn.updated SELECT generate_series(0, 99)",
	"CREATE TRIGGER x AFTER UPDATE ON drawn.updated FOR EACH ROW EXECUTE FUNCTION drawn.fires()",
	"CREATE VIEW drawn.looks AS SELECT nextval('drawn.s') AS n",
	"CREATE FUNCTION drawn.asks() RETURNS bigint LANGUAGE sql AS 'SELECT lastval()'",
}

// drawings are statements that draw a number; %d is who does.
var drawings = []struct {
	name, sql string
	// tells: it returns the number.
	tells bool
}{
	{"INSERT", "INSERT INTO drawn.t (who) VALUES (%d)", false},
	{"INSERT RETURNING", "INSERT INTO drawn.t (who) VALUES (%d) RETURNING n", true},
	{"identity", "INSERT INTO drawn.identity (who) VALUES (%d) RETURNING n", true},
	{"nextval", "SELECT nextval('drawn.s') /* %d */", true},
	{"WITH", "WITH x AS (INSERT INTO drawn.t (who) VALUES (%d) RETURNING n) SELECT n FROM x", true},
	{"a function", "SELECT drawn.hides(%d)", true},
	{"a function in a function", "SELECT drawn.nested(%d)", true},
	{"dynamic SQL", "SELECT drawn.dynamic(%d)", true},
	{"a procedure", "CALL drawn.proceeds(%d)", false},
	{"a DO block", "DO $$ BEGIN INSERT INTO drawn.t (who) VALUES (%d); END $$", false},
	{"a trigger of INSERT", "INSERT INTO drawn.inserted VALUES (%d)", false},
	{"a trigger of UPDATE", "UPDATE drawn.updated SET who = who WHERE who = %d", false},
	{"a view", "SELECT n FROM drawn.looks /* %d */", true},
}

// numbers is a client that draws numbers and asks for them.
type numbers struct {
	*client
	who int
	// last is what it has drawn last.
	last string
}

// talk says some messages, and returns the last value among the answers, and the SQLSTATE of an error.
func (c *numbers) talk(readies int, msgs ...pgproto3.FrontendMessage) (value, code string, err error) {
	c.say(msgs...)
	for readies > 0 {
		msg, err := c.receive()
		if err != nil {
			return "", "", err
		}
		switch m := msg.(type) {
		case *pgproto3.DataRow:
			value = string(m.Values[0])
		case *pgproto3.FunctionCallResponse:
			value = string(m.Result)
		case *pgproto3.ErrorResponse:
			code = m.Code
		case *pgproto3.ReadyForQuery:
			readies--
		}
	}
	return value, code, nil
}

// must is talk where an error is none to be expected.
func (c *numbers) must(readies int, msgs ...pgproto3.FrontendMessage) (string, error) {
	value, code, err := c.talk(readies, msgs...)
	if err == nil && code != "" {
		err = fmt.Errorf("SQLSTATE %s", code)
	}
	return value, err
}

// drew notes a number that was drawn; if the statement has not told, it is looked up by another connection.
func (c *numbers) drew(told string, tells bool, lookup *numbers) (err error) {
	if c.last = told; tells {
		return nil
	}
	c.last, err = lookup.must(1, simple(fmt.Sprintf("SELECT max(n) FROM drawn.t WHERE who = %d", c.who)))
	return err
}

// Manners of drawing and asking.
var askings = []struct {
	name string
	// certain: the number cannot be lost, because one transaction does it all.
	certain bool
	talk    func(c *numbers, draw, ask string) (told, answer, code string, err error)
}{
	{"back to back", false, func(c *numbers, draw, ask string) (told, answer, code string, err error) {
		if told, err = c.must(1, simple(draw)); err == nil {
			answer, code, err = c.talk(1, simple(ask))
		}
		return
	}},
	{"twice", false, func(c *numbers, draw, ask string) (told, answer, code string, err error) {
		if told, err = c.must(1, simple(draw)); err == nil {
			if _, code, err = c.talk(1, simple(ask)); err == nil && code == "" {
				answer, code, err = c.talk(1, simple(ask))
			}
		}
		return
	}},
	{"prepared", false, func(c *numbers, draw, ask string) (told, answer, code string, err error) {
		if told, err = c.must(1, parse("", draw), bind("", ""), execute(""), sync_); err == nil {
			answer, code, err = c.talk(1, bind("", "asks"), execute(""), sync_)
		}
		return
	}},
	{"rolled back", true, func(c *numbers, draw, ask string) (told, answer, code string, err error) {
		if _, err = c.must(2, simple("BEGIN"), simple("SAVEPOINT a")); err == nil {
			if told, err = c.must(1, simple(draw)); err == nil {
				if _, err = c.must(2, simple("SELECT 1"), simple("RELEASE a")); err == nil {
					answer, code, err = c.talk(1, simple(ask))
				}
			}
		}
		if err == nil {
			_, _, err = c.talk(1, simple("COMMIT"))
		}
		return
	}},
	{"transaction", true, func(c *numbers, draw, ask string) (told, answer, code string, err error) {
		if _, err = c.must(1, simple("BEGIN")); err == nil {
			if told, err = c.must(1, simple(draw)); err == nil {
				answer, code, err = c.talk(1, bind("", "asks"), execute(""), sync_)
			}
		}
		if err == nil {
			_, _, err = c.talk(1, simple("COMMIT"))
		}
		return
	}},
	{"across transactions", false, func(c *numbers, draw, ask string) (told, answer, code string, err error) {
		if _, err = c.must(1, simple("BEGIN")); err == nil {
			if told, err = c.must(1, simple(draw)); err == nil {
				if _, err = c.must(1, simple("COMMIT")); err == nil {
					if _, err = c.must(1, simple("BEGIN")); err == nil {
						answer, code, err = c.talk(1, simple(ask))
					}
				}
			}
		}
		if err == nil {
			_, _, err = c.talk(1, simple("COMMIT"))
		}
		return
	}},
	{"with something between", false, func(c *numbers, draw, ask string) (told, answer, code string, err error) {
		if told, err = c.must(1, simple(draw)); err == nil {
			if _, err = c.must(1, simple("SELECT 'x'")); err == nil {
				answer, code, err = c.talk(1, simple(ask))
			}
		}
		return
	}},
}

// askers is texts that ask.
var askers = []string{"SELECT lastval()", "SELECT lastval() AS n WHERE true"}

// Many clients draw from the same sequences by every road, on few servers, and ask for what they have drawn: from the first question
// on they are told their own numbers, as if each had Postgres for itself, and never another's.
func TestNumbersOfManyClients(t *testing.T) {
	const clients, rounds = 12, 60
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if err := server.Exec(within(t), "app", numbersObjects...); err != nil {
			t.Fatal(err)
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 3"})
		var asked, lost, slow atomic.Int64
		var all sync.WaitGroup
		for who := range clients {
			seed := uint64(time.Now().UnixNano()) + uint64(who)
			c := &numbers{client: superuser(t, p), who: who}
			lookup := &numbers{client: connect(t, server.Addr(), "user", "postgres")}
			if _, err := c.must(1, parse("asks", askers[0]), sync_); err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				random := rand.New(rand.NewPCG(seed, 1))
				for range rounds {
					d, a := drawings[random.IntN(len(drawings))], askings[random.IntN(len(askings))]
					begun := time.Now()
					told, answer, code, err := a.talk(c, fmt.Sprintf(d.sql, who), askers[random.IntN(len(askers))])
					took := time.Since(begun)
					if err == nil {
						err = c.drew(told, d.tells, lookup)
					}
					asked.Add(1)
					switch {
					case err != nil:
						t.Errorf("%s, %s: %v (seed %d)", d.name, a.name, err, seed)
						return
					case code == "" && answer == c.last:
					case code == "55000" && !a.certain:
						if lost.Add(1); took > 10*time.Millisecond {
							slow.Add(1)
						}
					default:
						t.Errorf("%s, %s: %q %s, and it has drawn %s (seed %d)", d.name, a.name, answer, code, c.last, seed)
					}
				}
			})
		}
		all.Wait()
		t.Logf("of %d numbers %d were lost, %d of them in more than 10ms", asked.Load(), lost.Load(), slow.Load())
		if n := lost.Load() - slow.Load(); n > asked.Load()/50 {
			t.Errorf("%d of %d numbers were lost", n, asked.Load())
		}
	})
}

// FunctionCall draws and asks by numbers of functions.
func TestNumbersByFunctionCall(t *testing.T) {
	const nextval, currval, lastval = 1574, 1575, 2559
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if err := server.Exec(within(t), "app", numbersObjects...); err != nil {
			t.Fatal(err)
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		a, b := &numbers{client: superuser(t, p)}, &numbers{client: superuser(t, p)}
		for range 5 {
			for _, c := range []*numbers{a, b} {
				drawn, err := c.must(1, call(nextval, "drawn.s"))
				if err != nil {
					t.Fatal(err)
				}
				for _, ask := range []pgproto3.FrontendMessage{call(lastval), call(currval, "drawn.s")} {
					if got, err := c.must(1, ask); err != nil || got != drawn {
						t.Fatalf("asked for %s: %q, %v", drawn, got, err)
					}
				}
			}
		}
	})
}

// Nobody is told another's number by what hides the question, or where pinning is off, or refused; numbers of a transaction are
// found inside it all the same.
func TestNumbersAreNeverAnothers(t *testing.T) {
	questions := map[string][]pgproto3.FrontendMessage{
		"lastval":           {simple("SELECT lastval()")},
		"currval":           {simple("SELECT currval('drawn.s')")},
		"a function":        {simple("SELECT drawn.asks()")},
		"a prepared one":    {parse("", "SELECT drawn.asks()"), bind("", ""), execute(""), sync_},
		"a DO block":        {simple("DO $$ BEGIN PERFORM lastval(); END $$")},
		"FunctionCall":      {call(2559)},
		"behind a failure":  {simple("SELECT 1/0; SELECT lastval()")},
		"behind a rollback": {simple("BEGIN; SELECT 1; ROLLBACK; SELECT lastval()")},
		"behind a draw of another sequence": {simple("BEGIN; INSERT INTO drawn.identity (who) VALUES (1); " +
			"SELECT currval('drawn.s')"), simple("ROLLBACK")},
	}
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		if err := server.Exec(within(t), "app", numbersObjects...); err != nil {
			t.Fatal(err)
		}
		for _, pool := range []string{"pinning on", "pinning off", "pinning error"} {
			p := startPooler(t, driver, server, settings{Pool: "pool_size 1\n" + pool})
			for name, ask := range questions {
				t.Run(pool+"/"+name, func(t *testing.T) {
					owner, other := &numbers{client: superuser(t, p)}, &numbers{client: superuser(t, p)}
					defer owner.vanish()
					defer other.vanish()
					for _, d := range drawings {
						if _, err := owner.must(1, simple(fmt.Sprintf(d.sql, 1))); err != nil {
							t.Fatalf("%s: %v", d.name, err)
						}
						readies := 0
						for _, m := range ask {
							switch m.(type) {
							case *pgproto3.Query, *pgproto3.Sync, *pgproto3.FunctionCall:
								readies++
							}
						}
						if got, code, err := other.talk(readies, ask...); err != nil || code != "55000" && code != "22012" {
							t.Errorf("%s: another is told %q, SQLSTATE %q, %v", d.name, got, code, err)
						}
						if _, err := owner.must(1, simple("BEGIN")); err != nil {
							t.Fatal(err)
						}
						drawn, err := owner.must(1, simple("SELECT nextval('drawn.s')"))
						if err != nil {
							t.Fatal(err)
						}
						if got, err := owner.must(1, simple("SELECT lastval()")); err != nil || got != drawn {
							t.Errorf("%s: its owner has drawn %s, and is told %q, %v", d.name, drawn, got, err)
						}
						if _, err := owner.must(1, simple("COMMIT")); err != nil {
							t.Fatal(err)
						}
					}
				})
			}
		}
	})
}
