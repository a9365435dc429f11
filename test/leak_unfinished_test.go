//go:build e2e

package e2e

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Names in the protocol are their client's own: another client neither finds them nor is kept from using them.
func TestLeakOfProtocolNames(t *testing.T) {
	eachSitting(t, func(t *testing.T, s *sitting) {
		s.leak(t, leftover{}, func(owner *client) {
			owner.ask(parse("mine", "SELECT 'a statement'"), parse("", "SELECT 'unnamed'"), bind("mine", "mine"),
				bind("", ""), execute("mine"))
			owner.query("BEGIN")
			owner.ask(bind("mine", "mine"), parse("", "SELECT 'unnamed'"), bind("", ""))
			owner.ask(executeRows("mine", 1), execute("nosuch"))
			owner.query("ROLLBACK")
			owner.ask(parse("", "SELECT 'unnamed'"), bind("", ""))
		})
		owner, other := superuser(t, s.pooler), superuser(t, s.pooler)
		for range 3 {
			for who, c := range map[string]*client{"owner": owner, "other": other} {
				mustContain(t, c.ask(closeStatement("ours"), parse("ours", "SELECT 'of the "+who+"'"), bind("ours", "ours"),
					execute("ours")), "of the "+who)
			}
			mustContain(t, owner.runStatement("ours"), "of the owner")
			mustContain(t, other.runStatement("ours"), "of the other")
			mustContain(t, owner.query("EXECUTE ours"), "of the owner")
			mustContain(t, other.query("EXPLAIN (VERBOSE) EXECUTE ours"), "of the other")
		}
		owner.leave()
		other.leave()
	})
}

func TestLeakOfStatementTexts(t *testing.T) {
	eachSitting(t, func(t *testing.T, s *sitting) {
		const looks = "SELECT name, statement FROM pg_prepared_statements"
		owner, other := superuser(t, s.pooler), superuser(t, s.pooler)
		owner.ask(parse("mine", "SELECT 'a secret'"), bind("", "mine"), execute(""))
		mustNotContain(t, other.query(looks), "DataRow")
		mustContain(t, owner.query(looks), "DataRow", `"mine"`, "a secret") // and keeps its server
		owner.leave()
		mustNotContain(t, other.query(looks), "DataRow")
	})
}

// unfinished is work in the middle of which a client may leave.
var unfinished = map[string][]pgproto3.FrontendMessage{
	"a transaction": {simple("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"), simple("SET work_mem = '7MB'"),
		simple("SELECT pg_current_xact_id_if_assigned()")},
	"a transaction that wrote": {simple("BEGIN"), simple("INSERT INTO leak.triggers SELECT 'SELECT 1'"),
		simple("LOCK leak.triggers"),
		simple("SELECT pg_advisory_xact_lock(46)"), simple("CREATE TEMP TABLE mine ON COMMIT DROP AS SELECT 1 AS n"),
		simple("SAVEPOINT a")},
	"a failed transaction": {simple("BEGIN"), simple("SET LOCAL work_mem = '7MB'"), simple("SET ROLE other"),
		simple("SELECT 1/0")},
	"a cursor": {simple("BEGIN"), simple("DECLARE mine CURSOR FOR SELECT generate_series(1, 9)"),
		simple("FETCH mine")},
	"a portal": {simple("BEGIN"), parse("mine", series), bind("mine", "mine", "9"),
		executeRows("mine", 2), sync_},
	"a batch without its end": {simple("SELECT 1"), parse("mine", series), bind("mine", "mine", "9"),
		executeRows("mine", 2), flush},
	"a batch that failed": {parse("mine", "SELECT 1/0"), bind("mine", "mine"), execute("mine"), flush},
	"a large object": {simple("BEGIN"), simple("SELECT lo_open(lo_create(0), 131072)"),
		simple("SAVEPOINT a")},
	"a COPY": {simple("BEGIN"), simple("COPY leak.triggers FROM STDIN"), copyData("SELECT 1\n")},
	"a COPY by the extended protocol": {parse("", "COPY leak.triggers FROM STDIN"), bind("", ""), execute(""), sync_,
		copyData("SELECT")},
	"many rows": {simple("BEGIN"), simple("SELECT repeat('x', 1000) FROM generate_series(1, 50000)")},
}

// What a client was in the middle of ends with it.
func TestLeakOfUnfinishedWork(t *testing.T) {
	endings := map[string]func(*client){"leaves": (*client).leave, "vanishes": (*client).vanish}
	eachSitting(t, func(t *testing.T, s *sitting) {
		for name, work := range unfinished {
			for ending, end := range endings {
				t.Run(name+"/"+ending, func(t *testing.T) {
					owner, other := superuser(t, s.pooler), superuser(t, s.pooler)
					defer s.after(t, owner, other)
					owner.say(work...)
					if _, err := owner.receive(); err != nil { // so that it is at work when it ends
						t.Fatal(err)
					}
					end(owner)
					s.mustBeFresh(t, "who comes next", <-takePortrait(other))
				})
			}
		}
	})
}

// A seed makes what random draws known in advance: it must not be another's, by whatever road it was set.
func TestLeakOfSeeds(t *testing.T) {
	ways := []leftover{{name: "setseed", leave: []string{"SELECT setseed(0.46)"}},
		{name: "SET SEED", leave: []string{"SET SEED = 0.46"}},
		{name: "set_config", leave: []string{"SELECT set_config('seed', '0.46', false)"}}}
	eachSitting(t, func(t *testing.T, s *sitting) {
		foreseen := s.draws(t, "SELECT setseed(0.46)")
		for _, w := range ways {
			for _, r := range slices.Concat(roads, s.hiddenRoads()) {
				t.Run(w.name+"/"+r.name, func(t *testing.T) {
					if direct() {
						t.Skip("a direct connection shares nothing")
					}
					owner := superuser(t, s.pooler)
					mustNotContain(t, r.travel(owner, w.leave...), "ErrorResponse")
					owner.leave()
					s.awaitClients(0)
					for _, drawn := range s.draws(t, "SELECT 1") {
						if slices.Contains(foreseen, drawn) {
							t.Fatalf("another client draws %s, as was to be foreseen", drawn)
						}
					}
				})
			}
		}
	})
}

// draws is the first random numbers of a client that begins with a statement.
func (s *sitting) draws(t *testing.T, begin string) (numbers []string) {
	c := superuser(t, s.pooler)
	defer c.leave()
	c.query(begin)
	for range 5 {
		numbers = append(numbers, c.value("SELECT random()"))
	}
	return numbers
}
