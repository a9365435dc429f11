//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
)

// hearer is a client that remembers what it was told of its session's settings (ParameterStatus), the last of each.
type hearer struct {
	*client
	told map[string]string
	read int // of client.heard
}

func hears(c *client) *hearer {
	h := &hearer{client: c, told: make(map[string]string)}
	h.listen()
	return h
}

// listen takes note of what was said since, and returns how many reports there were.
func (h *hearer) listen() (n int) {
	for ; h.read < len(h.heard); h.read++ {
		var report struct{ Type, Name, Value string }
		if json.Unmarshal([]byte(h.heard[h.read]), &report) == nil && report.Type == "ParameterStatus" {
			h.told[report.Name] = report.Value
			n++
		}
	}
	return n
}

// mustKnowItself demands that what the client was told is what its session says of itself, and that to look changes nothing.
func (h *hearer) mustKnowItself(t *testing.T, when string) {
	t.Helper()
	h.listen()
	names := slices.Sorted(maps.Keys(h.told))
	var wants, asked []string
	for _, name := range names {
		wants = append(wants, name+"="+h.told[name])
		asked = append(asked, fmt.Sprintf("'%[1]s=' || current_setting('%[1]s')", name))
	}
	got := strings.Split(h.value("SELECT concat_ws(E'\\t', "+strings.Join(asked, ", ")+")"), "\t")
	for i := range wants {
		if i < len(got) && got[i] != wants[i] {
			t.Errorf("%s: its session has %s, and it was told %s", when, got[i], wants[i])
		}
	}
	if n := h.listen(); n > 0 {
		t.Errorf("%s: told of %d changes though it has changed nothing", when, n)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// reportedValues is few values of what Postgres reports, so that clients often want the same, and differ in the next moment.
var reportedValues = map[string][]string{
	"application_name":              {"one", "two", ""},
	"TimeZone":                      {"Asia/Tokyo", "America/Lima", "UTC"},
	"DateStyle":                     {"German", "ISO, DMY", "ISO, MDY"},
	"IntervalStyle":                 {"iso_8601", "postgres"},
	"client_encoding":               {"LATIN1", "UTF8"},
	"standard_conforming_strings":   {"off", "on"},
	"default_transaction_read_only": {"on", "off"},
	"search_path":                   {"pg_catalog", "public"},
}

// changes are ways to change a setting, or to seem to, that keep no server.
var changes = []func(c *client, name, value string){
	func(c *client, name, value string) { c.query("SET " + name + " = '" + value + "'") },
	func(c *client, name, value string) { extended(c, "SET "+name+" = '"+value+"'") },
	func(c *client, name, value string) {
		simply(c, "BEGIN", "SET "+name+" = '"+value+"'", "SELECT 1", "COMMIT")
	},
	func(c *client, name, value string) {
		simply(c, "BEGIN", "SET "+name+" = '"+value+"'", "SELECT 1", "ROLLBACK")
	},
	func(c *client, name, value string) {
		simply(c, "BEGIN", "SET LOCAL "+name+" = '"+value+"'", "SELECT 1", "COMMIT")
	},
	func(c *client, name, value string) {
		simply(c, "BEGIN", "SAVEPOINT a", "SET "+name+" = '"+value+"'", "ROLLBACK TO a", "COMMIT")
	},
	func(c *client, name, value string) {
		c.query("SELECT set_config('" + name + "', '" + value + "', false)")
	},
	func(c *client, name, value string) {
		c.query("DO $$ BEGIN PERFORM set_config('" + name + "', '" + value + "', false); END $$")
	},
	func(c *client, name, value string) {
		c.ask(join(pbe("SET "+name+" = '"+value+"'"), pbe("SELECT 1/0"))...)
	},
	func(c *client, name, _ string) { c.query("RESET " + name) },
	func(c *client, name, _ string) { c.query("SET " + name + " TO DEFAULT") },
	func(c *client, _, _ string) { c.query("RESET ALL") },
	func(c *client, _, _ string) { c.query("DISCARD ALL") },
	func(c *client, _, _ string) { c.query("SELECT 'something else'") },
	func(c *client, _, _ string) { extended(c, "SELECT 'something else'") },
}

// change has a client change something by chance, and returns what.
func change(random *rand.Rand, c *client) string {
	names := slices.Sorted(maps.Keys(reportedValues))
	name := names[random.IntN(len(names))]
	value := reportedValues[name][random.IntN(len(reportedValues[name]))]
	way := random.IntN(len(changes))
	changes[way](c, name, value)
	return fmt.Sprintf("way %d of %s to %q", way, name, value)
}

// Postgres reports what has changed since it reported last, to whom it talks to. Clients with settings of their own meet servers
// that others have had, some of which are ended meanwhile, and each has been told what its session is, at every moment.
func TestTrap43EachClientIsToldItsOwnTruth(t *testing.T) {
	eachDriverAndVersion(t, func(t *testing.T, driver string, server *pgtest.Server) {
		for _, size := range []int{1, 3} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%d servers, seed %d", size, seed), func(t *testing.T) {
					p := startPooler(t, driver, server, settings{Global: "event_loops 2", Pool: fmt.Sprint("pool_size ", size)})
					walkOfReports(t, p, server, rand.New(rand.NewPCG(seed, 43)), size)
				})
			}
		}
	})
}

// walkOfReports has clients change what is reported; up to one less than there are servers stay in a transaction meanwhile.
func walkOfReports(t *testing.T, p *pooler, server *pgtest.Server, random *rand.Rand, servers int) {
	all := []*hearer{
		hears(connect(t, p.Addr)),
		hears(connect(t, p.Addr, "application_name", "one", "TimeZone", "Asia/Tokyo", "DateStyle", "German")),
		hears(connect(t, p.Addr, "application_name", "two", "TimeZone", "America/Lima", "search_path", "pg_catalog")),
		hears(connect(t, p.Addr, "options", "-c default_transaction_read_only=on", "client_encoding", "LATIN1")),
	}
	for i, h := range all {
		h.mustKnowItself(t, fmt.Sprintf("client %d after its login", i))
	}
	var inside []*hearer
	for step := range 100 {
		h := all[random.IntN(len(all))]
		if at := slices.Index(inside, h); at >= 0 {
			h.query("COMMIT")
			inside = slices.Delete(inside, at, at+1)
		}
		when := fmt.Sprintf("step %d, client %d, %s", step, slices.Index(all, h), change(random, h.client))
		h.mustKnowItself(t, when)
		switch {
		case len(inside) < servers-1:
			h.query("BEGIN")
			inside = append(inside, h)
		case len(inside) > 0:
			inside[0].query("COMMIT")
			inside = inside[1:]
		case step%10 == 9 && !direct():
			loseServers(t, server)
		}
	}
}

// loseServers ends all servers.
func loseServers(t *testing.T, server *pgtest.Server) {
	t.Helper()
	if err := server.Exec(within(t), "postgres", "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "+
		"WHERE datname = 'app' AND backend_type = 'client backend'"); err != nil {
		t.Fatal(err)
	}
}

// A setting that the configuration of Postgres changes is told to all who have not chosen their own.
func TestTrap43ReloadedDefaultsAreTold(t *testing.T) {
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			server := pgtest.Start(t, commonOptions(versions()[0]))
			p := startPooler(t, driver, server, settings{Pool: "pool_size 2"})
			plain, own := hears(connect(t, p.Addr)), hears(connect(t, p.Addr, "DateStyle", "German"))
			other := connect(t, p.Addr)
			for _, style := range []string{"SQL, DMY", "ISO, YMD", "SQL, DMY"} {
				if err := server.Exec(within(t), "postgres", "ALTER SYSTEM SET DateStyle = '"+style+"'", "SELECT pg_reload_conf()"); err != nil {
					t.Fatal(err)
				}
				eventually(t, "it is told", func() error {
					plain.query("SELECT 1")
					if plain.listen(); plain.told["DateStyle"] != style {
						return fmt.Errorf("it was told %s, want %s", plain.told["DateStyle"], style)
					}
					return nil
				})
				if source := plain.value("SELECT source FROM pg_settings WHERE name = 'DateStyle'"); source != "configuration file" {
					t.Errorf("one who has chosen nothing has it from: %s", source)
				}
				own.query("SELECT 1")
				own.mustKnowItself(t, "one who has chosen")
				simply(other, "BEGIN") // on the server that the one who has chosen nothing had
				plain.query("SELECT 1")
				plain.mustKnowItself(t, "one who has chosen nothing, on another server")
				simply(other, "COMMIT")
				if own.told["DateStyle"] != "German, DMY" {
					t.Errorf("one who has chosen German is told %s", own.told["DateStyle"])
				}
			}
		})
	}
}

// Whatever one changes, nobody else hears of it.
func TestTrap48ReportsGoOnlyToTheirClient(t *testing.T) {
	eitherDriver(t, func(t *testing.T, driver string, server *pgtest.Server) {
		for _, size := range []int{1, 2} {
			p := startPooler(t, driver, server, settings{Pool: fmt.Sprint("pool_size ", size)})
			random := rand.New(rand.NewPCG(48, uint64(size)))
			quiet := []*hearer{hears(connect(t, p.Addr)), hears(connect(t, p.Addr, "application_name", "quiet", "DateStyle", "German"))}
			loud := connect(t, p.Addr)
			for range 100 {
				what := change(random, loud)
				for i, q := range quiet {
					q.say(simple("SELECT 'quiet'"), parse("", "SELECT 'again'"), bind("", ""), execute(""), sync_)
					q.hear(2)
					if n := q.listen(); n > 0 {
						t.Fatalf("%d servers: after another's %s, client %d is told of %d changes", size, what, i, n)
					}
				}
			}
			loud.leave()
		}
	})
}

// A client that stays while its upstream becomes another server is told what that is: its version, and whether it is a standby.
func TestTrap51WhatTheNewServerIsReachesItsClients(t *testing.T) {
	if direct() {
		t.Skip("a direct connection ends with its server")
	}
	for _, driver := range someDrivers(t, 0) {
		t.Run(driver, func(t *testing.T) {
			_, standby := pair(t)
			newest := postgres(t, versions()[len(versions())-1])
			p := startPooler(t, driver, standby, settings{Pool: "pool_size 2"})
			idle, busy := hears(connect(t, p.Addr)), hears(connect(t, p.Addr, "application_name", "busy"))
			for _, h := range []*hearer{idle, busy} {
				h.mustKnowItself(t, "on the standby")
				if h.told["in_hot_standby"] != "on" {
					t.Fatalf("on a standby the client is told %v", h.told)
				}
			}
			if err := standby.Exec(within(t), "postgres", "SELECT pg_promote()"); err != nil {
				t.Fatal(err)
			}
			for _, h := range []*hearer{busy, idle} {
				h.query("SELECT 1")
				h.mustKnowItself(t, "after the promotion")
				if h.told["in_hot_standby"] != "off" {
					t.Errorf("after the promotion the client is told %v", h.told)
				}
			}
			p.upstreams = []string{newest.Addr()}
			if err := p.reload(settings{Pool: "pool_size 2"}); err != nil {
				t.Fatal(err)
			}
			loseServers(t, standby)
			for _, h := range []*hearer{idle, busy} {
				eventually(t, "it has a server of the new upstream", func() error {
					h.query("SELECT 1")
					if got := h.value("SHOW port"); got != fmt.Sprint(newest.Port) {
						return fmt.Errorf("its server is at port %s", got)
					}
					return nil
				})
				h.mustKnowItself(t, "with another upstream")
				if want := fmt.Sprint(newest.Install.Major, "."); !strings.HasPrefix(h.told["server_version"], want) {
					t.Errorf("told that the server is %s, want %s…", h.told["server_version"], want)
				}
			}
		})
	}
}
