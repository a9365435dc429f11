package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

// processes is two processes of one fleet with one Postgres, whose clients read and write at random. Whatever can happen next may: a turn of a
// loop, an answer of a server, a place of the log that is read, an answer of the store. A read gives at least what had been acknowledged, when it
// was asked, to a client of its process, or read in the log by that.
type processes struct {
	t       *testing.T
	random  *rand.Rand
	rigs    [2]*cacheRig
	fleets  [2]*rigFleet
	clients []*processClient
	// known is what a process must not go back behind, by table.
	known [2]map[string]int
	// writing is the tables of which a write is under way: one at a time, so that it is known which was acknowledged.
	writing map[string]bool
	// away: a process is out of touch, and its log is not read.
	away  [2]bool
	stale string
	reads int
}

// processClient is a client, and what it waits for.
type processClient struct {
	*rigSocket
	at      int // its process
	text    string
	from    int // of what it has received
	atLeast int
	queries int
}

var processTexts = []string{"select from a", "select from b", "select from v", "select from a where n = 1", "insert into a", "insert into b"}

// newProcesses begins it.
func newProcesses(t *testing.T, seed uint64) *processes {
	ps := &processes{t: t, random: rand.New(rand.NewPCG(seed, 6)), writing: map[string]bool{}}
	st := newRigStore()
	for i := range ps.rigs {
		w := newCacheRig(t, 1+int(seed%2), sharedCachePool(2))
		w.quiet = true
		w.knows(processTexts...)
		if ps.rigs[i] = w; i > 0 {
			w.writes = ps.rigs[0].writes
		}
		ps.known[i] = map[string]int{}
		ps.fleets[i] = st.joins(w)
		for n := range 3 {
			c := &processClient{rigSocket: w.client(fmt.Sprint(i, "-", n)), at: i}
			w.says(c.rigSocket, processTexts[0])
			ps.clients = append(ps.clients, c)
		}
	}
	for i, f := range ps.fleets {
		f.holds = true
		f.reads()
		ps.notes(i)
	}
	return ps
}

// run does so many things.
func (ps *processes) run(steps int) {
	for range steps {
		i := ps.random.IntN(2)
		w, f := ps.rigs[i], ps.fleets[i]
		switch n := ps.random.IntN(100); {
		case n < 25:
			ps.asks(ps.clients[ps.random.IntN(len(ps.clients))])
		case n < 55:
			w.loops[ps.random.IntN(len(w.loops))].turn()
		case n < 75:
			ps.serves(w)
		case n < 88 && !ps.away[i]:
			f.next()
			ps.notes(i)
		case n < 97:
			f.answer()
		case n < 98:
			w.now += int64(ps.random.IntN(int(60 * time.Millisecond)))
		case n == 98 && ps.random.IntN(4) == 0:
			ps.moves(i)
		}
		if ps.answered(); ps.stale != "" {
			return
		}
	}
}

// serves has one server answer one message, or what was dialed.
func (ps *processes) serves(w *cacheRig) {
	w.answerDials()
	if len(w.servers) > 0 {
		w.servers[ps.random.IntN(len(w.servers))].serve()
	}
}

// moves has a process lose touch, or find it again.
func (ps *processes) moves(i int) {
	w, f := ps.rigs[i], ps.fleets[i]
	if ps.away[i] = !ps.away[i]; ps.away[i] {
		w.e.Shares("app", "db", nil)
		return
	}
	for f.next() {
	}
	ps.notes(i)
	w.e.Shares("app", "db", f)
}

// notes notes what a process knows from the log.
func (ps *processes) notes(i int) {
	for table, n := range ps.fleets[i].known {
		ps.known[i][table] = max(ps.known[i][table], n)
	}
}

// asks has a client that waits for nothing say something.
func (ps *processes) asks(c *processClient) {
	if c.text != "" || c.gone {
		return
	}
	text := processTexts[ps.random.IntN(len(processTexts))]
	if ps.random.IntN(3) > 0 {
		text = processTexts[ps.random.IntN(4)]
	}
	if strings.HasPrefix(text, "insert") {
		if ps.writing[table(text)] {
			return
		}
		ps.writing[table(text)] = true
	}
	c.text, c.from, c.atLeast = text, len(c.received), ps.known[c.at][table(text)]
	c.in = append(c.in, clientSays("Query: "+text)...)
	c.queries++
}

// answered looks at what clients have been told.
func (ps *processes) answered() {
	for _, c := range ps.clients {
		answer := c.received[min(c.from, len(c.received)):]
		if c.text == "" || !ready(answer) {
			continue
		}
		name := table(c.text)
		if strings.HasPrefix(c.text, "insert") {
			ps.writing[name] = false
			ps.known[c.at][name] = max(ps.known[c.at][name], ps.rigs[c.at].writes[name])
		} else if row, ok := rowOf(answer); ok {
			ps.reads++
			if n := strings.Count(row, "!"); n < c.atLeast || n > ps.rigs[c.at].writes[name] {
				ps.stale = fmt.Sprintf("%s asks %q of process %d and is told %q, though %d writes were known", c.name, c.text, c.at, row, c.atLeast)
			}
		}
		c.text = ""
	}
}

// rowOf is the value of the first row of an answer.
func rowOf(b []byte) (string, bool) {
	for ; len(b) > 0; b = b[pgwire.FrameLen(b):] {
		if b[0] == pgwire.DataRow {
			return string(b[pgwire.HeaderLen+6 : pgwire.FrameLen(b)]), true
		}
	}
	return "", false
}

// fetched is how many replies came from the other process.
func (ps *processes) fetched() (n uint64) {
	for _, w := range ps.rigs {
		n += w.e.CacheStatus()[0].Fetched
	}
	return n
}

// Whatever two processes do, in any order, nobody is told what is older than what his process knows; and each serves what the other has asked.
func TestTwoProcesses(t *testing.T) {
	seeds, reads, fetched := uint64(150), 0, uint64(0)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		ps := newProcesses(t, seed)
		ps.run(2500)
		if ps.stale != "" {
			t.Fatalf("seed %d: %s", seed, ps.stale)
		}
		reads, fetched = reads+ps.reads, fetched+ps.fetched()
	}
	if t.Logf("%d reads, %d of another process", reads, fetched); fetched < seeds || reads < 60*int(seeds) {
		t.Errorf("%d reads, of which %d replies were another process's: too few", reads, fetched)
	}
}

// That would be found out, if one process did not say what it hears of the other, or took what is older than what it has read.
func TestTwoProcessesThatAreFaulty(t *testing.T) {
	for name, breaks := range map[string]func(f *rigFleet){
		"what is heard is forgotten":  func(f *rigFleet) { f.forgets = true },
		"any reply is taken":          func(f *rigFleet) { f.takesAll = true },
		"replies are of a later time": func(f *rigFleet) { f.lies = true },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(100) {
				ps := newProcesses(t, seed)
				breaks(ps.fleets[0])
				breaks(ps.fleets[1])
				if ps.run(2500); ps.stale != "" {
					return
				}
			}
			t.Error("nobody has noticed")
		})
	}
}
