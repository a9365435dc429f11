package sim

import (
	"maps"
	"slices"
	"strings"
)

// Session is a small Postgres: one backend's side of a conversation, as a machine that is fed the messages of a
// frontend and appends its answers. It knows a few statements (sql.go), but those, and the protocol, as Postgres
// does: implicit transactions, skipping to Sync after an error, failed transactions, portals, prepared
// statements by protocol and by SQL, settings that roll back and are reported when the session goes idle, COPY.
//
// A Backend runs one behind every server connection; a client runs one of its own to know what it should be told.
type Session struct {
	// Struck says whether a cancel has hit the statement with this tag. A private session asks what became of it in
	// the world.
	Struck func(tag string) bool
	// Asked, if set, is told that a statement asks for the number that the session has drawn last, and which one has drawn it;
	// "" is none. What it answers tells nobody: whether numbers are lost is the pooler's business, that they are no other's the rule.
	Asked func(tag, drawn string)
	// Closed, if set, says whether the catalog may not be asked.
	Closed func() bool
	// Registers, if set, is what is committed of the registers, and the number of this look; Generation tells one catalog from another.
	Registers  func() (map[string]string, string)
	Generation func() string
	// Witness, if there is one, is told what the session does.
	Witness witness
	readsOnly

	out      []byte
	tx       byte // 'I', 'T', 'E'
	saved    *state
	marks    []mark
	now      state
	initial  map[string]string
	reported map[string]string

	statements map[string]*statement
	unnamed    *statement
	portals    map[string]*portal
	// opened: extended messages have begun an implicit transaction that Sync ends.
	opened  bool
	skip    bool
	copying *copyIn
	// many: the simple Query has several statements. executed: the pipeline has executed one before.
	many, executed bool
	// locks is the advisory locks it has; they are no transaction's.
	locks int
	// listening is the channels it listens to, as of the last commit; unread is what it has been notified of and not told.
	listening map[string]bool
	unread    []posted
	// drawn is the tag of the INSERT that has drawn a number last: it is no transaction's.
	drawn string
	// current is the tag of the statement that runs.
	current string
}

// state is what rolls back.
type state struct {
	settings map[string]string
	local    map[string]string
	changed  map[string]bool // the settings that have been given a value
	temps    map[string]bool
	writes   []string // the tags of the statements that have written
	rows     []string // those of them that have added rows
	listens  map[string]bool
	notes    []note // what it notifies of when it commits
	// registers is what it has written there; nobody changes the map. alters: it has changed the catalog.
	registers map[string]string
	alters    bool
}

func (s state) clone() state {
	return state{maps.Clone(s.settings), maps.Clone(s.local), maps.Clone(s.changed), maps.Clone(s.temps), slices.Clone(s.writes),
		slices.Clone(s.rows), maps.Clone(s.listens), slices.Clone(s.notes), s.registers, s.alters}
}

type mark struct {
	name  string
	state state
}

// portal is a statement with its parameters, and how far it has been read.
type portal struct {
	statement *statement
	args      []string
	rows      [][]byte
	at        int
	run       bool
}

// copyIn is a COPY FROM STDIN under way.
type copyIn struct {
	tag      string
	rows     int
	extended bool
}

// Failure is an error as Postgres gives it.
type failure struct{ code, text string }

// NewSession returns one that begins with these settings, by name in small letters.
func NewSession(settings map[string]string) *Session {
	s := &Session{
		Struck:     func(string) bool { return false },
		tx:         'I',
		initial:    maps.Clone(settings),
		statements: map[string]*statement{},
		portals:    map[string]*portal{},
	}
	s.now = state{settings: maps.Clone(settings), local: map[string]string{}, changed: map[string]bool{}, temps: map[string]bool{},
		listens: map[string]bool{}}
	s.reported = map[string]string{}
	for name := range reportedNames {
		s.reported[name] = settings[name]
	}
	return s
}

// clone is a session that goes its own way from here, unseen.
func (s *Session) clone() *Session {
	c := *s
	c.out, c.Witness, c.unread = nil, nil, nil
	c.now = s.now.clone()
	if s.saved != nil {
		saved := s.saved.clone()
		c.saved = &saved
	}
	c.marks = slices.Clone(s.marks)
	c.reported = maps.Clone(s.reported)
	c.statements = maps.Clone(s.statements)
	c.portals = map[string]*portal{}
	for name, p := range s.portals {
		copied := *p
		c.portals[name] = &copied
	}
	if s.copying != nil {
		copied := *s.copying
		c.copying = &copied
	}
	return &c
}

// Take returns what was answered since the last time.
func (s *Session) Take() []byte {
	out := s.out
	s.out = nil
	return out
}

// Status is what a ReadyForQuery would say.
func (s *Session) Status() byte { return s.tx }

// Feed takes a message of the frontend. It reports false after Terminate.
func (s *Session) Feed(m message) bool {
	if s.copying != nil && s.duringCopy(m) {
		return true
	}
	if s.skip && m.typ != 'S' && m.typ != 'X' {
		return true
	}
	f := fields{m.body}
	var err *failure
	switch m.typ {
	case 'Q':
		s.query(f.text())
		return true
	case 'P':
		err = s.parse(&f)
	case 'B':
		err = s.bind(&f)
	case 'D':
		err = s.describe(f.byte(), f.text())
	case 'E':
		name, limit := f.text(), f.int32()
		err = s.execute(name, limit)
	case 'C':
		s.close(f.byte(), f.text())
	case 'S':
		s.skip = false
		s.commitImplicit()
		s.ready()
		return true
	case 'H', 'd', 'c', 'f':
		return true // Flush; what is left of a COPY that failed
	case 'X':
		return false
	}
	s.opened = true
	if err != nil {
		s.fail(err)
		s.skip = true
	}
	return true
}

// Refuse makes the session as if it had met an error before this message, and said it: the pooler had no server. It
// reports whether the refused message ends the conversation, so that the next answer is ReadyForQuery.
func (s *Session) Refuse(m message) {
	if s.tx == 'T' { // which no server knows of
		s.tx, s.nowhere = 'E', true
		s.dropPortals()
	}
	if m.typ == 'Q' {
		s.ready()
		return
	}
	s.skip = true
	s.Feed(m)
}

func (s *Session) say(typ byte, parts ...any) {
	s.out = build(s.out, typ, parts...)
	if (typ == 'C' || typ == 'I') && s.Witness != nil {
		s.Witness.completed(s.current)
	}
}

// starts notes that a statement begins to run.
func (s *Session) starts(st *statement, tag string) {
	if s.Defers && st.bounds() {
		tag = ""
	}
	s.current = tag
	switch {
	case s.Witness == nil || tag == "":
	case st.verb == prepares:
		s.Witness.prepared(tag)
	default:
		s.Witness.ran(tag)
		if st.verb == selects {
			s.Witness.sees(tag)
		}
	}
}

// ready is where a session goes idle; what has changed is reported just before.
func (s *Session) ready() {
	s.tellUnread()
	for _, name := range reportedOrder {
		if v := s.setting(name); v != s.reported[name] {
			s.reported[name] = v
			s.say('S', reportedNames[name], v)
		}
	}
	if s.tx == 'I' {
		s.hinted = false
	}
	s.say('Z', s.tx)
}

func (s *Session) fail(err *failure) {
	s.say('E', append(append([]byte("SERROR\x00VERROR\x00C"+err.code+"\x00M"), err.text...), "\x00Fsim.c\x00L1\x00Rsim\x00\x00"...))
	s.copying = nil
	if s.tx == 'T' {
		s.tx = 'E'
		s.dropPortals()
	} else if s.tx == 'I' {
		s.rollBack()
	}
}

func (s *Session) warn(code, text string) {
	s.say('N', append(append([]byte("SWARNING\x00VWARNING\x00C"+code+"\x00M"), text...), "\x00Rsim\x00\x00"...))
}

// begin starts a transaction, implicit or not, if none is open.
func (s *Session) begin() {
	if s.saved == nil {
		saved := s.now.clone()
		s.saved = &saved
		s.of = s.Standby != nil && s.Standby()
	}
}

func (s *Session) commit() {
	if s.Witness != nil && len(s.now.registers) > 0 {
		s.Witness.stored(s.now.registers)
	}
	if s.Witness != nil && s.now.alters {
		s.Witness.altered()
	}
	if s.Witness != nil {
		for _, tag := range s.now.writes {
			s.Witness.committed(tag)
		}
		s.Witness.logged(s.now.rows)
	}
	s.notify()
	s.now.local, s.now.writes, s.now.rows = map[string]string{}, nil, nil
	s.now.registers, s.now.alters = nil, false
	s.readsOnly.end()
	s.saved, s.marks, s.tx, s.opened, s.executed = nil, nil, 'I', false, false
	s.dropPortals()
}

func (s *Session) rollBack() {
	if s.saved != nil {
		s.now = *s.saved
	}
	s.readsOnly.end()
	s.saved, s.marks, s.tx, s.opened, s.executed = nil, nil, 'I', false, false
	s.dropPortals()
}

// commitImplicit ends the transaction that nobody began.
func (s *Session) commitImplicit() {
	if s.tx == 'I' {
		s.commit()
	}
	s.opened = false
}

func (s *Session) dropPortals() { clear(s.portals) }

func (s *Session) setting(name string) string {
	if v, ok := s.now.local[name]; ok {
		return v
	}
	return s.now.settings[name]
}

// query takes a simple Query.
func (s *Session) query(text string) {
	s.unnamed = nil
	delete(s.portals, "")
	if aboutCatalog(text) {
		s.catalog(text)
		return
	}
	list := parseSQL(text)
	for _, st := range list {
		if st.verb == wrong {
			s.fail(syntaxError(st))
			s.ready()
			return
		}
	}
	if len(list) == 0 && s.nowhere {
		s.fail(aborted)
		s.ready()
		return
	}
	if len(list) == 0 {
		s.current = tagOf([]byte(text))
		s.say('I')
	}
	s.many = len(list) > 1
	s.hints(text)
	for _, st := range list {
		s.begin()
		if err := s.run(st, nil, false); err != nil {
			s.fail(err)
			break
		}
		if s.copying != nil {
			return
		}
	}
	s.commitImplicit()
	s.many = false
	s.ready()
}

func syntaxError(st *statement) *failure {
	return &failure{"42601", "syntax error at or near \"" + strings.Fields(st.text)[0] + "\" " + st.tag}
}
