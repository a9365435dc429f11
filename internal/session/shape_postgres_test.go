package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgtest"
	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// TestShapesAreHeldToAsByOnePostgres: two clients prepare, describe and execute, while they change the tables of what they
// have prepared, and each is on another server after every transaction. They receive what they would from connections of
// their own to a database of their own, where the same is done at the same time: the same rows, and the same refusals.
func TestShapesAreHeldToAsByOnePostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Postgres")
	}
	for _, version := range []int{15, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			server := pgtest.Start(t, pgtest.Options{Version: version, Roles: []pgtest.Role{{Name: "alice"}}, Databases: []string{"app", "twin"}})
			address := fmt.Sprintf("%s:%d", server.Host, server.Port)
			for seed := uint64(1); seed <= 20; seed++ {
				inStep(t, address, seed)
			}
		})
	}
}

// inStep has two clients say the same through three servers and, each by itself, to the twin of their database.
func inStep(t *testing.T, address string, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	begin := `Query "drop table if exists a, b; create table a as select 1 as one; create table b as select 'x' as x"`
	say(t, address, stepsOf(t, []string{begin})[0].bytes, 1)
	twin := loginTo(t, address, "twin")
	until(t, twin, stepsOf(t, []string{begin})[0].bytes, 1)
	twin.Close()

	w := newWorld()
	for i := range 3 {
		s := w.addServer(fmt.Sprint(i + 1))
		s.conn = login(t, address)
		s.MaxPrepared = 2 + r.IntN(3)
		defer s.conn.Close()
	}
	var twins []net.Conn
	for i := range 2 {
		w.addClient(string(rune('a' + i)))
		twins = append(twins, loginTo(t, address, "twin"))
		defer twins[i].Close()
	}
	var said []string
	talk := shapeTalk{Rand: r}
	for range 80 {
		i := r.IntN(2)
		for j, c := range w.clients {
			if c.server != nil {
				i = j // in a transaction: the other would wait for its locks
			}
		}
		c := w.clients[i]
		line := talk.line(i, c.server != nil)
		said = append(said, c.name+": "+line)
		s := stepsOf(t, []string{line})[0]
		want := until(t, twins[i], s.bytes, s.ready)
		if c.server == nil {
			c.prefers = w.resting(r)
		}
		c.received = nil
		w.clientSays(c, s.bytes)
		w.pump(t, c, readies(want))
		if got := c.received; !bytes.Equal(wherever(got), wherever(want)) {
			p := &printer{names: map[string]string{}}
			t.Fatalf("seed %d:\n%s\nclient %s receives\n%s\n%q\nand not\n%s\n%q\n%v", seed, strings.Join(said, "\n"), c.name,
				p.messages(got, true), got, p.messages(want, true), want, w.events)
		}
		if err := w.check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// shapeTalk is what clients say who look at tables that change.
type shapeTalk struct {
	*rand.Rand
	// prepared is the names that each client has.
	prepared [2]map[string]bool
	columns  int
}

var reads = []string{"select * from a", "select * from b", "select one from a", "insert into a (one) values (2) returning *", "select count(*) from a"}

// line is one thing that client i says, in a transaction or not.
func (g *shapeTalk) line(i int, inside bool) string {
	if g.prepared[i] == nil {
		g.prepared[i] = map[string]bool{}
	}
	name := fmt.Sprint("s", g.IntN(len(reads)))
	prepare := func() string {
		g.prepared[i][name] = true
		return fmt.Sprintf("Parse %s %q; Describe S %s", name, reads[name[1]-'0'], name)
	}
	switch n := g.IntN(20); {
	case n == 0 && !inside:
		return "Query begin"
	case n < 5 && inside:
		return []string{"Query commit", "Query rollback"}[g.IntN(2)]
	case n == 5:
		g.columns++
		return fmt.Sprintf(`Query "alter table a add c%d int"`, g.columns)
	case n == 6:
		return fmt.Sprintf(`Query "alter table b alter x type %s using null"`, []string{"int", "text", "varchar(9)", "text"}[g.IntN(4)])
	case n == 7:
		return `Query "drop table a; create table a as select 1 as one"`
	case n == 8:
		g.columns++
		return fmt.Sprintf(`Parse "" "alter table a add c%d text"; Bind "" ""; Execute ""; Sync`, g.columns)
	case !g.prepared[i][name]:
		return prepare() + "; Sync"
	case n == 9:
		delete(g.prepared[i], name)
		return "Close S " + name + "; Sync"
	case n == 10:
		line := "Close S " + name + "; "
		return line + prepare() + `; Bind "" ` + name + `; Execute ""; Sync`
	case n == 12:
		return `Parse "" "select * from a"; Describe S ""; Sync`
	case n == 13:
		return `Bind "" ` + name + `; Execute ""; Bind "" ` + name + `; Describe P ""; Execute ""; Sync; Bind "" ` + name + `; Execute ""; Sync`
	}
	return `Bind "" ` + name + `; Execute ""; Sync`
}

// wherever leaves out what differs from one database to its twin, and from one version of Postgres to the next: the tables
// that columns come from, and the line of the source that an error comes from; of a transaction that has failed, which message
// finds that.
func wherever(b []byte) (out []byte) {
	for len(b) > 0 {
		m := bytes.Clone(b[:pgwire.FrameLen(b)])
		b = b[len(m):]
		switch m[0] {
		case pgwire.RowDescription:
			rest := m[pgwire.HeaderLen+2:]
			for len(rest) > 0 {
				_, fields, _ := pgwire.CString(rest)
				binary.BigEndian.PutUint32(fields, 0)
				rest = fields[18:]
			}
		case pgwire.ErrorResponse:
			if string(pgwire.ErrorField(m, 'C')) == "25P02" {
				m = pgwire.AppendError(nil, "ERROR", "25P02", "", "", "")
			}
			if line := pgwire.ErrorField(m, 'L'); line != nil {
				m = framed(bytes.Replace(m, fmt.Appendf(nil, "\x00L%s\x00", line), []byte{0}, 1))
			}
		}
		out = append(out, m...)
	}
	return alike(out)
}
