package sim

import (
	"fmt"
	"strings"
)

// program invents what a client does: batches of messages, each ended by what makes Postgres say ReadyForQuery.
type program struct {
	c *Client
	// left is how many batches are still to come.
	left int
	tags int
	// statements: no transactions that span messages (pool_mode statement).
	statements bool
	// depth of the transaction the program thinks it is in: it will see to its end.
	inTransaction int
	// moody: it changes its settings all the time. hasty: it leaves before it has its answers.
	moody, hasty bool
	// listens: it is interested in channels.
	listens bool
	// prepares: it is interested in prepared statements, in SQL.
	prepares bool
	// splits: its reads are split from its writes.
	splits bool
	// caches: it reads and writes registers; named is which of its reads it has prepared, noise how often it does something else.
	caches bool
	named  map[int]bool
	noise  float64
	// meeting is its only purpose, if it has one.
	meeting *meeting
}

// batch is messages, and how many ReadyForQuery they bring.
type batch struct {
	frames []message
	readys int
	// pause is the index of a message before which the client waits for answers: after a Flush.
	pause int
}

func (b *batch) add(typ byte, parts ...any) {
	m := build(nil, typ, parts...)
	b.frames = append(b.frames, message{typ, m[5:]})
}

func (b *batch) query(text string) {
	b.add('Q', text)
	b.readys++
}

func (b *batch) sync() {
	b.add('S')
	b.readys++
}

func (p *program) tag() string {
	p.tags++
	return "@" + tagName(p.c.id, p.tags) + "@"
}

func (p *program) dice(n int) int { return p.c.w.random.IntN(n) }

// next is the next batch; nil at the end.
func (p *program) next() *batch {
	if p.meeting != nil {
		return p.meeting.attend(p)
	}
	b := &batch{pause: -1}
	if p.left--; p.left < 0 {
		if p.inTransaction == 0 {
			return nil
		}
		p.inTransaction = 0
		b.query("ROLLBACK /* " + p.tag() + " */")
		return b
	}
	if p.inTransaction > 0 {
		if p.inTransaction--; p.inTransaction == 0 {
			b.query([]string{"COMMIT", "COMMIT", "ROLLBACK"}[p.dice(3)] + " /* " + p.tag() + " */")
			return b
		}
		if p.dice(6) == 0 {
			b.query([]string{"SAVEPOINT a", "ROLLBACK TO a"}[p.dice(2)] + " /* " + p.tag() + " */")
			return b
		}
	} else if !p.statements && p.dice(5) == 0 {
		p.inTransaction = 1 + p.dice(4)
		p.begins(b)
		return b
	}
	if p.splits && p.dice(4) > 0 && !(p.caches && p.dice(4) > 0) {
		p.split(b)
		return b
	}
	if p.caches && !p.c.w.Chance(p.noise) {
		p.cached(b)
		return b
	}
	if p.listens && p.dice(3) > 0 {
		p.channels(b)
		return b
	}
	if p.prepares && p.dice(3) > 0 {
		p.preparing(b)
		return b
	}
	if p.moody && p.dice(2) == 0 {
		p.sets(b)
		return b
	}
	switch n := p.dice(100); {
	case n < 35:
		b.query(p.simple())
	case n < 85:
		p.extended(b)
	case n < 90:
		p.copyIn(b)
	case n < 93:
		b.query(fmt.Sprintf("COPY t TO STDOUT /* %s rows=%d size=%d */", p.tag(), p.dice(50), p.dice(500)))
	case n < 96 && !p.moody:
		b.query(p.prepared())
	default:
		b.query(p.session())
	}
	return b
}

// simple is a text for a simple Query that leaves nothing behind.
func (p *program) simple() string {
	switch p.dice(15) {
	case 0:
		return "SELECT fail('" + p.tag() + "')"
	case 1:
		return "SELEKT '" + p.tag() + "'"
	case 2:
		return "  /* " + p.tag() + " */ " // empty
	case 3:
		return fmt.Sprintf("SELECT '%s' AS v; SELECT '%s' AS v /* rows=3 */", p.tag(), p.tag())
	case 4:
		return fmt.Sprintf("INSERT INTO t VALUES ('%s'); SELECT fail('%s'); SELECT '%s' AS v", p.tag(), p.tag(), p.tag())
	case 5:
		return "SELECT notice('" + p.tag() + "')"
	case 6:
		return fmt.Sprintf("SELECT pg_sleep(0.0%02d), '%s' AS v", p.dice(20), p.tag())
	case 7: // larger than any buffer on the way
		return fmt.Sprintf("SELECT '%s' AS v /* rows=%d size=%d */", p.tag(), p.dice(400), p.dice(1000))
	case 8: // a long query
		return fmt.Sprintf("SELECT '%s' AS v /* %s */", p.tag(), strings.Repeat("y", p.dice(30_000)))
	case 9:
		return "SELECT lastval() /* " + p.tag() + " */"
	case 10, 11:
		return fmt.Sprintf("INSERT INTO t VALUES ('%s')", p.tag())
	}
	return fmt.Sprintf("SELECT '%s' AS v /* rows=%d */", p.tag(), p.dice(4))
}

// prepared is SQL about prepared statements.
func (p *program) prepared() string {
	name := p.name()
	switch p.dice(4) {
	case 0:
		return fmt.Sprintf("PREPARE %s AS SELECT $1 AS v /* %s */", name, p.tag())
	case 1:
		return fmt.Sprintf("EXECUTE %s('%s')", name, p.tag())
	case 2:
		return fmt.Sprintf("DEALLOCATE %s /* %s */", name, p.tag())
	}
	return fmt.Sprintf("DEALLOCATE ALL /* %s */", p.tag())
}

// name is one of the few names this client gives to statements, by the protocol and in SQL; other clients use the same.
func (p *program) name() string { return fmt.Sprintf("s%d", p.dice(4)) }

// shared is a text that other clients prepare as well.
func (p *program) shared() string {
	if p.dice(3) == 0 {
		return "INSERT INTO t VALUES ($1)"
	}
	return fmt.Sprintf("SELECT $1 AS v /* rows=%d size=%d */", p.dice(6), []int{0, 0, 300}[p.dice(3)])
}

// extended is a pipeline of extended messages.
func (p *program) extended(b *batch) {
	for range 1 + p.dice(4) {
		p.piece(b)
		if p.dice(8) == 0 {
			b.sync()
		}
		if p.dice(10) == 0 && b.pause < 0 {
			b.add('H')
			b.pause = len(b.frames)
		}
	}
	b.sync()
}

// piece is a few messages that belong together.
func (p *program) piece(b *batch) {
	name := p.name()
	switch p.dice(12) {
	case 0, 1, 2: // all at once, unnamed
		b.add('P', "", p.shared(), int16(0))
		p.bind(b, "", "")
		b.add('D', byte('P'), "")
		b.add('E', "", int32(0))
	case 3, 4: // prepare once
		b.add('P', name, p.shared(), int16(0))
		if p.dice(2) == 0 {
			b.add('D', byte('S'), name)
		}
	case 5, 6, 7: // execute many times
		p.bind(b, "", p.name())
		b.add('E', "", int32(0))
	case 8: // by portions, through a portal with a name
		portal := fmt.Sprintf("p%d", p.dice(2))
		p.bind(b, portal, name)
		b.add('E', portal, int32(2))
		b.add('E', portal, int32(2))
		b.add('C', byte('P'), portal)
	case 9:
		b.add('C', byte('S'), name)
	case 10: // what an earlier batch left as the unnamed statement, if it did
		p.bind(b, "", "")
		b.add('E', "", int32(0))
	default: // a text of its own
		text := []string{"SELECT fail('%s')", "SELEKT '%s'", "SELECT pg_sleep(0.003), '%s' AS v", "SELECT '%s' AS v /* rows=200 size=300 */",
			"SELECT notice('%s')", "INSERT INTO t VALUES ('%s')"}[p.dice(6)]
		b.add('P', "", fmt.Sprintf(text, p.tag()), int16(0))
		b.add('B', "", "", int16(0), int16(0), int16(0))
		b.add('E', "", int32(0))
	}
}

// bind binds one text parameter: a tag.
func (p *program) bind(b *batch, portal, statement string) {
	t := p.tag()
	b.add('B', portal, statement, int16(0), int16(1), int32(len(t)), []byte(t), int16(0))
}

// copyIn is a COPY FROM STDIN, with its data.
func (p *program) copyIn(b *batch) {
	text := "COPY t FROM STDIN /* " + p.tag() + " */"
	extended := p.dice(2) == 0
	if extended {
		b.add('P', "", text, int16(0))
		b.add('B', "", "", int16(0), int16(0), int16(0))
		b.add('E', "", int32(0))
	} else {
		b.query(text)
	}
	for range p.dice(20) {
		row := strings.Repeat("data ", p.dice(200))
		if p.dice(40) == 0 {
			row = "bad row"
		}
		b.add('d', []byte(row))
	}
	if p.dice(6) == 0 {
		b.add('f', "the client has changed its mind")
	} else {
		b.add('c')
	}
	if extended {
		b.sync()
	}
}
