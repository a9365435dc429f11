//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// conversation is what a client says, step by step. What it hears must not depend on what stands between it and
// Postgres: it is held directly, then through a pooler, and every byte compared.
type conversation struct {
	name string
	// startup is parameters of the startup packet as name, value, …
	startup []string
	script  script
	// awaits is what the pooler has yet to learn for it; empty if it must hold now.
	awaits string
}

// script is the steps: a string is a simple query, a batch is sent in one piece and heard to its end, a step does
// whatever else there is to do.
type script []any

type (
	batch []pgproto3.FrontendMessage
	step  func(s *scene)
)

// subjects is every table of conversations by what it is about.
var subjects = []struct {
	name          string
	conversations []conversation
}{
	{"pipelines", pipelineTalks()},
	{"simple queries", simpleTalks},
	{"portals", portalTalks},
	{"formats", formatTalks},
	{"function calls", functionTalks},
	{"copy", copyTalks},
	{"notices", noticeTalks},
	{"reports", reportTalks},
	{"ends", endTalks},
	{"malformed", malformedTalks},
	{"illegal order", orderTalks},
	{"statements", statementTalks},
	{"cursors", cursorTalks},
	{"settings", settingTalks()},
	{"startup", startupTalks()},
}

// manner is how conversations are held through a pooler.
type manner struct {
	name, mode string
	// scattered: between any two steps other clients see to it that the next one meets another server.
	scattered bool
}

func TestFidelity(t *testing.T) {
	for i, version := range versions() {
		server := postgres(t, version)
		theater := newTheater(t, server)
		want := make(map[string][]string)
		for _, subject := range subjects {
			for _, c := range subject.conversations {
				t.Run(fmt.Sprintf("directly/%d/%s/%s", version, subject.name, c.name), func(t *testing.T) {
					want[subject.name+c.name] = theater.hold(t, server.Addr(), c, nil)
				})
			}
		}
		for j, driver := range drivers() {
			manners := []manner{{"scattered", "transaction", true}}
			if i == 0 && j == 0 {
				manners = append(manners, manner{"session", "session", false})
			} else if (i+j)%2 == 1 {
				manners = []manner{{"alone", "transaction", false}}
			}
			for _, m := range manners {
				t.Run(fmt.Sprintf("%s/%d/%s", driver, version, m.name), func(t *testing.T) {
					theater.compare(t, driver, m, want)
				})
			}
		}
	}
}

// compare holds every conversation through one pooler.
func (h *theater) compare(t *testing.T, driver string, m manner, want map[string][]string) {
	in := settings{Pool: "pool_size 3\npool_mode " + m.mode}
	if m.scattered {
		in = passersPool
	}
	p := startPooler(t, driver, h.server, in)
	var others *passersBy
	if m.scattered {
		others = newPassersBy(t, p)
	}
	for _, subject := range subjects {
		if subject.name == "settings" && !m.scattered {
			continue // they are many, and no harder alone
		}
		for _, c := range subject.conversations {
			t.Run(subject.name+"/"+c.name, func(t *testing.T) {
				if c.awaits != "" {
					awaits(t, c.awaits)
				}
				got := h.hold(t, p.Addr, c, others)
				if diff := difference(want[subject.name+c.name], got); diff != "" {
					t.Errorf("the client sees a pooler (-: Postgres, +: through us):\n%s", diff)
				}
			})
		}
	}
}

// awaits skips what the pooler has yet to learn, unless E2E_AWAITED asks for it all the same.
func awaits(t *testing.T, what string) {
	t.Helper()
	if !direct() && os.Getenv("E2E_AWAITED") == "" {
		t.Skip("awaits: ", what)
	}
}

// theater is the place where conversations are held: a database with the objects that they speak of.
type theater struct {
	server *pgtest.Server
	super  *pgx.Conn
}

func newTheater(t *testing.T, server *pgtest.Server) *theater {
	t.Helper()
	if err := server.Exec(within(t), "app", theaterObjects...); err != nil {
		t.Fatal(err)
	}
	super, err := server.Super(within(t), "app")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { super.Close(context.Background()) })
	return &theater{server, super}
}

// theaterObjects are there before a conversation begins, so that their object ids are the same in each.
var theaterObjects = []string{
	"DROP SCHEMA IF EXISTS scene CASCADE", "CREATE SCHEMA scene AUTHORIZATION app", "SET ROLE app",
	"CREATE TABLE scene.t (n int PRIMARY KEY, v text)",
	"CREATE TABLE scene.late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
	"CREATE SEQUENCE scene.seq",
	"CREATE TABLE scene.guarded (n int)",
	"CREATE FUNCTION scene.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
	"CREATE TRIGGER guard BEFORE INSERT ON scene.guarded EXECUTE FUNCTION scene.refuse()",
	`CREATE FUNCTION scene.notice(text) RETURNS text LANGUAGE plpgsql AS
		$$ BEGIN RAISE NOTICE '%', $1 USING DETAIL = 'a detail', HINT = 'a hint'; RETURN $1; END $$`,
	`CREATE FUNCTION scene.set(name text, value text) RETURNS text LANGUAGE plpgsql AS
		$$ BEGIN RETURN set_config(name, value, false); END $$`,
	`CREATE PROCEDURE scene.commits() LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO scene.t VALUES (1); COMMIT; INSERT INTO scene.t VALUES (2); ROLLBACK; END $$`,
}

// scene is one telling of a conversation.
type scene struct {
	*theater
	*client
	t testing.TB
}

// hold holds a conversation and returns all that its client was told.
func (h *theater) hold(t *testing.T, addr string, c conversation, others *passersBy) []string {
	t.Helper()
	h.exec(t, "TRUNCATE scene.t, scene.late")
	h.exec(t, "ALTER SEQUENCE scene.seq RESTART")
	told, client := record(t, addr)
	s := &scene{theater: h, client: client, t: t}
	if err := client.logIn(pgproto3.ProtocolVersion30, c.startup...); err != nil {
		return told.lines()
	}
	for _, part := range c.script {
		others.pass()
		switch p := part.(type) {
		case string:
			client.query(p)
		case batch:
			client.say(p...)
			client.hear(p.ends())
		case step:
			p(s)
		default:
			panic(fmt.Sprintf("bug: a step of type %T", part))
		}
	}
	client.Send(&pgproto3.Terminate{})
	_ = client.Flush() // it may be gone already
	client.vanish()
	return told.lines()
}

// exec has the superuser run a statement.
func (h *theater) exec(t testing.TB, sql string) {
	t.Helper()
	if _, err := h.super.Exec(within(t), sql); err != nil {
		t.Fatal(err)
	}
}

// ends is how many ReadyForQuery a batch brings, if nothing of it is skipped.
func (b batch) ends() (n int) {
	for _, msg := range b {
		switch msg.(type) {
		case *pgproto3.Sync, *pgproto3.Query, *pgproto3.FunctionCall:
			n++
		}
	}
	return n
}

// until sends messages and hears the answer up to the n-th message of a type.
func until(kind string, n int, msgs ...pgproto3.FrontendMessage) step {
	return func(s *scene) {
		s.say(msgs...)
		s.hearUntil(kind, n)
	}
}

// ending sends messages after which the connection ends.
func ending(msgs ...pgproto3.FrontendMessage) step {
	return func(s *scene) {
		s.say(msgs...)
		s.hearEnd()
	}
}

// ext is a statement by the extended protocol, as most drivers send it.
func ext(sql string, params ...string) batch {
	return batch{parse("", sql), bind("", "", params...), describePortal(""), execute(""), sync_}
}

// pbe is Parse, Bind and Execute of a statement, without an end.
func pbe(sql string) batch { return batch{parse("", sql), bind("", ""), execute("")} }

// join makes one batch of messages and batches.
func join(parts ...any) (all batch) {
	for _, part := range parts {
		switch p := part.(type) {
		case batch:
			all = append(all, p...)
		case pgproto3.FrontendMessage:
			all = append(all, p)
		}
	}
	return all
}
