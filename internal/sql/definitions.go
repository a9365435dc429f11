package sql

// Defines says what a text defines.
type Defines uint8

const (
	// DefinesAnything is CREATE and ALTER.
	DefinesAnything Defines = 1 << iota
	// DefinesCode is CREATE of a FUNCTION, PROCEDURE, RULE or SCHEMA, and CREATE and ALTER EXTENSION.
	DefinesCode
)

// create reads what follows CREATE just closely enough to know whether there may be semicolons inside: in the bodies
// of rules and functions, and of schemas, should they ever take either.
func (s *scanner) create(i int) {
	t := s.next(i)
	if s.isWord(t, "or") {
		t = s.next(s.next(t.end).end)
	}
	if s.isWord(t, "function") || s.isWord(t, "procedure") || s.isWord(t, "rule") || s.isWord(t, "schema") {
		s.hasBody = true
		s.st.Defines |= DefinesCode
	}
	if s.isWord(t, "extension") {
		s.st.Defines |= DefinesCode
	}
}

// alter finds what changes the settings that new sessions begin with: ALTER SYSTEM SET, ALTER DATABASE name SET, ALTER
// ROLE name [IN DATABASE name] SET, and the same with RESET.
func (s *scanner) alter(i int) {
	t := s.next(i)
	switch {
	case s.isWord(t, "extension"):
		s.st.Defines |= DefinesCode
		return
	case s.isWord(t, "system"):
	case s.isWord(t, "database"):
		t = s.next(t.end)
	case s.isWord(t, "role"), s.isWord(t, "user"), s.isWord(t, "group"):
		t = s.next(t.end)
		if in := s.next(t.end); s.isWord(in, "in") {
			t = s.next(s.next(in.end).end)
		}
	default:
		return
	}
	if verb := s.packed(s.next(t.end)); verb == kwSet || verb == kwReset {
		s.st.Effects |= AltersDefaults
	}
}
