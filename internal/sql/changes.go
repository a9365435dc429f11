package sql

// MaxChanges is how many changes of settings one text may make and still have all of them named; a text with more has
// [SetsUnknown].
const MaxChanges = 8

// Change is one change of a setting of the session that a text may make, or SET LOCAL x TO DEFAULT. It may come to nothing: the statement may
// fail, or not be reached, or set what is set already.
//
// Where the text has [SetsUnknown], there may be changes that are not listed, and Statement and End are not to be
// relied on.
type Change struct {
	// Name is the parameter as Postgres looks it up, in lower case: "timezone", "search_path", "role",
	// "session_authorization", "app.tenant". Empty for ChangeResetAll and ChangeDiscardAll.
	Name []byte
	Kind ChangeKind
	// Statement is the index of the statement that makes the change, counted as Postgres counts its replies: what is
	// empty between semicolons does not count.
	Statement int
	// End is where that statement ends in the text, right behind its last token: a semicolon and another statement may
	// be put there.
	End int
}

// ChangeKind says how a setting changes.
type ChangeKind uint8

const (
	// ChangeSet gives the parameter a value.
	ChangeSet ChangeKind = iota
	// ChangeReset gives the parameter the value the session began with: RESET x, SET x TO DEFAULT, and what else says
	// DEFAULT.
	ChangeReset
	// ChangeResetAll is RESET ALL. It leaves role and session_authorization alone.
	ChangeResetAll
	// ChangeDiscardAll is DISCARD ALL.
	ChangeDiscardAll
	// ChangeResetLocal is SET LOCAL x TO DEFAULT: as ChangeReset, until the transaction ends.
	ChangeResetLocal
	// ChangeSetLocal gives a setting of the pooler's own a value until the transaction ends. Of others that is not told.
	ChangeSetLocal
)

// Changes is the changes of settings the text makes, in their order. Valid until the next Scan.
func (s *Statement) Changes() []Change { return s.changes[:s.changed] }

// assign notes that a statement with this effect gives a parameter a value, unless that is no setting of the session.
// SESSION AUTHORIZATION takes the role with it.
func (s *scanner) assign(effect Effects, kind ChangeKind, name []byte) {
	switch string(name) {
	case "seed":
		s.st.Effects |= Seeds // LOCAL is no help: random() goes on from there
	case "transaction_isolation", "transaction_read_only", "transaction_deferrable":
		s.st.Effects |= SetsLocal // whatever the statement says
	case "session_authorization":
		s.change(effect, kind, name)
		s.change(effect, kind, s.named("role"))
	default:
		s.change(effect, kind, name)
	}
}

// change notes a change made by the current statement; its End is known when the statement is read.
func (s *scanner) change(effect Effects, kind ChangeKind, name []byte) {
	if s.local {
		if kind != ChangeReset && !IsPoolers(name) || s.hasBody || s.st.changed == MaxChanges {
			return
		}
		if effect = SetsLocal; kind == ChangeReset {
			kind = ChangeResetLocal
		} else {
			kind = ChangeSetLocal
		}
	}
	s.st.Effects |= effect
	if s.hasBody {
		s.st.Effects |= SetsUnknown
	}
	if s.st.changed == MaxChanges {
		s.st.Effects |= SetsUnknown
		return
	}
	s.st.changes[s.st.changed] = Change{Name: name, Kind: kind, Statement: s.statements - 1}
	s.st.changed++
}

// endChanges writes down where the statement ends that made the latest changes. It lies in text[from:to].
func (s *scanner) endChanges(from, to int) {
	end := from
	for i := from; within(i, s.text) && (to < 0 || i < to); {
		t := s.cut(skipBlank(s.text, i))
		if t.kind == endToken {
			break
		}
		if !s.isByte(t, ';') {
			end = t.end
		}
		i = t.end
	}
	for ; s.ended < s.st.changed; s.ended++ {
		s.st.changes[s.ended].End = end
	}
}
