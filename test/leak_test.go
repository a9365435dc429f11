//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// portrait is everything that a session can see of itself. Two clients that have left nothing see the same.
var portrait = []string{
	"SELECT name, setting, reset_val FROM pg_settings WHERE name NOT LIKE 'plpgsql.%' ORDER BY name",
	"SELECT coalesce(nullif(current_setting('my.tenant', true), ''), 'nobody')",
	"SELECT name, statement, parameter_types FROM pg_prepared_statements WHERE from_sql ORDER BY name",
	"SELECT name, statement, is_holdable, is_binary FROM pg_cursors WHERE name <> '' ORDER BY name",
	"SELECT locktype, classid, objid, objsubid, relation::regclass, mode FROM pg_locks WHERE pid = pg_backend_pid() " +
		"AND (locktype NOT IN ('virtualxid', 'relation') OR relation >= 16384) ORDER BY 1, 2, 3, 4",
	"SELECT relkind, relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() ORDER BY relname",
	"SELECT typname FROM pg_type WHERE typnamespace = pg_my_temp_schema() ORDER BY typname",
	"SELECT proname FROM pg_proc WHERE pronamespace = pg_my_temp_schema() ORDER BY proname",
	"SELECT * FROM pg_listening_channels() ORDER BY 1",
	"SELECT current_user, session_user, current_schemas(false), current_setting('role')",
	"SELECT application_name, usename FROM pg_stat_activity WHERE pid = pg_backend_pid()",
	"SELECT pg_current_xact_id_if_assigned()",
	"SELECT timestamptz '2020-02-01 12:00+00', interval '1 day 2 hours', 1.0::float8 / 3, '\\x00ff'::bytea, 'ä'",
	"SELECT currval('leak.seq')", "SELECT lastval()", "TABLE mine", "EXECUTE mine", "FETCH mine", "SELECT lo_tell(0)",
}

// takePortrait asks for the portrait, and reports what it shows once it is heard: its client may have to wait.
func takePortrait(c *client) <-chan []string {
	var msgs []pgproto3.FrontendMessage
	for _, sql := range portrait {
		msgs = append(msgs, simple(sql))
	}
	// By the protocol, too, nobody has what others have named.
	msgs = append(msgs, execute("mine"), sync_, bind("", "mine"), sync_, bind("", ""), sync_)
	c.say(msgs...)
	heard := make(chan []string, 1)
	go func() {
		from := len(c.heard)
		for ready := 0; ready < len(portrait)+3; {
			msg, err := c.receive()
			if err != nil {
				c.heard = append(c.heard, "cannot be seen: "+err.Error())
				break
			}
			if _, ok := msg.(*pgproto3.ReadyForQuery); ok {
				ready++
			}
		}
		heard <- c.heard[from:]
	}()
	return heard
}

// sitting is a pool of one server, and what a client sees there when nobody has left anything.
type sitting struct {
	*pooler
	server *pgtest.Server
	fresh  []string
	// does is the object id of leak.does.
	does uint32
}

// leakObjects are what roads of state lead through.
var leakObjects = []string{
	"DROP SCHEMA IF EXISTS leak CASCADE", "CREATE SCHEMA leak", "CREATE SEQUENCE leak.seq",
	"CREATE TABLE leak.triggers (sql text)",
	"CREATE FUNCTION leak.does(sql text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE sql; RETURN sql; END $$",
	"CREATE FUNCTION leak.trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE NEW.sql; RETURN NULL; END $$",
	"CREATE TRIGGER does BEFORE INSERT ON leak.triggers FOR EACH ROW EXECUTE FUNCTION leak.trigger()",
	"CREATE PROCEDURE leak.commits(sql text) LANGUAGE plpgsql AS $$ BEGIN COMMIT; EXECUTE sql; COMMIT; END $$",
	"CREATE VIEW leak.looks AS SELECT leak.does(current_setting('leak.sql')) AS done",
}

// eachSitting runs a test over every I/O driver, each with another Postgres.
func eachSitting(t *testing.T, test func(t *testing.T, s *sitting)) {
	t.Helper()
	for i, driver := range drivers() {
		version := versions()[i%len(versions())]
		t.Run(fmt.Sprintf("%s/%d", driver, version), func(t *testing.T) {
			server := postgres(t, version)
			if err := server.Exec(within(t), "app", leakObjects...); err != nil {
				t.Fatal(err)
			}
			test(t, newSitting(t, driver, server))
		})
	}
}

func newSitting(t *testing.T, driver string, server *pgtest.Server) *sitting {
	s := &sitting{pooler: startPooler(t, driver, server, settings{Pool: "pool_size 1"}), server: server}
	c := superuser(t, s.pooler)
	if _, err := fmt.Sscan(c.value("SELECT 'leak.does'::regproc::oid"), &s.does); err != nil {
		t.Fatal(err)
	}
	s.fresh = <-takePortrait(c)
	c.leave()
	return s
}

// mustBeFresh demands that a client sees nothing of anybody.
func (s *sitting) mustBeFresh(t *testing.T, who string, seen []string) {
	t.Helper()
	if slices.Equal(seen, s.fresh) {
		return
	}
	var b strings.Builder
	for _, l := range seen {
		if !slices.Contains(s.fresh, l) {
			fmt.Fprintf(&b, "+ %s\n", l)
		}
	}
	for _, l := range s.fresh {
		if !slices.Contains(seen, l) {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	t.Errorf("%s sees what another client left (-: nobody's, +: seen):\n%s", who, b.String())
}

// leak has an owner leave state, and another look for it on the same server: at once, if the state follows its owner,
// or else when that leaves.
func (s *sitting) leak(t *testing.T, l leftover, leave func(owner *client)) {
	t.Helper()
	owner, other := superuser(t, s.pooler), superuser(t, s.pooler)
	defer s.after(t, owner, other)
	leave(owner)
	s.owns(t, l, owner)
	seen := takePortrait(other)
	if s.answersOrWaits(seen) {
		s.mustBeFresh(t, "another beside its owner", <-seen)
		s.owns(t, l, owner)
		seen = takePortrait(other)
	} else {
		s.owns(t, l, owner)
		owner.leave()
	}
	s.mustBeFresh(t, "who comes after its owner", <-seen)
}

// after ends a test's clients, and the server on which it went wrong: what is there would fail the next, too.
func (s *sitting) after(t *testing.T, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		c.vanish()
	}
	if t.Failed() && !direct() {
		s.awaitClients(0)
		if err := s.server.Exec(within(t), "postgres",
			"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'app'"); err != nil {
			t.Error(err)
		}
	}
}

// owns demands that the owner finds what it left.
func (s *sitting) owns(t *testing.T, l leftover, owner *client) {
	t.Helper()
	if l.probe == "" {
		return
	}
	if got := owner.value(l.probe); got != l.there {
		t.Errorf("its owner: %q answers %q, want %q", l.probe, got, l.there)
	}
}

// answersOrWaits waits until an answer is there, and reports true, or its client waits for the server.
func (s *sitting) answersOrWaits(seen <-chan []string) (answered bool) {
	if direct() {
		return true
	}
	eventually(s.t, "another client is answered, or waits", func() error {
		if answered = len(seen) > 0; answered {
			return nil
		}
		stats, err := s.stats()
		if err == nil && stats.Waiting == 0 {
			err = fmt.Errorf("neither: %+v", stats)
		}
		return err
	})
	return answered
}
