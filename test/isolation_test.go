//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// leftover is state that statements leave in a session, and a query whose answer tells whether it is there.
type leftover struct {
	name  string
	leave []string
	probe string
	// there is the answer in the session that has it, gone in any other.
	there, gone string
	// follows: it follows its client to any server, and keeps none.
	follows bool
	// shown: it follows, but to look at it keeps the server.
	shown bool
}

// leftovers is all that can stay in a session beyond its transaction. Their client is a superuser, who may be anybody.
var leftovers = []leftover{
	{"SET", []string{"SET work_mem = '7MB'"}, "SHOW work_mem", "7MB", "4MB", true, false},
	{"SET SESSION", []string{"SET SESSION search_path TO pg_catalog"}, "SHOW search_path", "pg_catalog", `"$user", public`, true, false},
	{"SET TIME ZONE", []string{"SET TIME ZONE 'Asia/Tokyo'"}, "SHOW TimeZone", "Asia/Tokyo", "UTC", true, false},
	{"SET SESSION CHARACTERISTICS", []string{"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE"},
		"SHOW default_transaction_isolation", "serializable", "read committed", true, false},
	{"SET of a setting of one's own", []string{"SET my.tenant = 'seven'"},
		"SELECT coalesce(nullif(current_setting('my.tenant', true), ''), 'nobody')", "seven", "nobody", true, false},
	{"set_config", []string{"SELECT set_config('work_mem', '7MB', false)"}, "SHOW work_mem", "7MB", "4MB", true, false},
	{"SET ROLE", []string{"SET ROLE other"}, "SELECT current_user", "other", "postgres", true, false},
	{"SET SESSION AUTHORIZATION", []string{"SET SESSION AUTHORIZATION other"}, "SELECT session_user", "other", "postgres", true, false},
	{"temporary table", []string{"CREATE TEMP TABLE mine (n int)", "INSERT INTO mine VALUES (1)"},
		"SELECT to_regclass('mine') IS NULL", "f", "t", false, false},
	{"LISTEN", []string{"LISTEN mine"}, "SELECT count(*) FROM pg_listening_channels()", "1", "0", true, false},
	{"advisory lock", []string{"SELECT pg_advisory_lock(46)", "SELECT pg_try_advisory_lock_shared(47)"},
		"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()", "2", "0", false, false},
	{"cursor WITH HOLD", []string{"DECLARE mine CURSOR WITH HOLD FOR VALUES (1)"},
		"SELECT count(*) FROM pg_cursors WHERE name = 'mine'", "1", "0", false, false},
	{"PREPARE", []string{"PREPARE mine AS SELECT 1"},
		"SELECT count(*) FROM pg_prepared_statements WHERE from_sql", "1", "0", false, true},
}

// road is a way to have a client's statements executed. It returns what the client was told.
type road struct {
	name   string
	travel func(c *client, statements ...string) []string
	// alone: each statement is a transaction of its own, as DISCARD ALL needs it.
	alone bool
}

var roads = []road{
	{"simple", simply, true},
	{"several in one query", together, false},
	{"in a transaction", inTransaction, false},
	{"extended", extended, true},
	{"one pipeline", pipelined, true},
	{"prepared before", preparedBefore, true},
}

func simply(c *client, statements ...string) (heard []string) {
	for _, sql := range statements {
		heard = append(heard, c.query(sql)...)
	}
	return heard
}

func together(c *client, statements ...string) []string {
	return c.query("SELECT 'first'; " + strings.Join(statements, "; ") + "; SELECT 'last'")
}

func inTransaction(c *client, statements ...string) []string {
	heard := append(c.query("BEGIN"), simply(c, statements...)...)
	return append(heard, c.query("COMMIT")...)
}

func extended(c *client, statements ...string) (heard []string) {
	for _, sql := range statements {
		heard = append(heard, pipelined(c, sql)...)
	}
	return heard
}

func pipelined(c *client, statements ...string) []string {
	var batch []pgproto3.FrontendMessage
	for _, sql := range statements {
		batch = append(batch, parse("", sql), bind("", ""), execute(""))
	}
	return c.ask(batch...)
}

func preparedBefore(c *client, statements ...string) (heard []string) {
	for i, sql := range statements {
		name := fmt.Sprint("before ", i)
		heard = append(heard, c.ask(parse(name, sql))...)
		heard = append(heard, c.runStatement(name)...)
		heard = append(heard, c.ask(closeStatement(name))...)
	}
	return heard
}

// sees demands that a client finds its session, in both protocols, as it should be.
func (l leftover) sees(t *testing.T, who string, c *client, want string) {
	t.Helper()
	if got := c.value(l.probe); got != want {
		t.Fatalf("%s: %q answers %q, want %q", who, l.probe, got, want)
	}
	mustContain(t, extended(c, l.probe), "DataRow", fmt.Sprintf(`"text":%q`, want))
}

// What a client leaves in its session pins the server: it finds it again, and nobody else does, neither beside it
// nor after it has left or vanished.
func TestTrap46WhatAClientLeavesStaysItsOwn(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		endings := map[string]func(*client){
			"leaves":   (*client).leave,
			"vanishes": (*client).vanish,
			"vanishes in a transaction": func(c *client) {
				c.query("BEGIN; SELECT 1")
				c.vanish()
			},
			"vanishes in a query": func(c *client) {
				c.say(simple("SELECT pg_sleep(60)"))
				c.vanish()
			},
		}
		for i, l := range leftovers {
			for j, r := range roads {
				for ending, end := range endings {
					if ending == "vanishes in a query" && j != i%len(roads) {
						continue // it is found out within a second, which is too long for all of them
					}
					t.Run(strings.Join([]string{l.name, r.name, ending}, "/"), func(t *testing.T) {
						p.leaveBehind(t, l, r, end)
					})
				}
			}
		}
	})
}

// leaveBehind has an owner leave state beside another client, and end while a third waits for its server.
func (p *pooler) leaveBehind(t *testing.T, l leftover, r road, end func(*client)) {
	t.Helper()
	owner, beside, after := superuser(t, p), superuser(t, p), superuser(t, p)
	mustNotContain(t, r.travel(owner, l.leave...), "ErrorResponse")
	for range 3 {
		l.sees(t, "its owner", owner, l.there)
		l.sees(t, "another beside it", beside, l.gone)
	}
	beside.query("BEGIN")
	if l.follows {
		owner.query("BEGIN") // else its server would be free
	}
	after.say(simple(l.probe))
	p.awaitWaiting(1)
	end(owner)
	mustContain(t, after.hear(1), "DataRow", fmt.Sprintf(`"text":%q`, l.gone))
	l.sees(t, "who comes after it", after, l.gone)
	beside.query("ROLLBACK")
	beside.leave()
	after.leave()
	p.awaitClients(0)
}

// superuser logs a raw client in as superuser.
func superuser(t *testing.T, p *pooler) *client { return connect(t, p.Addr, "user", "postgres") }

// awaitClients waits until so many clients are there: those that have left are gone for the pooler, too.
func (p *pooler) awaitClients(want int) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%d clients", want), func() error {
		stats, err := p.stats()
		if err == nil && stats.Clients.Total != want {
			err = fmt.Errorf("%d are there", stats.Clients.Total)
		}
		return err
	})
}

// With one server the others wait as long as its client has state there.
func TestTrap46OthersWaitForAPinnedServer(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		for _, l := range leftovers {
			t.Run(l.name, func(t *testing.T) {
				if l.shown {
					t.Skip("it keeps no server before it is looked at")
				}
				owner, waiter := superuser(t, p), superuser(t, p)
				simply(owner, l.leave...)
				if l.follows {
					for range 3 {
						l.sees(t, "another", waiter, l.gone)
						l.sees(t, "its owner", owner, l.there)
					}
					owner.leave()
					waiter.leave()
					return
				}
				waiter.say(simple(l.probe))
				p.awaitWaiting(1)
				l.sees(t, "its owner", owner, l.there)
				owner.leave()
				mustContain(t, waiter.hear(1), "DataRow", fmt.Sprintf(`"text":%q`, l.gone))
				waiter.leave()
			})
		}
	})
}

// DISCARD ALL leaves nothing that would need the server: others get it, while its client stays.
func TestDiscardAllGivesTheServerBack(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		for _, l := range leftovers {
			for _, r := range roads {
				if !r.alone {
					continue
				}
				t.Run(l.name+"/"+r.name, func(t *testing.T) {
					if l.shown {
						t.Skip("it keeps no server before it is looked at")
					}
					owner, waiter := superuser(t, p), superuser(t, p)
					mustNotContain(t, r.travel(owner, l.leave...), "ErrorResponse")
					if l.follows {
						l.sees(t, "another", waiter, l.gone)
						mustContain(t, r.travel(owner, "DISCARD ALL"), "DISCARD ALL")
						l.sees(t, "its owner", owner, l.gone)
						waiter.leave()
						owner.leave()
						return
					}
					waiter.say(simple(l.probe))
					p.awaitWaiting(1)
					l.sees(t, "its owner", owner, l.there)
					mustContain(t, r.travel(owner, "DISCARD ALL"), "DISCARD ALL")
					mustContain(t, waiter.hear(1), "DataRow", fmt.Sprintf(`"text":%q`, l.gone))
					l.sees(t, "its owner", owner, l.gone)
					waiter.leave()
					owner.leave()
				})
			}
		}
	})
}

// RESET returns to what the client asked for at its login, not to what the server began with.
func TestTrap42ResetReturnsToTheClientsStartupValues(t *testing.T) {
	for _, mode := range []string{"transaction", "session"} {
		for _, reset := range []string{"DISCARD ALL", "RESET ALL", "RESET work_mem", "SET work_mem TO DEFAULT"} {
			t.Run(mode+"/"+reset, func(t *testing.T) {
				eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
					p := startPooler(t, driver, server, settings{Pool: "pool_size 1\npool_mode " + mode})
					c := connect(t, p.Addr, "work_mem", "6MB")
					for _, r := range roads {
						if !r.alone {
							continue
						}
						r.travel(c, "SET work_mem = '7MB'")
						r.travel(c, reset)
						if got := c.value("SHOW work_mem"); got != "6MB" {
							t.Fatalf("%s: work_mem is %s, want 6MB as asked for at the login", r.name, got)
						}
					}
				})
			})
		}
	}
}

// The view of settings takes updates, which are SETs.
func TestTrap40UpdateOfPgSettingsStaysWithItsClient(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		for _, r := range roads {
			t.Run(r.name, func(t *testing.T) {
				owner, other := connect(t, p.Addr), connect(t, p.Addr)
				r.travel(owner, "UPDATE pg_settings SET setting = '7168' WHERE name = 'work_mem'")
				for range 3 {
					if got := other.value("SHOW work_mem"); got != "4MB" {
						t.Fatalf("another client finds work_mem %s", got)
					}
					if got := owner.value("SHOW work_mem"); got != "7MB" {
						t.Fatalf("its owner finds work_mem %s", got)
					}
				}
				owner.leave()
				other.leave()
			})
		}
	})
}

// A seed makes random numbers predictable: whoever comes after its client must not get them. DISCARD ALL keeps it.
func TestTrap46SeedEndsWithItsClient(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		seeded := func() *client {
			c := connect(t, p.Addr)
			c.query("SELECT setseed(0.46)")
			return c
		}
		first := seeded()
		drawn := first.value("SELECT random()")
		first.leave()
		owner, next := seeded(), connect(t, p.Addr)
		owner.leave()
		if got := next.value("SELECT random()"); got == drawn {
			t.Errorf("the next client draws %s, which follows from another's seed", got)
		}
	})
}

// A listener hears, without asking, what others notify, over whichever server they do.
func TestTrap47NotificationsReachTheirListener(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		for _, r := range roads {
			t.Run(r.name, func(t *testing.T) {
				listener, notifier := connect(t, p.Addr), connect(t, p.Addr)
				r.travel(listener, "LISTEN news")
				for i := range 3 {
					payload := fmt.Sprintf("%s %d", r.name, i)
					mustNotContain(t, r.travel(notifier, "NOTIFY news, '"+payload+"'"), "NotificationResponse")
					mustContain(t, listener.hearUntil("NotificationResponse", 1), "news "+payload)
				}
				// In a transaction nothing is heard before its end; its own are heard as well.
				listener.query("BEGIN")
				notifier.query("NOTIFY news, 'amid'")
				mustContain(t, listener.query("NOTIFY news, 'own'"), `"T"`)
				mustNotContain(t, listener.query("SELECT 1"), "NotificationResponse")
				listener.query("COMMIT")
				eventually(t, "both notifications", func() error {
					if listener.query("SELECT 1"); !contains(listener.heard, "news amid") || !contains(listener.heard, "news own") {
						return fmt.Errorf("heard %q", listener.heard)
					}
					return nil
				})
				r.travel(listener, "UNLISTEN news")
				notifier.query("NOTIFY news, 'unheard'")
				mustNotContain(t, listener.query("SELECT 1"), "unheard")
				listener.query("LISTEN news")
				listener.leave()
				notifier.query("NOTIFY news, 'nobody listens'")
				for range 3 {
					mustNotContain(t, notifier.query("SELECT pg_sleep(0.01)"), "NotificationResponse")
				}
				notifier.leave()
			})
		}
	})
}

// A session-level lock excludes others as long as its client is there, and no longer.
func TestTrap46AdvisoryLockEndsWithItsClient(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		for name, end := range map[string]func(*client){
			"unlock":   func(c *client) { c.query("SELECT pg_advisory_unlock_all()") },
			"leaves":   (*client).leave,
			"vanishes": (*client).vanish,
		} {
			t.Run(name, func(t *testing.T) {
				owner, other := connect(t, p.Addr), connect(t, p.Addr)
				owner.query("SELECT pg_advisory_lock(4646)")
				for range 3 {
					owner.query("SELECT 1")
					if got := other.value("SELECT pg_try_advisory_lock(4646)"); got != "f" {
						t.Fatal("two clients hold one lock")
					}
				}
				end(owner)
				eventually(t, "the lock is free", func() error {
					if got := other.value("SELECT pg_try_advisory_lock(4646)"); got != "t" {
						return fmt.Errorf("pg_try_advisory_lock says %s", got)
					}
					return nil
				})
				other.leave()
				if name == "unlock" {
					owner.leave()
				}
			})
		}
	})
}

// What is kept is not only seen but used: rows of a temporary table and of a cursor, the plan of a PREPARE.
func TestTrap46WhatIsKeptCanBeUsed(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
		for _, r := range roads {
			t.Run(r.name, func(t *testing.T) {
				owner, other := connect(t, p.Addr), connect(t, p.Addr)
				r.travel(owner, "CREATE TEMP TABLE mine AS SELECT generate_series(1, 3) AS n",
					"DECLARE walk CURSOR WITH HOLD FOR SELECT n FROM mine ORDER BY n", "PREPARE mine AS SELECT sum(n) FROM mine")
				for i := range 3 {
					mustContain(t, r.travel(owner, "FETCH walk"), "DataRow", fmt.Sprintf(`"text":"%d"`, i+1))
					mustContain(t, other.query("FETCH walk"), "34000")
					mustContain(t, other.query("TABLE mine"), "42P01")
					mustContain(t, other.query("EXECUTE mine"), "26000")
					mustContain(t, r.travel(owner, "EXECUTE mine"), "DataRow", `"text":"6"`)
				}
				owner.leave()
				other.leave()
			})
		}
	})
}

// Two clients with other startup parameters take turns on one server: each is served as it asked for at its login.
func TestTrap40StartupParametersOfClientsThatTakeTurns(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		if err := server.Exec(within(t), "app", "CREATE SCHEMA IF NOT EXISTS first AUTHORIZATION app",
			"CREATE SCHEMA IF NOT EXISTS second AUTHORIZATION app",
			"CREATE OR REPLACE VIEW first.who AS SELECT 'of the first' AS name",
			"CREATE OR REPLACE VIEW second.who AS SELECT 'of the second' AS name",
			"GRANT SELECT ON first.who, second.who TO app"); err != nil {
			t.Fatal(err)
		}
		type asked struct {
			*client
			shows map[string]string
			// who and when are what a view found by search_path says, and noon in UTC.
			who, when string
		}
		clients := []asked{
			{client: connect(t, p.Addr, "application_name", "first", "search_path", "first", "TimeZone", "Asia/Tokyo",
				"DateStyle", "German", "work_mem", "5MB", "statement_timeout", "61s", "client_encoding", "LATIN1"),
				shows: map[string]string{"application_name": "first", "search_path": "first", "TimeZone": "Asia/Tokyo",
					"DateStyle": "German, DMY", "work_mem": "5MB", "statement_timeout": "61s", "client_encoding": "LATIN1"},
				who: "of the first", when: "01.02.2020 21:00:00 JST"},
			{client: connect(t, p.Addr, "application_name", "second", "search_path", "second", "TimeZone", "America/Lima",
				"IntervalStyle", "iso_8601"),
				shows: map[string]string{"application_name": "second", "search_path": "second", "TimeZone": "America/Lima",
					"IntervalStyle": "iso_8601", "DateStyle": "ISO, MDY", "work_mem": "4MB", "statement_timeout": "0",
					"client_encoding": "UTF8"},
				who: "of the second", when: "2020-02-01 07:00:00-05"},
		}
		if !direct() {
			clients = append(clients, asked{client: connect(t, p.Addr),
				shows: map[string]string{"application_name": "", "search_path": `"$user", public`, "TimeZone": "UTC",
					"DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "work_mem": "4MB", "statement_timeout": "0"},
				when: "2020-02-01 12:00:00+00"})
		}
		const noon = "SELECT timestamptz '2020-02-01 12:00:00+00'"
		for _, c := range clients {
			c.ask(parse("noon", noon))
			c.ask(parse("who", "SELECT name FROM who"))
		}
		for range 20 {
			for i, c := range clients {
				who := fmt.Sprintf("client %d", i)
				for name, want := range c.shows {
					leftover{probe: "SHOW " + name}.sees(t, who, c.client, want)
				}
				leftover{probe: noon}.sees(t, who, c.client, c.when)
				mustContain(t, c.runStatement("noon"), "DataRow", c.when)
				if c.who == "" {
					mustContain(t, c.query("SELECT name FROM who"), "42P01")
					continue
				}
				leftover{probe: "SELECT name FROM who"}.sees(t, who, c.client, c.who)
				mustContain(t, c.runStatement("who"), "DataRow", c.who)
				leftover{probe: "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"}.
					sees(t, who, c.client, c.shows["application_name"])
			}
		}
	})
}
