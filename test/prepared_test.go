//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// The messages of the extended protocol, short.

func parse(name, query string, oids ...uint32) *pgproto3.Parse {
	return &pgproto3.Parse{Name: name, Query: query, ParameterOIDs: oids}
}

func bind(portal, statement string, params ...string) *pgproto3.Bind {
	b := &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement}
	for _, p := range params {
		b.Parameters = append(b.Parameters, []byte(p))
	}
	return b
}

func describe(statement string) *pgproto3.Describe {
	return &pgproto3.Describe{ObjectType: 'S', Name: statement}
}

func describePortal(portal string) *pgproto3.Describe {
	return &pgproto3.Describe{ObjectType: 'P', Name: portal}
}

func execute(portal string) *pgproto3.Execute { return &pgproto3.Execute{Portal: portal} }

func executeRows(portal string, rows uint32) *pgproto3.Execute {
	return &pgproto3.Execute{Portal: portal, MaxRows: rows}
}

func closeStatement(name string) *pgproto3.Close { return &pgproto3.Close{ObjectType: 'S', Name: name} }

func closePortal(name string) *pgproto3.Close { return &pgproto3.Close{ObjectType: 'P', Name: name} }

func simple(sql string) *pgproto3.Query { return &pgproto3.Query{String: sql} }

var (
	sync_ = &pgproto3.Sync{}
	flush = &pgproto3.Flush{}
)

// ask sends one pipeline that ends with a Sync and hears its answer.
func (c *client) ask(msgs ...pgproto3.FrontendMessage) []string {
	c.t.Helper()
	c.say(append(msgs, sync_)...)
	return c.hear(1)
}

// run is Bind, Execute of a statement.
func (c *client) runStatement(name string, params ...string) []string {
	c.t.Helper()
	return c.ask(bind("", name, params...), describePortal(""), execute(""))
}

func TestTrap01UnknownStatementIsAnErrorAndTheSessionLivesOn(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		mustContain(t, c.ask(bind("", "nosuch"), describePortal(""), execute("")), "26000", "nosuch")
		mustContain(t, c.ask(describe("nosuch")), "26000")
		mustContain(t, c.ask(closeStatement("nosuch")), "CloseComplete")
		c.ask(bind("", ""), execute(""))
		mustContain(t, c.query("SELECT 1"), "DataRow")
	})
}

func TestTrap02LiveNameIsADuplicateUntilDeallocated(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		mustContain(t, c.ask(parse("s", "SELECT 1")), "ParseComplete")
		mustContain(t, c.ask(parse("s", "SELECT 2")), "42P05")
		mustContain(t, c.ask(parse("s", "SELECT 1")), "42P05")
		c.query("DEALLOCATE s")
		mustContain(t, c.ask(parse("s", "SELECT 3"), bind("", "s"), execute("")), "DataRow", `"3"`)
		mustContain(t, c.ask(closeStatement("s"), parse("s", "SELECT 4"), bind("", "s"), execute("")), "DataRow", `"4"`)
	})
}

func TestTrap03FailedParseFreesItsName(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		mustContain(t, c.ask(parse("s", "SELEC 1")), "42601")
		mustContain(t, c.runStatement("s"), "26000")
		mustContain(t, c.ask(parse("s", "SELECT * FROM nosuch_table")), "42P01")
		mustContain(t, c.ask(parse("s", "SELECT 'good'"), bind("", "s"), execute("")), "good")
		mustContain(t, c.ask(parse("t", "SELEC 1")), "42601")
	})
}

func TestTrap04OwnAnswersKeepTheirPlace(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		for round := range 3 {
			a, b := fmt.Sprint("a", round), fmt.Sprint("b", round)
			// In the second and third round the server knows both texts: our answers stand between its own.
			c.ask(parse(a, "SELECT 'a'"), bind("", a), execute(""), parse(b, "SELECT 'b'"), closeStatement(a),
				bind("", b), execute(""), closeStatement(b), parse(b, "SELECT 'a'"), bind("", b), execute(""))
		}
		c.ask(parse("x", "SELECT 'a'"), closeStatement("x"), parse("x", "SELECT 'a'"), closeStatement("x"))
		c.ask(closeStatement("nosuch"), closePortal("nosuch"))
	})
}

func TestTrap05OwnAnswersBeforeAnErrorAndNoneAfter(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		c.ask(parse("warm", "SELECT 'warm'"))
		mustContain(t, c.ask(parse("a", "SELECT 'warm'"), parse("b", "SELEC"), parse("c", "SELECT 'warm'")), "42601")
		// a was parsed before the error, c was not.
		mustContain(t, c.runStatement("a"), "warm")
		mustContain(t, c.runStatement("c"), "26000")
		c.ask(bind("", "nosuch"), parse("d", "SELECT 'warm'"), closeStatement("a"), describe("a"))
		mustContain(t, c.runStatement("a"), "warm")
		mustContain(t, c.runStatement("d"), "26000")
	})
}

func TestTrap06EvictionSparesWhatTheBatchStillUses(t *testing.T) {
	both(t, settings{Pool: "max_prepared_statements 2\npool_size 1"}, func(t *testing.T, c *client) {
		var batch []pgproto3.FrontendMessage
		for i := range 6 {
			batch = append(batch, parse(fmt.Sprint("e", i), fmt.Sprintf("SELECT 'evict %d'", i)))
		}
		for i := range 6 {
			batch = append(batch, bind("", fmt.Sprint("e", i)), execute(""))
		}
		c.ask(batch...)
		for i := range 6 {
			mustContain(t, c.runStatement(fmt.Sprint("e", i)), fmt.Sprint("evict ", i))
		}
		c.say(append(batch[6:], flush)...)
		c.hearUntil("CommandComplete", 6)
		c.say(parse("late", "SELECT 'late'"), bind("", "late"), execute(""), flush)
		c.hearUntil("CommandComplete", 1)
		c.say(sync_)
		c.hear(1)
	})
}

func TestTrap07ClientDiesBetweenParseAndSync(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		for i := range 20 {
			text := fmt.Sprintf("SELECT 'trap 7, %d'", i)
			dying := connect(t, p.Addr)
			dying.say(parse("s", text), flush)
			if i%2 == 0 {
				dying.hearUntil("ParseComplete", 1)
			}
			dying.vanish()
			next := connect(t, p.Addr)
			mustContain(t, next.ask(parse("s", text), bind("", "s"), execute("")), fmt.Sprint("trap 7, ", i))
			next.leave()
		}
	})
}

func TestTrap08FlushIsAnsweredAndKeepsTheServer(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		for range 2 {
			c.say(parse("s", "SELECT $1::int + 1"), describe("s"), flush)
			c.hearUntil("RowDescription", 1)
			c.say(bind("", "s", "41"), execute(""), sync_)
			mustContain(t, c.hear(1), "42")
			c.ask(closeStatement("s"))
			c.say(flush)
			c.say(parse("", "SELECT 1"), flush)
			c.hearUntil("ParseComplete", 1)
			c.say(bind("", ""), flush)
			c.hearUntil("BindComplete", 1)
			c.say(execute(""), flush)
			c.hearUntil("CommandComplete", 1)
			c.say(sync_)
			c.hear(1)
		}
	})
}

func TestTrap08OthersWaitForTheSync(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection shares nothing")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		first, second := connect(t, p.Addr), connect(t, p.Addr)
		first.say(parse("s", "SELECT pg_backend_pid(), $1::text"), describe("s"), flush)
		first.hearUntil("RowDescription", 1)
		second.say(simple("SELECT 'second'"))
		for range 3 {
			first.say(bind("", "s", "first"), execute(""), flush)
			first.hearUntil("CommandComplete", 1)
		}
		first.say(sync_)
		first.hear(1)
		mustContain(t, second.hear(1), "second")
	})
}

func TestTrap09SeveralSyncsInFlight(t *testing.T) {
	const syncs = 40
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		clients := []*client{connect(t, p.Addr), connect(t, p.Addr), connect(t, p.Addr)}
		for round := range 5 {
			for who, c := range clients {
				var batch []pgproto3.FrontendMessage
				for i := range syncs {
					text := fmt.Sprintf("SELECT '%d.%d.%d'", round, who, i)
					switch i % 3 {
					case 0:
						batch = append(batch, simple(text))
					case 1:
						batch = append(batch, parse("", text), bind("", ""), execute(""), sync_)
					default:
						name := fmt.Sprint("s", round, ".", i)
						batch = append(batch, parse(name, text), sync_, bind("", name), execute(""), sync_)
					}
				}
				c.say(batch...)
			}
			for who, c := range clients {
				heard := c.hear(syncs + syncs/3)
				i := 0
				for _, l := range heard {
					if !strings.Contains(l, "DataRow") {
						continue
					}
					if want := fmt.Sprintf(`"%d.%d.%d"`, round, who, i); !strings.Contains(l, want) {
						t.Fatalf("client %d: got %s, want %s", who, l, want)
					}
					i++
				}
				if i != syncs {
					t.Fatalf("client %d: %d rows, want %d", who, i, syncs)
				}
			}
		}
	})
}

func TestTrap10ErrorRollsTheImplicitTransactionBack(t *testing.T) {
	insert := "INSERT INTO trap10 VALUES ($1)"
	both(t, settings{}, func(t *testing.T, c *client) {
		c.query("DROP TABLE IF EXISTS trap10; CREATE TABLE trap10 (n int PRIMARY KEY)")
		c.ask(parse("i", insert))
		c.ask(bind("", "i", "1"), execute(""), bind("", "i", "2"), execute(""), bind("", "i", "1"), execute(""),
			bind("", "i", "3"), execute(""))
		if n := c.value("SELECT count(*) FROM trap10"); n != "0" {
			t.Errorf("%s rows of a pipeline that failed", n)
		}
		// A Sync between them commits what came before it.
		c.say(bind("", "i", "1"), execute(""), sync_, bind("", "i", "2"), execute(""), bind("", "i", "1"), execute(""), sync_)
		c.hear(2)
		c.query("SELECT n FROM trap10")
		c.query("INSERT INTO trap10 VALUES (7); INSERT INTO trap10 VALUES (8); SELECT 1/0; INSERT INTO trap10 VALUES (9)")
		c.query("SELECT n FROM trap10")
		c.query("DROP TABLE trap10")
	})
}

func TestTrap11NoServerInTimeInMidPipeline(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		if direct() {
			t.Skip("a direct connection waits for no server")
		}
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1\nquery_wait_timeout 5s"})
		holder, waiter := connect(t, p.Addr), connect(t, p.Addr)
		waiter.ask(parse("s", "SELECT 'mine'"))
		holder.query("BEGIN")
		waiter.say(bind("", "s"), execute(""), parse("t", "SELECT 'lost'"), bind("", "t"), execute(""), sync_)
		heard := waiter.hear(1)
		if len(heard) != 2 || !contains(heard, "ErrorResponse", "08006") {
			t.Fatalf("want one error and one ReadyForQuery, got:\n%s", strings.Join(heard, "\n"))
		}
		mustNotContain(t, heard, `hint ""`)
		holder.query("COMMIT")
		mustContain(t, waiter.runStatement("t"), "26000")
		mustContain(t, waiter.runStatement("s"), "mine")
		// Two batches were sent: each has its own end, and the rows are the right ones.
		holder.query("BEGIN")
		waiter.say(bind("", "s"), execute(""), sync_, parse("", "SELECT 'second'"), bind("", ""), execute(""), sync_)
		mustContain(t, waiter.hear(1), "08006")
		holder.query("COMMIT")
		mustContain(t, waiter.hear(1), "second")
	})
}

func TestTrap12LargerThanAnyBuffer(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		long := strings.Repeat("x", 3<<20)
		mustContain(t, c.ask(parse("big", "SELECT length('"+long+"')"), bind("", "big"), execute("")), "3145728")
		mustContain(t, c.ask(parse("len", "SELECT length($1)"), bind("", "len", long+long), execute("")), "6291456")
		mustContain(t, c.query("SELECT length('"+long+"')"), "3145728")
		name := strings.Repeat("n", 9_000) // Postgres takes no Execute or Describe above 10,000 bytes
		mustContain(t, c.ask(parse(name, "SELECT 'long name'"), bind(name, name), execute(name)), "long name")
		mustContain(t, c.ask(parse(name, "SELECT 1")), "42P05")

		const most = 65535
		params := make([]string, most)
		var list strings.Builder
		for i := range params {
			params[i] = fmt.Sprint(i % 10)
			if i > 0 {
				list.WriteByte(',')
			}
			fmt.Fprintf(&list, "$%d::int", i+1)
		}
		c.ask(parse("many", "SELECT cardinality(ARRAY["+list.String()+"])"))
		mustContain(t, c.runStatement("many", params...), "65535")
	})
}

func TestTrap14RowLimitsAndInterleavedPortals(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		c.ask(parse("g", "SELECT * FROM generate_series(1, $1)"))
		c.say(bind("a", "g", "5"), bind("b", "g", "3"), executeRows("a", 2), executeRows("b", 2), executeRows("a", 2),
			executeRows("b", 2), executeRows("a", 2), executeRows("a", 2), flush)
		c.hearUntil("CommandComplete", 2)
		c.say(sync_)
		c.hear(1)
		// A portal ends with its transaction.
		mustContain(t, c.ask(executeRows("a", 1)), "34000")
		c.query("BEGIN")
		mustContain(t, c.ask(bind("p", "g", "4"), executeRows("p", 1)), "PortalSuspended")
		mustContain(t, c.ask(executeRows("p", 2)), "PortalSuspended")
		mustContain(t, c.ask(executeRows("p", 9)), "CommandComplete")
		c.ask(closePortal("p"), executeRows("p", 1))
		c.query("ROLLBACK")
	})
}

func TestTrap15SimpleQueryDropsTheUnnamed(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		mustContain(t, c.ask(parse("", "SELECT 'unnamed'")), "ParseComplete")
		mustContain(t, c.runStatement(""), "unnamed")
		c.query("SELECT 1")
		mustContain(t, c.runStatement(""), "26000")
		c.query("BEGIN")
		c.ask(parse("", "SELECT 1 UNION SELECT 2"), bind("", ""), executeRows("", 1))
		c.query("SELECT 'between'")
		mustContain(t, c.ask(executeRows("", 1)), "34000")
		c.query("ROLLBACK")
		// Within one batch.
		c.say(parse("", "SELECT 'batch'"), simple("SELECT 'simple'"), bind("", ""), execute(""), sync_)
		c.hear(2)
	})
}

func TestTrap15TheUnnamedStatementSurvivesASync(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		p := startPooler(t, driver, server, settings{Pool: "pool_size 1"})
		a, b := connect(t, p.Addr), connect(t, p.Addr)
		a.ask(parse("", "SELECT 'of a'"))
		b.ask(parse("", "SELECT 'of b'"))
		mustContain(t, a.runStatement(""), "of a")
		mustContain(t, b.runStatement(""), "of b")
		b.query("SELECT 1")
		mustContain(t, a.runStatement(""), "of a")
		mustContain(t, b.runStatement(""), "26000")
	})
}

func TestTrap16DeallocateAndDiscardByEveryRoad(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		prepare := func() {
			c.ask(parse("s", "SELECT 's'"), parse("t", "SELECT 't'"))
		}
		gone := func(name string) {
			t.Helper()
			mustContain(t, c.runStatement(name), "26000")
		}
		prepare()
		c.query("DEALLOCATE s")
		gone("s")
		mustContain(t, c.runStatement("t"), `"t"`)
		c.query("DEALLOCATE PREPARE t")
		gone("t")
		prepare()
		c.query("DEALLOCATE ALL")
		gone("s")
		gone("t")
		prepare()
		c.query("DISCARD ALL")
		gone("s")
		gone("t")
		mustContain(t, c.query("DEALLOCATE nosuch"), "26000")
		mustContain(t, c.query(`DEALLOCATE "S"`), "26000")
		for _, sql := range []string{"DEALLOCATE s", "deallocate all", "DISCARD ALL"} {
			prepare()
			c.ask(parse("", sql), bind("", ""), execute(""))
			gone("s")
			c.query("DEALLOCATE ALL")
		}
		// In a batch, before and after uses of the same name.
		prepare()
		c.ask(bind("", "s"), execute(""), parse("", "DEALLOCATE s"), bind("", ""), execute(""), parse("s", "SELECT 'new'"),
			bind("", "s"), execute(""))
		mustContain(t, c.runStatement("s"), "new")
		c.query("SELECT 1; DEALLOCATE s; SELECT 2")
		gone("s")
		c.query("DEALLOCATE ALL")
	})
}

func TestTrap17SQLPrepareAndProtocolExecution(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		c.query("PREPARE p AS SELECT 'sql'")
		mustContain(t, c.runStatement("p"), "sql")
		c.ask(closeStatement("p"))
		mustContain(t, c.query("EXECUTE p"), "26000")
		c.ask(parse("q", "SELECT 'protocol'"))
		mustContain(t, c.query("EXECUTE q"), "protocol")
		mustContain(t, c.query("PREPARE q AS SELECT 'sql'"), "42P05", `\"q\"`)
		c.ask(parse("", "PREPARE q AS SELECT 'sql'"), bind("", ""), execute(""))
		c.query("DEALLOCATE q")
		mustContain(t, c.runStatement("q"), "26000")
		c.query("PREPARE q AS SELECT 'sql'")
		mustContain(t, c.query("DEALLOCATE q; PREPARE q AS SELECT 'sql again'; EXECUTE q"), "sql again")
	})
}

func TestTrap17PrepareInSQLTakesTheName(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		c.query("PREPARE trap17 AS SELECT 17")
		c.ask(parse("trap17", "SELECT 18"))
		c.ask(bind("", "trap17"), execute(""))
		c.ask(parse("trap17b", "SELECT 19"), bind("", "trap17b"), execute(""))
		c.query("EXECUTE trap17b")
		c.query("DEALLOCATE trap17")
		c.ask(parse("trap17", "SELECT 20"), bind("", "trap17"), execute(""))
		c.query("DEALLOCATE ALL")
	})
}

func TestTrap18EqualTextWithOtherTypesIsAnotherStatement(t *testing.T) {
	const int4, text, numeric = 23, 25, 1700
	both(t, settings{}, func(t *testing.T, c *client) {
		for i, oid := range []uint32{int4, text, numeric, 0, int4} {
			name := fmt.Sprint("typed", i)
			c.ask(parse(name, "SELECT pg_typeof($1), $1", oid), describe(name))
			c.runStatement(name, "7")
		}
	})
}

func TestTrap20InternalNamesNeverReachAClientInErrors(t *testing.T) {
	both(t, settings{}, func(t *testing.T, c *client) {
		c.ask(parse("mine", "SELECT $1::int"))
		mustContain(t, c.runStatement("mine"), "08P01", `\"mine\"`)
		mustContain(t, c.runStatement("mine", "not a number"), "22P02")
	})
}
