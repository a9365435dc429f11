package sql

// set tells the forms of SET apart. Nearly every word that means something there may also be a parameter's name, or
// the first half of one, as in SET local.x = 1: what follows tells.
func (s *scanner) set(i int) {
	t := s.next(i)
	if s.isWord(t, "local") && !s.endsName(s.next(t.end)) {
		s.st.Effects |= SetsLocal
		t, s.local = s.next(t.end), true
		_ = s.setParameter(t) || s.setKeyword(t)
		s.local = false
		return
	}
	if s.setParameter(t) || s.setKeyword(t) {
		return
	}
	if s.isWord(t, "session") { // a noise word
		t = s.next(t.end)
		if s.setParameter(t) || s.setKeyword(t) {
			return
		}
	}
	// A syntax error to Postgres. Should it ever not be, there is a parameter we have not read.
	s.st.Effects |= SetsSession | SetsUnknown
}

// setParameter reads name = value and its like, if that is what begins with t.
func (s *scanner) setParameter(t token) bool {
	name, after := s.parameter(t)
	if len(name) == 0 || !s.endsName(after) {
		return false
	}
	s.assign(SetsSession, s.kindOf(s.next(after.end)), name)
	return true
}

// setKeyword reads the forms of SET that have words of their own, t being the first.
func (s *scanner) setKeyword(t token) bool {
	second := s.next(t.end)
	switch {
	case s.isWord(t, "transaction"), s.isWord(t, "constraints"):
		s.st.Effects |= SetsLocal
	case s.isWord(t, "role"):
		s.assign(SetsSession, ChangeSet, s.named("role"))
	case s.isWord(t, "schema"):
		s.assign(SetsSession, ChangeSet, s.named("search_path"))
	case s.isWord(t, "names"):
		kind := s.kindOf(second)
		if second.kind == endToken || s.isByte(second, ';') {
			kind = ChangeReset
		}
		s.assign(SetsSession, kind, s.named("client_encoding"))
	case s.isWord(t, "time") && s.isWord(second, "zone"):
		zone := s.next(second.end)
		kind := s.kindOf(zone)
		if s.packed(zone) == kwLocal {
			kind = ChangeReset
		}
		s.assign(SetsSession, kind, s.named("timezone"))
	case s.isWord(t, "xml") && s.isWord(second, "option"):
		s.assign(SetsSession, ChangeSet, s.named("xmloption"))
	case s.isWord(t, "session") && s.isWord(second, "authorization"):
		s.assign(SetsSession, s.kindOf(s.next(second.end)), s.named("session_authorization"))
	case s.isWord(t, "session") && s.isWord(second, "characteristics") && s.packed(s.next(second.end)) == kwAs:
		s.assign(SetsSession, ChangeSet, s.named("default_transaction_isolation"))
		s.assign(SetsSession, ChangeSet, s.named("default_transaction_read_only"))
		s.assign(SetsSession, ChangeSet, s.named("default_transaction_deferrable"))
	default:
		return false
	}
	return true
}

// resetSetting tells the forms of RESET apart.
func (s *scanner) resetSetting(i int) {
	t := s.next(i)
	second := s.next(t.end)
	name, _ := s.parameter(t)
	switch {
	case s.packed(t) == kwAll:
		s.change(Resets, ChangeResetAll, nil)
	case s.isWord(t, "time") && s.isWord(second, "zone"):
		s.assign(Resets, ChangeReset, s.named("timezone"))
	case s.isWord(t, "session") && s.isWord(second, "authorization"):
		s.assign(Resets, ChangeReset, s.named("session_authorization"))
	case s.isWord(t, "transaction") && s.isWord(second, "isolation"):
		s.assign(Resets, ChangeReset, s.named("transaction_isolation"))
	case len(name) > 0:
		s.assign(Resets, ChangeReset, name)
	default:
		s.st.Effects |= Resets | SetsUnknown
	}
}

// kindOf is what a value does that begins with t: DEFAULT is none.
func (s *scanner) kindOf(t token) ChangeKind {
	if s.packed(t) == kwDefault {
		return ChangeReset
	}
	return ChangeSet
}

// endsName reports whether t, behind a word of SET, makes that word the name of a parameter or a part of it.
func (s *scanner) endsName(t token) bool {
	w := s.packed(t)
	return w == kwTo || w == kwFrom || s.isByte(t, '=') || s.isByte(t, '.')
}
