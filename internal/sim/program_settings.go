package sim

import (
	"fmt"
	"strings"
)

// parameter is a setting by some name that clients call it by.
func (p *program) parameter() string {
	return []string{"application_name", "work_mem", "TimeZone", "search_path", "DateStyle", "statement_timeout", "app.tenant",
		"standard_conforming_strings"}[p.dice(8)]
}

// value is one that other clients give as well, or one's own; or none that Postgres takes.
func (p *program) value() string {
	switch p.dice(12) {
	case 11:
		return "off"
	case 0:
		return "bad"
	case 1:
		return "65536kB"
	case 2:
		return "64MB"
	case 3, 4, 5:
		return fmt.Sprintf("v%d", p.dice(3))
	}
	return fmt.Sprintf("c%d", p.c.id)
}

// session is SQL that leaves something in the session, takes it away, or asks for it.
func (p *program) session() string {
	t := p.tag()
	if p.c.declared.hides && p.dice(3) == 0 {
		return p.calls(t)
	}
	switch p.dice(14) {
	case 0:
		return fmt.Sprintf("CREATE TEMP TABLE scratch () /* %s */", t)
	case 1:
		return fmt.Sprintf("SELECT '%s' AS v FROM scratch", t)
	case 2:
		return fmt.Sprintf([]string{"DROP TABLE scratch /* %s */", "DISCARD TEMP /* %s */"}[p.dice(2)], t)
	case 3:
		return fmt.Sprintf("SELECT pg_advisory_lock(7) /* %s */", t)
	case 4:
		return fmt.Sprintf("SELECT pg_advisory_unlock_all() /* %s */", t)
	case 5, 6, 7:
		return fmt.Sprintf("SHOW %s /* %s */", p.parameter(), t)
	case 8:
		return fmt.Sprintf("DISCARD ALL /* %s */", t)
	}
	return "/* " + t + " */ " + p.change()
}

// calls is a query that calls a function which leaves something.
func (p *program) calls(t string) string {
	switch p.dice(6) {
	case 0:
		return fmt.Sprintf("SELECT scratches() /* %s */", t)
	case 1:
		return fmt.Sprintf("SELECT locking() /* %s */", t)
	}
	return fmt.Sprintf("SELECT leave('%s', '%s') /* %s */", p.parameter(), p.value(), t)
}

// change is a statement that changes settings.
func (p *program) change() string {
	name, value := p.parameter(), p.value()
	switch p.dice(16) {
	case 0, 1, 2, 3:
		return fmt.Sprintf("SET %s TO '%s'", name, value)
	case 4:
		return fmt.Sprintf("SET LOCAL %s TO '%s'", name, value)
	case 5:
		return fmt.Sprintf("SELECT set_config('%s', '%s', false)", name, value)
	case 6:
		return fmt.Sprintf("SELECT set_config('%s', '%s', true)", name, value)
	case 7, 8:
		return "RESET " + name
	case 9:
		return "RESET ALL"
	case 10:
		return fmt.Sprintf("SET %s TO DEFAULT", name)
	case 11:
		return fmt.Sprintf("DO 'SET %s TO ''%s'''", name, value)
	case 12:
		return []string{"SET ROLE 'other'", "SET ROLE NONE", "RESET ROLE"}[p.dice(3)]
	case 13:
		return []string{"SET SESSION AUTHORIZATION 'other'", "RESET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION DEFAULT"}[p.dice(3)]
	case 14:
		return fmt.Sprintf("SET TIME ZONE '%s'", value)
	}
	return fmt.Sprintf("SET SESSION %s = '%s'", name, value)
}

// sets is a batch about the session.
func (p *program) sets(b *batch) {
	switch p.dice(6) {
	case 0, 1:
		b.query(p.session())
	case 2:
		b.query(p.several())
	case 3:
		if p.inTransaction == 0 && !p.statements {
			b.query(fmt.Sprintf("BEGIN; %s; %s; %s /* %s */", p.change(), p.change(), []string{"COMMIT", "ROLLBACK"}[p.dice(2)], p.tag()))
			return
		}
		b.query(p.several())
	default:
		for range 1 + p.dice(4) {
			p.setting(b)
			if p.dice(6) == 0 {
				b.sync()
			}
		}
		b.sync()
	}
	if p.dice(12) == 0 && p.inTransaction == 0 {
		p.left = 0 // it leaves with what it has set
	}
}

// several is a text of several statements, some of which change settings.
func (p *program) several() string {
	text := ""
	for i := range 2 + p.dice(3) {
		if i > 0 {
			text += ";"
		}
		switch n := p.dice(16); {
		case n < 2:
			text += fmt.Sprintf("SELECT '%s' AS v", p.tag())
		case n < 4:
			text += fmt.Sprintf("SHOW %s /* %s */", p.parameter(), p.tag())
		case n < 5:
			text += ";"
		case n < 6:
			text += fmt.Sprintf("SELECT fail('%s')", p.tag())
		default:
			text += "/* " + p.tag() + " */ " + p.change()
		}
	}
	return text + []string{"", ";", "; "}[p.dice(3)]
}

// setting is extended messages that change settings.
func (p *program) setting(b *batch) {
	name := fmt.Sprintf("z%d", p.dice(3))
	switch p.dice(8) {
	case 0, 1, 2: // a text of its own
		text := p.session()
		b.add('P', "", text, int16(0))
		b.add('B', "", "", int16(0), int16(0), int16(0))
		b.add('E', "", int32(0))
		if strings.HasPrefix(text, "DISCARD ALL") {
			b.sync() // it commits at once, and what makes up for it does not: an error behind it would take that back alone
		}
	case 3: // a text that others prepare as well
		text := p.change()
		for len(p.c.startup) > 0 && p.c.declared.config.MaxPreparedStatements == 0 && parseOne(text).verb >= resets {
			text = p.change() // nobody but Postgres knows its name, so nothing makes up for a RESET
		}
		b.add('P', name, text, int16(0))
	case 4, 5:
		b.add('B', "", name, int16(0), int16(0), int16(0))
		b.add('E', "", int32(0))
	case 6: // with its value as a parameter
		value := p.value()
		b.add('P', "", fmt.Sprintf("SELECT set_config('%s', $1, false) /* %s */", p.parameter(), p.tag()), int16(0))
		b.add('B', "", "", int16(0), int16(1), int32(len(value)), []byte(value), int16(0))
		b.add('E', "", int32(0))
	default: // with its name as one
		parameter, value := p.parameter(), p.value()
		b.add('P', "", fmt.Sprintf("SELECT set_config($1, $2, false) /* %s */", p.tag()), int16(0))
		b.add('B', "", "", int16(0), int16(2), int32(len(parameter)), []byte(parameter), int32(len(value)), []byte(value), int16(0))
		b.add('E', "", int32(0))
	}
}
