package sql

import "bytes"

// functions is what a call of a function of Postgres by that name does, whatever schema it is called in. The relatives
// of the lock functions with _xact_ in their names leave nothing behind.
var functions = map[string]Effects{
	"pg_advisory_lock":            AdvisoryLock,
	"pg_advisory_lock_shared":     AdvisoryLock,
	"pg_try_advisory_lock":        AdvisoryLock,
	"pg_try_advisory_lock_shared": AdvisoryLock,
	"pg_advisory_unlock":          AdvisoryUnlock,
	"pg_advisory_unlock_shared":   AdvisoryUnlock,
	"pg_advisory_unlock_all":      AdvisoryUnlock,
	"pg_notify":                   Notifies,
	"pg_prepared_statement":       ListsStatements,
	"pg_listening_channels":       ListsChannels,
	"pg_terminate_backend":        Terminates,
	"pg_cancel_backend":           Cancels,
}

// notableWord looks at the word text[i:j] in the middle of a statement: it may be a keyword, a function or pg_temp.
func (s *scanner) notableWord(i, j int) {
	if s.text[i]|0x20 == 'p' {
		s.nameInP(s.text[i:j], j)
		return
	}
	switch pack(s.text, i, j) {
	case kwTemp:
		s.temp()
		return
	case kwHold:
		if s.first == kwDeclare && s.packedPrev() == kwWith {
			s.st.Effects |= HoldCursor
		}
		return
	case kwStdin, kwStdout:
		if s.first == kwCopy {
			s.st.Effects |= Copies
		}
		return
	case kwExecute:
		if s.first == kwCreate && s.packedPrev() == kwAs && s.firstAs() == s.prev {
			s.mention(SQLExecute, s.next(j), j)
		}
		return
	}
	word := s.text[i:j]
	if is(word, "temporary") {
		s.temp()
		return
	}
	s.nameOf(word, j)
}

// temp judges TEMP or TEMPORARY by the word before it. INSERT INTO temp writes to a table of that name.
func (s *scanner) temp() {
	switch s.packedPrev() {
	case kwInto:
		if s.first == kwInsert && skipBlank(s.text, s.start+len("insert")) == s.prev {
			return
		}
		s.st.Effects |= Temp
	case kwCreate, kwReplace, kwLocal, kwGlobal:
		s.st.Effects |= Temp
	}
}

// nameOf looks at a name, quoted or not, that ends before j: is a function called, or the temporary schema named?
func (s *scanner) nameOf(name []byte, j int) {
	if fold(name[0]) == 'p' {
		s.nameInP(name, j)
		return
	}
	switch pack(name, 0, len(name)) {
	case kwCurrval, kwLastval:
		s.call(SequenceState, j)
	case kwNextval, kwSetval:
		s.call(Nextval, j)
	case kwSetseed:
		s.call(Seeds, j)
	case 0:
		switch {
		case is(name, "set_config"):
			s.call(CallsSetConfig, j) // or less: setConfig judges
		case is(name, "current_setting"):
			s.call(AsksPooler, j) // or not: currentSetting judges
		}
	}
}

// nameInP is nameOf for names with p, the usual first letter of tables in examples and of functions of Postgres.
func (s *scanner) nameInP(name []byte, j int) {
	if len(name) < 7 || name[2] != '_' || fold(name[1]) != 'g' {
		return
	}
	if is(name[:7], "pg_temp") {
		if s.isByte(s.next(j), '.') {
			s.st.Effects |= Temp
		}
		return
	}
	if is(name, "pg_settings") {
		if kind, _ := opening(s.first); kind != Select && kind != Show {
			s.st.Effects |= SetsSession | SetsUnknown
		}
		return
	}
	if is(name, "pg_prepared_statements") {
		s.st.Effects |= ListsStatements
		return
	}
	var lower [longestWord]byte
	if len(name) > len(lower) {
		return
	}
	for i, b := range name {
		lower[i] = fold(b)
	}
	if effect, ok := functions[string(lower[:len(name)])]; ok {
		s.call(effect, j)
	}
}

// call notes the effect of a function whose name ends before j, if arguments follow.
func (s *scanner) call(effect Effects, j int) {
	open := s.next(j)
	if !s.isByte(open, '(') {
		return
	}
	switch effect {
	case CallsSetConfig:
		s.setConfig(open.end)
	case AsksPooler:
		s.currentSetting(open.end)
	default:
		s.st.Effects |= effect
	}
}

// setConfig judges a call of set_config by its arguments, which begin at i.
func (s *scanner) setConfig(i int) {
	t := s.next(i)
	s.nullOf(t)
	name := s.literal(t)
	switch {
	case s.isLocal(t):
		s.st.Effects |= SetsLocal
		if is(name, "seed") {
			s.st.Effects |= Seeds
		}
		if IsPoolers(name) {
			s.local = true
			s.assign(CallsSetConfig, ChangeSet, s.folded(name))
			s.local = false
		}
	case len(name) > 0 && s.isByte(s.next(t.end), ','):
		s.assign(CallsSetConfig, ChangeSet, s.canonical(s.folded(name)))
	default:
		s.st.Effects |= CallsSetConfig | SetsUnknown
	}
}

// currentSetting judges a call of current_setting by its first argument, which begins at i.
func (s *scanner) currentSetting(i int) {
	if IsPoolers(s.literal(s.next(i))) {
		s.st.Effects |= AsksPooler
	}
}

// show judges a SHOW, whose name begins at i.
func (s *scanner) show(i int) {
	if name, _ := s.parameter(s.next(i)); IsPoolers(name) {
		s.st.Effects |= AsksPooler
	}
}

// IsPoolers reports whether a setting is one of the pooler's own.
func IsPoolers(name []byte) bool {
	const prefix = "pgmux."
	return len(name) > len(prefix) && is(name[:len(prefix)], prefix)
}

// isLocal reports whether the arguments that begin with t are three and the third is the word true.
func (s *scanner) isLocal(t token) bool {
	depth, commas := 0, 0
	for ; t.kind != endToken; t = s.next(t.end) {
		if t.kind != byteToken {
			continue
		}
		switch s.text[t.start] {
		case '(', '[':
			depth++
		case ')', ']':
			if depth--; depth < 0 {
				return false
			}
		case ';':
			return false
		case ',':
			if depth > 0 {
				continue
			}
			if commas++; commas == 2 {
				flag := s.next(t.end)
				return s.packed(flag) == kwTrue && s.isByte(s.next(flag.end), ')')
			}
		}
	}
	return false
}

// firstAs is where the first AS of the current statement begins: CREATE TABLE … AS EXECUTE has no other before it.
func (s *scanner) firstAs() int {
	for t := s.next(s.start); t.kind != endToken; t = s.next(t.end) {
		if s.packed(t) == kwAs {
			return t.start
		}
	}
	return -1
}

func (s *scanner) packedPrev() uint64 { return pack(s.text, s.prev, wordEnd(s.text, s.prev)) }

// hasHighBit reports whether b holds any byte from 0x80.
func hasHighBit(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r >= 0x80 }) >= 0
}
