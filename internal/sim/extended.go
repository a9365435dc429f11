package sim

var aborted = &failure{"25P02", "current transaction is aborted, commands ignored until end of transaction block"}

// parse takes a Parse.
func (s *Session) parse(f *fields) *failure {
	s.begin()
	name, text := f.text(), f.text()
	s.hints(text)
	if name == "" {
		s.unnamed = nil
	}
	list := parseSQL(text)
	st := &statement{}
	if len(list) > 0 {
		st = list[0]
	}
	switch {
	case st.verb == wrong:
		return syntaxError(st)
	case len(list) > 1:
		return &failure{"42601", "cannot insert multiple commands into a prepared statement"}
	case s.tx == 'E' && !st.exits():
		return aborted
	case name == "":
		s.unnamed = st
		s.decide(st)
	case s.statements[name] != nil:
		return &failure{"42P05", `prepared statement "` + name + `" already exists`}
	default:
		s.statements[name] = st
		s.decide(st)
	}
	s.say('1')
	return nil
}

// statement is the prepared one of that name.
func (s *Session) statement(name string) (*statement, *failure) {
	if name == "" {
		if s.unnamed == nil {
			return nil, &failure{"26000", "unnamed prepared statement does not exist"}
		}
		return s.unnamed, nil
	}
	if st := s.statements[name]; st != nil {
		return st, nil
	}
	return nil, &failure{"26000", `prepared statement "` + name + `" does not exist`}
}

// bind takes a Bind.
func (s *Session) bind(f *fields) *failure {
	s.begin()
	name := f.text()
	st, err := s.statement(f.text())
	if err != nil {
		return err
	}
	s.hints(st.text)
	for range f.int16() {
		f.int16()
	}
	var args []string
	for range f.int16() {
		args = append(args, string(f.bytes(f.int32())))
	}
	switch {
	case len(args) != st.params:
		return &failure{"08P01", "bind message supplies another number of parameters"}
	case s.tx == 'E' && (!st.exits() || st.params > 0):
		return aborted
	case name != "" && s.portals[name] != nil:
		return &failure{"42P03", `cursor "` + name + `" already exists`}
	}
	s.portals[name] = &portal{statement: st, args: args}
	s.say('2')
	return nil
}

// describe takes a Describe.
func (s *Session) describe(kind byte, name string) *failure {
	s.begin()
	if kind == 'S' {
		st, err := s.statement(name)
		if err != nil {
			return err
		}
		if s.tx == 'E' && st.returnsRows() {
			return aborted
		}
		types := []byte{}
		for range st.params {
			types = append(types, 0, 0, 0, 25)
		}
		s.say('t', int16(st.params), types)
		s.describeRows(st)
		return nil
	}
	p := s.portals[name]
	if p == nil {
		return &failure{"34000", `portal "` + name + `" does not exist`}
	}
	if s.tx == 'E' && p.statement.returnsRows() {
		return aborted
	}
	s.describeRows(p.statement)
	return nil
}

func (s *Session) describeRows(st *statement) {
	if !st.returnsRows() {
		s.say('n')
		return
	}
	columns := max(1, len(st.given))
	parts := []any{int16(columns)}
	for range columns {
		parts = append(parts, "v", int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0))
	}
	s.say('T', parts...)
}

// execute takes an Execute.
func (s *Session) execute(name string, limit int) *failure {
	s.begin()
	p := s.portals[name]
	if p == nil {
		return &failure{"34000", `portal "` + name + `" does not exist`}
	}
	tag := tagFor(p.statement, p.args)
	s.current = tag
	if p.statement.verb == nothing {
		s.say('I')
		return nil
	}
	if s.tx == 'E' && !p.statement.exits() {
		return aborted
	}
	if p.run && !p.statement.returnsRows() {
		return &failure{"55000", `portal "` + name + `" cannot be run`}
	}
	if !p.run {
		p.run = true
		if p.statement.verb == selects {
			s.decide(p.statement)
			s.starts(p.statement, tag)
			if err := s.hit(tag); err != nil {
				return err
			}
			if err := s.exists(p.statement); err != nil {
				return err
			}
			p.rows = rowsOf(p.statement, p.args)
		} else {
			err := s.run(p.statement, p.args, true)
			s.executed = s.saved != nil && s.tx == 'I'
			return err
		}
	}
	n := len(p.rows) - p.at
	if limit > 0 {
		n = min(n, limit)
	}
	s.dataRows(p.rows[p.at : p.at+n])
	p.at += n
	if limit > 0 && n == limit {
		s.say('s')
		return nil
	}
	s.say('C', selectTag(n))
	return nil
}

// close takes a Close, which never fails.
func (s *Session) close(kind byte, name string) {
	if kind == 'S' {
		if name == "" {
			s.unnamed = nil
		}
		delete(s.statements, name)
	} else {
		delete(s.portals, name)
	}
	s.say('3')
}
