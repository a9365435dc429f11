package session

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
)

var (
	seedFlag = flag.Uint64("seed", 0, "the seed of TestRandomPrograms; 0: many")
	programs = flag.Int("programs", 3000, "how many random programs TestRandomPrograms runs")
)

// program is what one client says, step by step, and what Postgres answers when it is said directly.
type program struct {
	steps []step
	want  []byte
}

// step is some messages. The client sends them when it has received so many ReadyForQuery; they bring so many more.
type step struct {
	text  string
	bytes []byte
	after int
	ready int
}

// TestRandomPrograms: several clients share two servers; each receives, byte for byte, what it would have received from
// a Postgres of its own.
func TestRandomPrograms(t *testing.T) {
	if *seedFlag != 0 {
		if err := runRandom(*seedFlag); err != nil {
			t.Fatal(err)
		}
		return
	}
	for seed := uint64(1); seed <= uint64(*programs); seed++ {
		if err := runRandom(seed); err != nil {
			t.Fatalf("-seed %d: %v", seed, err)
		}
	}
}

func runRandom(seed uint64) (err error) {
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld()
	for i := range 2 {
		w.addServer(fmt.Sprint(i + 1)).MaxPrepared = 1 + r.IntN(5)
	}
	var all []*program
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v\n%s", p, describe(all))
		}
	}()
	for i := range 1 + r.IntN(4) {
		w.addClient(string(rune('a' + i))).Defers = seed%2 == 1 // it must make no difference
		all = append(all, randomProgram(r))
	}
	if err := w.play(r, all); err != nil {
		return fmt.Errorf("%w\n%s", err, describe(all))
	}
	return nil
}

func describe(all []*program) string {
	var b strings.Builder
	for i, p := range all {
		for _, s := range p.steps {
			fmt.Fprintf(&b, "%c [after %d]: %s\n", 'a'+i, s.after, s.text)
		}
	}
	return b.String()
}

// play lets everybody do a little in random order, in random pieces, until all is said and answered.
func (w *world) play(r *rand.Rand, all []*program) error {
	type progress struct{ step, at int }
	at := make([]progress, len(all))
	p := &printer{names: map[string]string{}}
	idle := 0
	for idle < 200 {
		idle++
		if r.IntN(2) == 0 {
			i := r.IntN(len(all))
			c, now := w.clients[i], &at[i]
			if now.step == len(all[i].steps) {
				if c.server != nil && c.server.Pins != 0 && c.server.Releasable() {
					w.turn(func() { w.leave(c) }) // others may wait for the server that it has pinned
				}
				continue
			}
			s := all[i].steps[now.step]
			if readies(c.all) < s.after {
				continue
			}
			n := 1 + r.IntN(len(s.bytes)-now.at)
			if r.IntN(2) == 0 {
				n = len(s.bytes) - now.at
			}
			w.clientSays(c, s.bytes[now.at:now.at+n])
			if now.at += n; now.at == len(s.bytes) {
				now.step, now.at = now.step+1, 0
			}
			idle = 0
		} else {
			s := w.servers[r.IntN(len(w.servers))]
			if s.pg.answer(1+r.IntN(4)) > 0 {
				idle = 0
			}
			if len(s.pg.out) > 0 {
				n := 1 + r.IntN(len(s.pg.out))
				piece := s.pg.out[:n:n]
				s.pg.out = s.pg.out[n:]
				w.serverSays(s, piece)
				idle = 0
			}
		}
		if err := w.check(); err != nil {
			return err
		}
		for _, e := range w.events {
			if strings.Contains(e, "broke") || strings.Contains(e, "closed") {
				return fmt.Errorf("%v", w.events)
			}
		}
	}
	for i, c := range w.clients {
		if !bytes.Equal(anyFault(c.all), anyFault(all[i].want)) {
			return fmt.Errorf("client %s received\n%s\nand not\n%s", c.name, p.messages(c.all, true), p.messages(all[i].want, true))
		}
		if at[i].step < len(all[i].steps) {
			return fmt.Errorf("client %s is stuck", c.name)
		}
	}
	for _, c := range w.clients {
		if !c.gone {
			w.turn(func() { w.leave(c) })
		}
	}
	for range 50 {
		for _, s := range w.servers {
			s.pg.answer(-1)
			w.serverSays(s, s.pg.taken())
		}
	}
	for _, s := range w.servers {
		if s.state != "idle" && !s.Unsure() {
			return fmt.Errorf("server %s is %s at the end", s.name, s.state)
		}
		w.turn(func() { s.Drop(w.env) })
	}
	if n, m := w.env.Names.Len(), w.env.Statements.Len(); n != 0 || m != 0 {
		return fmt.Errorf("%d names and %d references to statements are left", n, m)
	}
	return nil
}

// anyFault makes all errors within a failed transaction equal. Which of several faults of a Bind is told there may
// differ: its statement may have to be prepared first, which the failed transaction does not allow.
func anyFault(b []byte) (out []byte) {
	failed := false
	for len(b) > 0 {
		n := pgwire.FrameLen(b)
		switch m := b[:n]; {
		case m[0] == pgwire.ErrorResponse && failed:
			out = append(out, "fault"...)
		default:
			failed = m[0] == pgwire.ReadyForQuery && m[n-1] == pgwire.StatusFailed || failed && m[0] != pgwire.ReadyForQuery
			out = append(out, m...)
		}
		b = b[n:]
	}
	return out
}

// readies counts the ReadyForQuery in b.
func readies(b []byte) (n int) {
	for len(b) >= pgwire.HeaderLen && pgwire.FrameLen(b) <= len(b) {
		if b[0] == pgwire.ReadyForQuery {
			n++
		}
		b = b[pgwire.FrameLen(b):]
	}
	return n
}

// generator makes a program for one client; a Postgres of its own tells what comes of it.
type generator struct {
	*rand.Rand
	pg   *postgres
	out  *program
	line []string
	b    []byte
}

func randomProgram(r *rand.Rand) *program {
	g := &generator{Rand: r, pg: newPostgres(), out: &program{}}
	after := 0
	for range 1 + r.IntN(12) {
		g.batch()
		g.pg.receive(g.b)
		g.pg.answer(-1)
		answer := g.pg.taken()
		g.out.steps = append(g.out.steps, step{strings.Join(g.line, "; "), g.b, after, readies(answer)})
		g.out.want = append(g.out.want, answer...)
		g.line, g.b = nil, nil
		// Most clients wait for their answers. In a failed transaction all do: see parseNamed for what is different else.
		if g.IntN(3) > 0 || g.pg.status != 'I' {
			after = readies(g.out.want)
		}
	}
	if g.pg.status != 'I' {
		g.say("Query", "rollback")
		g.pg.receive(g.b)
		g.pg.answer(-1)
		answer := g.pg.taken()
		g.out.steps = append(g.out.steps, step{strings.Join(g.line, "; "), g.b, after, readies(answer)})
		g.out.want = append(g.out.want, answer...)
	}
	return g.out
}

func (g *generator) say(words ...string) {
	m, err := clientMessage(words)
	if err != nil {
		panic(err)
	}
	for i, w := range words {
		words[i] = (&printer{}).quote(w)
	}
	g.line = append(g.line, strings.Join(words, " "))
	g.b = append(g.b, m...)
}

func (g *generator) name() string { return []string{"s1", "s2", "s3", "s4"}[g.IntN(4)] }

// outer is the name of a statement that names others. None of these is named in SQL, or it could name itself.
func (g *generator) outer() string { return []string{"o1", "o2"}[g.IntN(2)] }

// text is a statement. What may fail in an open transaction does so seldom.
func (g *generator) text() string {
	switch g.IntN(14) {
	case 0:
		return "select 1/(0*random())" // not 1/0, which Postgres finds when it plans
	case 1:
		return "select generate_series(1,3)"
	case 2:
		return "begin"
	case 3:
		return "commit"
	case 4:
		return "rollback"
	case 5:
		return "selec"
	case 6:
		return ""
	case 7:
		return "copy (select 1) to stdout"
	}
	return fmt.Sprintf("select '%d'", g.IntN(5))
}

// aboutNames is a statement of SQL that gives, uses or takes a name, or one that fails among those.
func (g *generator) aboutNames() string {
	switch g.IntN(12) {
	case 0, 1, 2:
		return fmt.Sprintf("prepare %s as select '%d'", g.name(), g.IntN(3))
	case 3:
		return fmt.Sprintf("prepare %s(text) as select $1", g.name())
	case 4:
		return fmt.Sprintf("prepare %s as select %s", g.name(), []string{"nope", "generate_series(1,3)", "1/(0*random())"}[g.IntN(3)])
	case 5, 6:
		return "execute " + g.name()
	case 7:
		return fmt.Sprintf("execute %s(%s)", g.name(), []string{"'v'", "'v'", "nope"}[g.IntN(3)])
	case 8, 9:
		return "deallocate " + g.name()
	case 10:
		return []string{"deallocate all", "selec", "select 1/(0*random())", "select name from pg_prepared_statements order by 1"}[g.IntN(4)]
	}
	return "select 'between'"
}

// batch is one Query, or one batch of extended messages with its Sync, or a COPY.
func (g *generator) batch() {
	kind := g.IntN(15)
	if g.pg.status == pgwire.StatusFailed {
		kind = []int{0, 0, 12}[g.IntN(3)] // a statement that the server lacks cannot be prepared there; see the transcripts
	}
	switch kind {
	case 0, 1:
		g.say("Query", g.text())
	case 2:
		g.say("Query", "deallocate "+g.name())
	case 3:
		g.say("Query", []string{"deallocate all", "discard all", "execute " + g.name()}[g.IntN(3)])
	case 4:
		g.say("Query", "copy t from stdin")
		g.copyData()
	case 5:
		g.say("Parse", "", "copy t from stdin")
		g.say("Bind", "", "")
		g.say("Execute", "")
		if g.IntN(2) == 0 {
			g.say("Sync")
		}
		g.copyData()
		g.say("Sync")
	case 6:
		g.say("FunctionCall", "1299")
	case 12, 13:
		g.say("Query", g.aboutNames())
	case 14:
		var all []string
		for range 2 + g.IntN(4) {
			all = append(all, g.aboutNames())
		}
		g.say("Query", strings.Join(all, []string{";", " ; ", ";;"}[g.IntN(3)]))
	default:
		for range 1 + g.IntN(6) {
			g.extended()
		}
		if g.IntN(4) == 0 {
			g.say("Flush")
		}
		g.say("Sync")
	}
}

func (g *generator) copyData() {
	for range g.IntN(3) {
		g.say("CopyData", []string{"1\n", "2\n", "3\n", "bad\n"}[g.IntN(4)])
	}
	if g.IntN(3) == 0 {
		g.say("CopyFail", "no")
		return
	}
	g.say("CopyDone")
}

func (g *generator) extended() {
	switch g.IntN(12) {
	case 11:
		g.say("Bind", "", g.outer())
		g.say("Execute", "")
	case 9:
		g.say("Parse", "", g.aboutNames())
		g.say("Bind", "", "")
		g.say("Execute", "")
	case 10:
		name := g.outer()
		g.say("Parse", name, g.aboutNames())
		g.say("Bind", "", name)
		g.say("Execute", "")
	case 0, 1:
		g.say("Parse", g.name(), g.text())
	case 2:
		name := g.name()
		g.say("Parse", name, "select $1::text", "25")
		g.say("Bind", "", name, fmt.Sprint(g.IntN(9)))
		g.say("Execute", "")
	case 3:
		g.say("Close", "S", g.name())
	case 4:
		g.say("Describe", "S", g.name())
	case 5:
		g.say("Parse", "", g.text())
		g.say("Bind", "", "")
		g.say("Describe", "P", "")
		g.say("Execute", "", fmt.Sprint(g.IntN(3)))
	case 6:
		g.say("Flush")
	default:
		g.say("Bind", "p", g.name())
		g.say("Execute", "p", fmt.Sprint(g.IntN(3)))
		g.say("Close", "P", "p")
	}
}
