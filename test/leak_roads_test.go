//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// quoted is a text as a literal.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// one makes a road of what is done with one statement.
func one(f func(c *client, sql string) []string) func(*client, ...string) []string {
	return func(c *client, statements ...string) (heard []string) {
		for _, sql := range statements {
			heard = append(heard, f(c, sql)...)
		}
		return heard
	}
}

// hiddenRoads have statements executed where no text tells of them.
func (s *sitting) hiddenRoads() []road {
	return []road{
		{name: "in a function", travel: one(func(c *client, sql string) []string {
			return c.query("SELECT leak.does(" + quoted(sql) + ")")
		})},
		{name: "in a function, with bound parameters", travel: one(func(c *client, sql string) []string {
			return c.ask(parse("", "SELECT leak.does($1)"), bind("", "", sql), execute(""))
		})},
		{name: "in a function, prepared long before", travel: func(c *client, statements ...string) []string {
			c.ask(parse("does", "SELECT leak.does($1)"))
			return one(func(c *client, sql string) []string { return c.ask(bind("", "does", sql), execute("")) })(c,
				statements...)
		}},
		{name: "in a DO block", travel: one(func(c *client, sql string) []string {
			return c.query("DO $do$ BEGIN EXECUTE " + quoted(sql) + "; END $do$")
		})},
		{name: "by a trigger", travel: one(func(c *client, sql string) []string {
			return c.query("INSERT INTO leak.triggers VALUES (" + quoted(sql) + ")")
		})},
		{name: "by a trigger of a COPY", travel: one(func(c *client, sql string) []string {
			c.say(simple("COPY leak.triggers FROM STDIN"), copyData(strings.ReplaceAll(sql, `\`, `\\`)+"\n"), copyDone)
			return c.hear(1)
		})},
		{name: "by a view", travel: one(func(c *client, sql string) []string {
			return c.query("BEGIN; SET LOCAL leak.sql = " + quoted(sql) + "; SELECT * FROM leak.looks; COMMIT")
		})},
		{name: "in a procedure that commits", travel: one(func(c *client, sql string) []string {
			return c.query("CALL leak.commits(" + quoted(sql) + ")")
		})},
		{name: "by EXECUTE", travel: one(func(c *client, sql string) []string {
			return simply(c, "PREPARE later AS SELECT leak.does("+quoted(sql)+")", "EXECUTE later", "DEALLOCATE later")
		})},
		{name: "by a cursor", travel: one(func(c *client, sql string) []string {
			return simply(c, "BEGIN", "DECLARE walk CURSOR FOR SELECT leak.does("+quoted(sql)+")", "FETCH walk", "COMMIT")
		})},
		{name: "under a savepoint", travel: one(func(c *client, sql string) []string {
			return simply(c, "BEGIN", "SAVEPOINT a", "SELECT leak.does("+quoted(sql)+")", "RELEASE a", "COMMIT")
		})},
		{name: "in a COPY", travel: one(func(c *client, sql string) []string {
			return c.query("COPY (SELECT leak.does(" + quoted(sql) + ")) TO STDOUT")
		})},
		{name: "in EXPLAIN ANALYZE", travel: one(func(c *client, sql string) []string {
			return c.query("EXPLAIN ANALYZE SELECT leak.does(" + quoted(sql) + ")")
		})},
		{name: "by FunctionCall", travel: one(func(c *client, sql string) []string {
			c.say(call(s.does, sql))
			return c.hear(1)
		})},
	}
}

// Where no text tells of what is left, nobody else may see it either, and its owner must find it: some state by every
// road, the rest by two.
func TestLeakByRoadsThatNoTextShows(t *testing.T) {
	everyRoad := []string{"SET", "SET ROLE", "temporary table", "LISTEN", "advisory lock"}
	eachSitting(t, func(t *testing.T, s *sitting) {
		hidden := s.hiddenRoads()
		for i, l := range slices.Concat(leftovers, moreLeftovers) {
			taken := []road{hidden[i%len(hidden)], hidden[(i+3)%len(hidden)]}
			if slices.Contains(everyRoad, l.name) {
				taken = hidden
			}
			for _, r := range taken {
				t.Run(l.name+"/"+r.name, func(t *testing.T) {
					s.leak(t, l, func(owner *client) { mustNotContain(t, r.travel(owner, l.leave...), "ErrorResponse") })
				})
			}
		}
	})
}

// Where not even what is executed stands in a text, its owner may lose it; but nobody else may see it.
func TestLeakOfWhatIsPutTogether(t *testing.T) {
	hidings := map[string]func(sql string) string{
		"backwards": func(sql string) string { return "SELECT leak.does(reverse(" + quoted(reversed(sql)) + "))" },
		"backwards, in a DO block": func(sql string) string {
			return "DO $do$ BEGIN EXECUTE reverse(" + quoted(reversed(sql)) + "); END $do$"
		},
		"from a table": func(sql string) string {
			return "INSERT INTO leak.triggers SELECT reverse(" + quoted(reversed(sql)) + ")"
		},
	}
	eachSitting(t, func(t *testing.T, s *sitting) {
		for name, hiding := range hidings {
			for _, l := range slices.Concat(leftovers, moreLeftovers) {
				t.Run(l.name+"/"+name, func(t *testing.T) {
					if l.name == "LOAD" {
						t.Skip("nothing tells of it: docs/compatibility.md, hidden from all texts")
					}
					s.leak(t, leftover{}, func(owner *client) {
						for _, sql := range l.leave {
							mustNotContain(t, owner.query(hiding(sql)), "ErrorResponse")
						}
					})
				})
			}
			t.Run("setseed/"+name, func(t *testing.T) {
				if direct() {
					t.Skip("a direct connection shares nothing")
				}
				foreseen := s.draws(t, "SELECT setseed(0.46)")
				owner := superuser(t, s.pooler)
				mustNotContain(t, owner.query(hiding("SELECT setseed(0.46)")), "ErrorResponse")
				for _, drawn := range s.draws(t, "SELECT 1") {
					if slices.Contains(foreseen, drawn) {
						t.Fatalf("another client draws %s, as was to be foreseen", drawn)
					}
				}
				owner.leave()
			})
		}
	})
}

// reversed is a text from its end to its beginning.
func reversed(text string) string {
	b := []byte(text)
	slices.Reverse(b)
	return string(b)
}
