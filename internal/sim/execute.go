package sim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// run runs a statement and says what it returns; with the extended protocol without a RowDescription.
func (s *Session) run(st *statement, args []string, extended bool) *failure {
	tag := tagFor(st, args)
	if s.tx == 'E' && (!st.exits() || s.nowhere && !st.bounds()) {
		return aborted
	}
	s.starts(st, tag)
	if err := s.hit(tag); err != nil {
		return err
	}
	s.decide(st)
	if err := s.refusal(st, tag); err != nil {
		return err
	}
	switch st.verb {
	case selects:
		if err := s.exists(st); err != nil {
			return err
		}
		s.answer(st, rowsOf(st, args), extended)
	case sleeps:
		s.answer(st, [][]byte{[]byte(tag)}, extended)
	case notices:
		s.say('N', []byte("SNOTICE\x00VNOTICE\x00C00000\x00M"+tag+"\x00Rsim\x00\x00"))
		s.answer(st, [][]byte{[]byte(tag)}, extended)
	case inserts:
		s.inserts(tag)
	case reads:
		s.answer(st, [][]byte{s.readRegisters(st, args)}, extended)
	case bumps:
		s.writeRegister(st.name, tag)
		s.answer(st, [][]byte{[]byte(tag)}, extended)
	case updates:
		s.writeRegister(st.name, tag)
		s.say('C', "UPDATE 1")
	case alters:
		s.now.writes, s.now.alters = append(s.now.writes, tag), true
		s.say('C', "ALTER TABLE")
	case fails:
		return &failure{"22012", "division by zero " + tag}
	case begins, commits, rollsBack, savepoint, rollsBackTo:
		return s.transaction(st)
	case sets, setsLocal, setsConfig, shows, resets, resetsAll:
		return s.runSetting(st, args, extended)
	case does:
		if st.sub.verb == prepares {
			if s.statements[st.sub.name] != nil {
				return &failure{"42P05", `prepared statement "` + st.sub.name + `" already exists`}
			}
			st.sub.sub.fromSQL = true
			s.statements[st.sub.name] = st.sub.sub
			s.say('C', "DO")
			return nil
		}
		if err := s.give(setting{st.sub.name, st.sub.value}, st.sub.verb == setsLocal); err != nil {
			return err
		}
		s.say('C', "DO")
	case inquires:
		s.answerQuestion(st)
	case listens, unlistens, notifies, lists:
		s.runChannels(st, args, extended)
	case catalogs:
		var rows [][]byte
		for _, name := range slices.Sorted(maps.Keys(s.statements)) {
			rows = append(rows, []byte(name))
		}
		s.answer(st, rows, extended)
	case discardsAll, deallocates, deallocatesAll, prepares, executes:
		return s.runPrepared(st, extended)
	case leaves:
		if err := s.give(setting{st.name, st.value}, false); err != nil {
			return err
		}
		s.answer(st, [][]byte{[]byte(tag)}, extended)
	case scratches:
		if s.now.temps["scratch"] {
			return &failure{"42P07", `relation "scratch" already exists`}
		}
		s.now.temps["scratch"] = true
		s.answer(st, [][]byte{[]byte(tag)}, extended)
	case discardsSequences:
		s.drawn = ""
		s.say('C', "DISCARD SEQUENCES")
	case asksNumber:
		if s.Asked != nil {
			s.Asked(tag, s.drawn)
		}
		s.answer(st, [][]byte{[]byte(tag)}, extended)
	case createsTemp:
		if s.now.temps[st.name] {
			return &failure{"42P07", `relation "` + st.name + `" already exists`}
		}
		s.now.temps[st.name] = true
		s.say('C', "CREATE TABLE")
	case dropsTemp:
		return s.dropTemp(st)
	case locks:
		s.locks++
		s.answer(st, [][]byte{[]byte(tag)}, extended)
	case unlocks:
		s.locks = 0
		s.answer(st, [][]byte{[]byte(tag)}, extended)
	case copiesOut:
		s.say('H', byte(0), int16(1), int16(0))
		for _, row := range rowsOf(st, args) {
			s.say('d', append(row, '\n'))
		}
		s.say('c')
		s.say('C', "COPY "+strconv.Itoa(st.rows))
	case copiesIn:
		s.say('G', byte(0), int16(1), int16(0))
		s.copying = &copyIn{tag: tag, extended: extended}
	default:
		return syntaxError(st)
	}
	return nil
}

// inserts adds a row.
func (s *Session) inserts(tag string) {
	s.now.writes, s.now.rows, s.drawn = append(s.now.writes, tag), append(s.now.rows, tag), tag
	s.say('C', "INSERT 0 1")
}

// hit is the error of a statement that was cancelled.
func (s *Session) hit(tag string) *failure {
	if tag != "" && s.Struck(tag) {
		return &failure{"57014", "canceling statement due to user request"}
	}
	return nil
}

func (s *Session) dropTemp(st *statement) *failure {
	if st.name == "" {
		clear(s.now.temps)
		s.say('C', "DISCARD TEMP")
		return nil
	}
	if !s.now.temps[st.name] {
		return &failure{"42P01", `table "` + st.name + `" does not exist`}
	}
	delete(s.now.temps, st.name)
	s.say('C', "DROP TABLE")
	return nil
}

func (s *Session) exists(st *statement) *failure {
	if st.from != "" && !s.now.temps[st.from] {
		return &failure{"42P01", `relation "` + st.from + `" does not exist`}
	}
	return nil
}

// tagFor is the tag of a statement: its first parameter's, or its own.
func tagFor(st *statement, args []string) string {
	if len(args) > 0 {
		if tag := tagOf([]byte(args[0])); tag != "" {
			return tag
		}
	}
	return st.tag
}

// rowsOf is what a SELECT or a COPY returns: rows that say whose they are and which.
func rowsOf(st *statement, args []string) [][]byte {
	tag := tagFor(st, args)
	rows := make([][]byte, st.rows)
	for i := range rows {
		rows[i] = []byte(tag + ":" + strconv.Itoa(i) + strings.Repeat("x", st.size))
	}
	return rows
}

func (s *Session) answer(st *statement, rows [][]byte, extended bool) {
	if !extended {
		s.describeRows(st)
	}
	s.dataRows(rows)
	s.say('C', selectTag(len(rows)))
}

func (s *Session) dataRows(rows [][]byte) {
	for _, r := range rows {
		s.say('D', int16(1), int32(len(r)), r)
	}
}

func selectTag(n int) string { return "SELECT " + strconv.Itoa(n) }

// transaction runs the statements that begin and end transactions.
func (s *Session) transaction(st *statement) *failure {
	switch st.verb {
	case begins:
		if s.tx == 'T' {
			s.warn("25001", "there is already a transaction in progress")
		}
		s.tx = 'T'
		s.said = s.said || st.readOnly
		s.say('C', "BEGIN")
	case commits:
		tag := "COMMIT"
		switch s.tx {
		case 'I':
			s.warn("25P01", "there is no transaction in progress")
		case 'E':
			tag = "ROLLBACK"
			s.rollBack()
		case 'T':
			s.commit()
		}
		s.say('C', tag)
	case rollsBack:
		if s.tx == 'I' {
			s.warn("25P01", "there is no transaction in progress")
		}
		s.rollBack()
		s.say('C', "ROLLBACK")
	case savepoint:
		if s.tx == 'I' {
			return &failure{"25P01", "SAVEPOINT can only be used in transaction blocks"}
		}
		s.marks = append(s.marks, mark{st.name, s.now.clone()})
		s.say('C', "SAVEPOINT")
	case rollsBackTo:
		return s.rollBackTo(st.name)
	}
	return nil
}

func (s *Session) rollBackTo(name string) *failure {
	if s.tx == 'I' {
		return &failure{"25P01", "ROLLBACK TO SAVEPOINT can only be used in transaction blocks"}
	}
	for i := len(s.marks) - 1; i >= 0; i-- {
		if s.marks[i].name == name {
			s.now = s.marks[i].state.clone()
			s.marks = s.marks[:i+1]
			s.tx = 'T'
			s.dropPortals()
			s.say('C', "ROLLBACK")
			return nil
		}
	}
	return &failure{"3B001", `savepoint "` + name + `" does not exist`}
}

// runPrepared runs the statements about prepared statements.
func (s *Session) runPrepared(st *statement, extended bool) *failure {
	switch st.verb {
	case discardsAll:
		if s.tx != 'I' || s.many || s.executed {
			return &failure{"25001", "DISCARD ALL cannot run inside a transaction block"}
		}
		s.set("session_authorization", s.initial["session_authorization"], "")
		s.resetAll()
		s.drawn = ""
		clear(s.statements)
		clear(s.now.temps)
		clear(s.now.listens)
		s.locks = 0
		s.dropPortals()
		s.commit()
		s.say('C', "DISCARD ALL")
	case deallocatesAll:
		clear(s.statements)
		s.say('C', "DEALLOCATE ALL")
	case deallocates:
		if s.statements[st.name] == nil {
			return &failure{"26000", `prepared statement "` + st.name + `" does not exist`}
		}
		delete(s.statements, st.name)
		s.say('C', "DEALLOCATE")
	case prepares:
		if s.statements[st.name] != nil {
			return &failure{"42P05", `prepared statement "` + st.name + `" already exists`}
		}
		if err := s.exists(st.sub); err != nil {
			return err
		}
		st.sub.fromSQL = true
		s.statements[st.name] = st.sub
		s.say('C', "PREPARE")
	case executes:
		sub := s.statements[st.name]
		if sub == nil {
			return &failure{"26000", `prepared statement "` + st.name + `" does not exist`}
		}
		if sub.verb == inserts {
			if err := s.refusal(sub, st.tag); err != nil {
				return err
			}
			s.inserts(st.tag)
			return nil
		}
		if sub.verb != selects {
			return &failure{"0A000", "the simulated EXECUTE runs SELECT only"}
		}
		if err := s.exists(sub); err != nil {
			return err
		}
		if s.Witness != nil && st.tag != "" {
			s.Witness.sees(st.tag)
		}
		s.answer(sub, rowsOf(sub, []string{st.value}), extended)
	}
	return nil
}

// duringCopy takes a message while COPY FROM STDIN reads; false if the COPY ended before it.
func (s *Session) duringCopy(m message) bool {
	c := s.copying
	switch m.typ {
	case 'd':
		c.rows++
		if strings.Contains(string(m.body), "bad row") {
			s.copyFails(&failure{"22P04", "extra data after last expected column " + c.tag})
		}
		return true
	case 'c':
		s.copying = nil
		s.current = c.tag
		s.now.writes, s.now.rows = append(s.now.writes, c.tag), append(s.now.rows, c.tag)
		s.say('C', "COPY "+strconv.Itoa(c.rows))
		if !c.extended {
			s.commitImplicit()
			s.ready()
		}
		return true
	case 'f':
		f := fields{m.body}
		s.copyFails(&failure{"57014", "COPY from stdin failed: " + f.text()})
		return true
	case 'H', 'S':
		return true // ignored
	case 'X':
		return false
	}
	s.copyFails(&failure{"08P01", "unexpected message type during COPY from stdin " + c.tag})
	return true
}

func (s *Session) copyFails(err *failure) {
	extended := s.copying.extended
	s.fail(err)
	if extended {
		s.skip = true
		return
	}
	s.commitImplicit()
	s.ready()
}
