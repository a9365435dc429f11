package sim

import "fmt"

// cachedReads are the texts that clients read registers with: few, so that they ask for the same.
var cachedReads = []string{"SELECT v FROM r0", "SELECT v FROM r1", "SELECT v FROM r2", "SELECT v FROM r3", "SELECT v FROM w0",
	"SELECT v FROM r0, r1", "SELECT v FROM r1, r2, r3", "SELECT v FROM r0 WHERE k = 'a'", "SELECT v FROM r0 WHERE k = 'b'",
	"SELECT v FROM r3 WHERE k = $1", "SELECT v FROM w0 WHERE k = $1"}

// withoutParameters is how many of them have none: they come first.
const withoutParameters = 9

func (p *program) register() string { return fmt.Sprintf("r%d", p.dice(4)) }

// storing is a text that writes.
func (p *program) storing() string {
	if p.c.w.Chance(p.noise / 4) {
		return fmt.Sprintf([]string{"ALTER TABLE %s ADD c int /* %s */", "SELECT bumps(%s, '%s')"}[p.dice(2)], p.register(), p.tag())
	}
	if p.dice(10) == 0 {
		return fmt.Sprintf("SELECT raises(r1, '%s')", p.tag())
	}
	return fmt.Sprintf("UPDATE %s SET v = '%s'", p.register(), p.tag())
}

// lookup is a text that reads, without parameters.
func (p *program) lookup() string { return cachedReads[p.popular(withoutParameters)] }

// popular is one of the first n texts; the first ones more often than the others.
func (p *program) popular(n int) int { return p.dice(1 + p.dice(n)) }

// cached is a batch that reads registers, or writes to them.
func (p *program) cached(b *batch) {
	if p.inTransaction > 0 && p.dice(2) == 0 {
		b.query(p.lookup()) // by itself: what is answered before anything else is said may come from the cache
		return
	}
	switch n := p.dice(40); {
	case n < 18:
		b.query(p.lookup())
	case n < 28:
		p.looksUp(b)
		b.sync()
	case n < 32:
		p.looksUpByName(b)
	case n < 34: // several at once
		for range 1 + p.dice(3) {
			b.query(p.lookup())
			p.looksUp(b)
			b.sync()
		}
	case n < 35: // in one transaction
		b.query(p.storing() + ";" + p.storing() + ";" + p.lookup())
	case n < 36 && !p.statements:
		p.pair(b)
	case n < 37: // a write that is read at once, in one pipeline
		b.query(p.storing())
		b.query(p.lookup())
		b.query(p.lookup())
	case n < 38:
		p.stores(b)
		b.sync()
	case n < 39: // a write ahead of a read in one unit
		p.stores(b)
		p.looksUp(b)
		b.sync()
	default:
		b.query(p.storing())
	}
}

// pair is a transaction that writes to two registers, in one pipeline, and may come to nothing.
func (p *program) pair(b *batch) {
	if p.inTransaction > 0 {
		b.query(p.storing())
		return
	}
	b.query("BEGIN /* " + p.tag() + " */")
	b.query(p.storing())
	b.query(p.lookup())
	b.query(fmt.Sprintf("UPDATE %s SET v = '%s'", p.register(), p.tag()))
	b.query([]string{"COMMIT", "COMMIT", "ROLLBACK"}[p.dice(3)] + " /* " + p.tag() + " */")
}

// stores is extended messages that write.
func (p *program) stores(b *batch) {
	switch p.dice(4) {
	case 0, 1:
		p.says(b, p.storing())
		return
	case 2:
		p.storesByName(b)
		return
	}
	b.add('P', "", fmt.Sprintf("UPDATE %s SET v = $1", p.register()), int16(0))
	p.bind(b, "", "")
	b.add('E', "", int32(0))
}

// storesByName writes by a prepared statement, or prepares it.
func (p *program) storesByName(b *batch) {
	n := p.dice(4)
	name, key := fmt.Sprintf("u%d", n), len(cachedReads)+n
	if !p.named[key] || p.dice(10) == 0 {
		b.add('P', name, fmt.Sprintf("UPDATE r%d SET v = $1", n), int16(0))
		if p.dice(2) == 0 {
			b.sync()
		}
		p.named[key] = true
	}
	p.bind(b, "", name)
	b.add('E', "", int32(0))
}

// looksUp is extended messages that read, unnamed.
func (p *program) looksUp(b *batch) {
	n := p.popular(len(cachedReads))
	b.add('P', "", cachedReads[n], int16(0))
	p.executes(b, "", n, p.dice(2) == 0)
}

// looksUpByName reads by a prepared statement, prepares it, or asks what it returns. Other clients, and this one, may know nothing of
// its name.
func (p *program) looksUpByName(b *batch) {
	n := p.popular(len(cachedReads))
	name := fmt.Sprintf("q%d", n)
	if !p.named[n] || p.dice(10) == 0 {
		b.add('P', name, cachedReads[n], int16(0))
		b.sync()
		p.named[n] = true
	}
	if p.dice(4) == 0 {
		b.add('D', byte('S'), name)
		b.sync()
	}
	p.executes(b, name, n, p.dice(2) == 0)
	b.sync()
}

// executes is what follows the Parse of a text.
func (p *program) executes(b *batch, name string, n int, describes bool) {
	if n < withoutParameters {
		b.add('B', "", name, int16(0), int16(0), int16(0))
	} else {
		b.add('B', "", name, int16(0), int16(1), int32(1), []byte{"ab"[p.dice(2)]}, int16(0))
	}
	if describes {
		b.add('D', byte('P'), "")
	}
	b.add('E', "", int32(0))
}
