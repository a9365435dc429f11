package sim

import "fmt"

// aboutStatements is SQL about prepared statements.
func (p *program) aboutStatements() string {
	name, t := p.name(), p.tag()
	if p.dice(3) == 0 {
		name = `"` + name + `"`
	}
	switch p.dice(16) {
	case 0, 1, 2:
		return fmt.Sprintf("PREPARE %s AS SELECT $1 AS v /* rows=%d %s */", name, p.dice(4), t)
	case 3:
		return fmt.Sprintf("PREPARE %s AS INSERT INTO t VALUES ($1) /* %s */", name, t)
	case 4:
		return fmt.Sprintf("PREPARE %s AS SELECT $1 AS v /* %s */ FROM nowhere", name, t)
	case 5, 6, 7, 8, 9:
		return fmt.Sprintf("EXECUTE %s('%s')", name, t)
	case 10, 11:
		return fmt.Sprintf("DEALLOCATE %s /* %s */", name, t)
	case 12:
		return fmt.Sprintf("DEALLOCATE ALL /* %s */", t)
	case 13:
		if p.dice(2) == 0 { // in a block, where nobody sees it
			return fmt.Sprintf("DO 'PREPARE f%d AS SELECT $1 AS v' /* %s */", p.dice(2), t)
		}
		return fmt.Sprintf("EXECUTE f%d('%s')", p.dice(2), t)
	case 14:
		return fmt.Sprintf("SELECT fail('%s')", t)
	}
	return fmt.Sprintf("SELECT '%s' AS v", t)
}

// preparing is a batch about prepared statements, by SQL and by the protocol, which know each other's names.
func (p *program) preparing(b *batch) {
	switch p.dice(8) {
	case 0, 1:
		b.query(p.aboutStatements())
	case 2, 3: // several in one text
		text := ""
		for range 2 + p.dice(3) {
			text += p.aboutStatements() + ";"
		}
		b.query(text)
	case 4:
		if p.inTransaction == 0 && !p.statements && p.dice(2) == 0 {
			end := []string{"COMMIT", "ROLLBACK"}[p.dice(2)]
			b.query(fmt.Sprintf("BEGIN; %s; %s; %s /* %s */", p.aboutStatements(), p.aboutStatements(), end, p.tag()))
			return
		}
		b.query(fmt.Sprintf("SELECT name FROM pg_prepared_statements /* %s */", p.tag()))
	default:
		for range 1 + p.dice(4) {
			if p.dice(3) == 0 {
				p.piece(b)
			} else {
				b.add('P', "", p.aboutStatements(), int16(0))
				b.add('B', "", "", int16(0), int16(0), int16(0))
				b.add('E', "", int32(0))
			}
			if p.dice(6) == 0 {
				b.sync()
			}
		}
		b.sync()
	}
}
