package sim

import "fmt"

// begins is a batch that begins a transaction.
func (p *program) begins(b *batch) {
	text := "BEGIN /* " + p.tag() + " */"
	if p.splits && p.dice(3) == 0 {
		text = "BEGIN READ ONLY /* " + p.tag() + " */"
	}
	if p.splits && p.dice(12) == 0 {
		text += p.hint()
	}
	if !p.splits || p.dice(3) > 0 {
		b.query(text)
		return
	}
	p.says(b, text)
	if p.dice(3) == 0 { // in one batch with what follows
		p.says(b, p.reading())
	}
	b.sync()
}

// says is extended messages that execute a text.
func (p *program) says(b *batch, text string) {
	b.add('P', "", text, int16(0))
	b.add('B', "", "", int16(0), int16(0), int16(0))
	b.add('E', "", int32(0))
}

// hint is a comment that says where a text is to go.
func (p *program) hint() string {
	return []string{" /* route: primary */", " /* route: replica */"}[p.dice(2)]
}

// reading is a text that reads.
func (p *program) reading() string {
	t := p.tag()
	switch p.dice(12) {
	case 0:
		return fmt.Sprintf("SELECT fail('%s')", t)
	case 1:
		return fmt.Sprintf("SHOW %s /* %s */", p.parameter(), t)
	case 2:
		return fmt.Sprintf("COPY t TO STDOUT /* %s rows=%d */", t, p.dice(20))
	}
	return fmt.Sprintf("SELECT '%s' AS v /* rows=%d */", t, p.dice(4))
}

// writing is a text that writes.
func (p *program) writing() string { return fmt.Sprintf("INSERT INTO t VALUES ('%s')", p.tag()) }

// either is a text that reads, or writes, perhaps with a hint.
func (p *program) either() string {
	text := p.reading()
	if p.dice(6) == 0 {
		text = p.writing()
	}
	if p.dice(10) == 0 {
		text += p.hint()
	}
	return text
}

// split is a batch of reads, and of writes that are read.
func (p *program) split(b *batch) {
	switch p.dice(10) {
	case 0:
		b.query(p.either())
	case 1: // in one transaction
		b.query(p.either() + ";" + p.either())
	case 2: // a write that is read at once, in one pipeline
		b.query(p.writing())
		b.query(p.reading())
		b.query(p.reading())
	case 3, 4: // several units in one pipeline
		for range 1 + p.dice(4) {
			for range 1 + p.dice(2) {
				p.says(b, p.either())
			}
			b.sync()
		}
	case 5:
		p.extended(b)
	case 6: // one after the other, simple and extended
		p.says(b, p.either())
		b.sync()
		b.query(p.either())
	default:
		b.query(p.reading())
	}
}
