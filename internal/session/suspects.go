package session

import (
	"bytes"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Suspects is what of one database leaves state in the session of whoever mentions it: functions, and the tables and views
// that call such functions. A text that mentions one is followed by a question, as one that says so itself. It is immutable,
// and shared by all shards.
//
// A word of the text is compared wherever it stands, in strings and comments too: dynamic SQL is in strings, and to ask in
// vain costs little.
type Suspects struct {
	words map[string]Pins
	// shapes has, by a word's length, one bit per first letter. Most words are passed over with this one look.
	shapes [maxNameLen + 1]uint32
	// foreign is for words with letters beyond ASCII: in which encoding they come is the client's choice.
	foreign Pins
	// any is for every text but those that run nothing of a user, and definitions for those that define or drop something.
	any, definitions Pins
	all              Pins // together
	// Settings is the settings of one's own that are set: Postgres does not list those.
	Settings []string
	// TwoPhase: transactions can be prepared (PREPARE TRANSACTION).
	TwoPhase bool
	// drawers is what may draw from sequences, of those that do not begin as what draws; they are looked for only where clients
	// ask for what they have drawn. writes: whatever changes a table may draw, by a trigger or a rule.
	drawers *Suspects
	writes  bool
	// readers is what lets a text be a read.
	readers readers
}

// SuspectList is where the present Suspects of a database are found; nil is none.
type SuspectList = atomic.Pointer[Suspects]

// maxNameLen is NAMEDATALEN - 1: Postgres cuts longer names.
const maxNameLen = 63

// Hidden is the kinds of state that may come from a function; PinSettings stands for settings, whichever.
const Hidden = PinSettings | PinListen | PinTemp | PinLock | PinCursor | PinPrepare | PinLoad | PinSeed | Notifying | MayNotify

// Of suspects two more things are known, which leave nothing: Notifying are those that notify, MayNotify those of which that is not
// known.
const (
	Notifying Pins = 1 << (len(reasons) + iota)
	MayNotify
)

// asking is the kinds of Hidden that Postgres can be asked for; of the others what the source says must do.
const asking = PinSettings | PinPrepare | askable

// Everything suspects every text: for the time in which nobody knows better.
var Everything = &Suspects{any: asking | AsksSequence | MayNotify, definitions: asking | MayNotify, all: asking | AsksSequence | MayNotify}

// Add makes a function, table or view a suspect: of all kinds that it is added for. A name that is no plain word is found
// by its first part that is one.
func (x *Suspects) Add(name string, p Pins) {
	x.all |= p
	if strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 }) >= 0 {
		x.foreign |= p
		return
	}
	word, ok := firstWord(name)
	if !ok {
		x.any |= p
		return
	}
	if x.words == nil {
		x.words = map[string]Pins{}
	}
	word = strings.ToLower(word[:min(len(word), maxNameLen)])
	x.words[word] |= p
	x.shapes[len(word)] |= 1 << (word[0] & 31)
}

// AddAny suspects every text, because operators, casts or types of the database use such a function.
func (x *Suspects) AddAny(p Pins) {
	x.any |= p
	x.all |= p
}

// AddDefinitions suspects texts that define or drop something, because of an event trigger.
func (x *Suspects) AddDefinitions(p Pins) {
	x.definitions |= p
	x.all |= p
}

// AddDrawer makes a function or view one that may draw from a sequence.
func (x *Suspects) AddDrawer(name string) {
	if x.drawers == nil {
		x.drawers = &Suspects{}
	}
	x.drawers.Add(name, DrawsSequence)
}

// AddWriters has whatever changes a table draw from a sequence.
func (x *Suspects) AddWriters() { x.writes = true }

// None reports whether there is nobody to suspect.
func (x *Suspects) None() bool { return x == nil || x.all == 0 }

// inWord is the bytes of plain words. A dollar sign is none of them: it may belong to the quotes around.
var inWord = func() (t [256]bool) {
	for b := range t {
		t[b] = b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b >= 0x80
	}
	return t
}()

func firstWord(name string) (string, bool) {
	i := 0
	for i < len(name) && !inWord[name[i]] {
		i++
	}
	j := i
	for j < len(name) && inWord[name[j]] {
		j++
	}
	return name[i:j], j > i
}

// Mentioned is the kinds of state that the suspects mentioned in a text leave.
func (x *Suspects) Mentioned(text []byte) (p Pins) {
	for i := 0; i < len(text); {
		first := text[i]
		if !inWord[first] {
			i++
			continue
		}
		begin, high := i, first
		for i++; i < len(text) && inWord[text[i]]; i++ {
			high |= text[i]
		}
		n := min(i-begin, maxNameLen)
		if high >= 0x80 {
			p |= x.foreign
		} else if x.shapes[n]>>(first&31)&1 != 0 {
			p |= x.word(text[begin : begin+n])
		}
	}
	return p
}

// word looks one up.
func (x *Suspects) word(w []byte) Pins {
	var lower [maxNameLen]byte
	for i, b := range w {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		lower[i] = b
	}
	return x.words[string(lower[:len(w)])]
}

// of is the kinds of state that a text may leave through the suspects; st is what was found in it.
func (x *Suspects) of(st *sql.Statement, text []byte) (p Pins) {
	if len(x.words) > 0 || x.foreign != 0 {
		p = x.Mentioned(text)
	}
	if st.Defines != 0 || st.Effects.Has(sql.Drops) {
		p |= x.definitions
	}
	if x.any != 0 && !runsNothing(st) {
		p |= x.any
	}
	if st.Effects.Has(sql.SQLExecute) {
		p |= x.all // its text was another's
	}
	return p
}

// draws is DrawsSequence if a text may draw from a sequence without beginning as one that does.
func (x *Suspects) draws(st *sql.Statement, text []byte) Pins {
	switch {
	case runsNothing(st): // DISCARD SEQUENCES takes a snapshot, which SET TRANSACTION must not find, nor come before LOCK
	case x.writes && (st.Kind == sql.Update || st.Kind == sql.Delete || st.Effects.Has(sql.Multi)):
		return DrawsSequence
	case x.drawers != nil:
		return x.drawers.of(st, text)
	}
	return 0
}

// runsNothing reports whether a text runs no code of a user: what a COMMIT may run was brought by what came before it.
func runsNothing(st *sql.Statement) bool {
	if st.Kind == sql.Empty {
		return true
	}
	return st.Single() && (st.Kind == sql.Transaction || st.Kind == sql.Show || st.Kind == sql.Lock ||
		st.Kind == sql.Other && st.Effects.Has(settling|sql.SetsLocal|sql.Discards|sql.Listens|sql.Unlistens|sql.Closes|sql.Notifies))
}

// suspect notes what a text that goes to the server may leave there through what it mentions. What it does with sequences is
// returned.
func (f *feed) suspect(st *sql.Statement, text []byte) Pins {
	x := f.s.suspects()
	if x == nil {
		return 0
	}
	p := x.of(st, text)
	if defines(st, text, p) {
		f.define()
		f.s.Touched.ownSettings(text)
		if st.Effects.Has(sql.Multi) {
			p |= asking // it may call what it has defined
		}
	}
	f.hidden(p & Hidden)
	if p.Has(PinSettings) {
		if st.Effects.Has(sql.SQLExecute) {
			f.foreseeExecuted()
		}
		f.foreseeGiven(text)
	}
	if f.keepsNumbers() {
		p |= x.draws(st, text)
	}
	return p
}

// suspectBound is suspect for a prepared statement.
func (f *feed) suspectBound(id prepared.StmtID) Pins {
	v := f.verdictOn(id)
	if v.defines {
		f.define()
	}
	f.hidden(v.pins & Hidden)
	return v.pins
}

// verdictOn is what the suspects say of a prepared statement.
func (f *feed) verdictOn(id prepared.StmtID) verdict {
	x := f.s.suspects()
	if x == nil || id == prepared.None {
		return verdict{}
	}
	return *f.verdictOf(x, id)
}

// verdictOf is what a list says of a statement: it is found out once, as long as the list is the same.
func (f *feed) verdictOf(x *Suspects, id prepared.StmtID) *verdict {
	v := f.e.verdict(id)
	if v.by != x {
		text := f.e.Statements.Text(id)
		st := f.look(text, false)
		*v = verdict{by: x, pins: x.of(st, text)}
		v.defines = defines(st, text, v.pins)
		v.pins |= x.draws(st, text)
	}
	return v
}

// verdict is what one list of suspects says of a statement.
type verdict struct {
	by      *Suspects
	pins    Pins
	defines bool
}

// verdict is where that of a statement is kept.
func (e *Env) verdict(id prepared.StmtID) *verdict {
	for int(id) >= len(e.verdicts) {
		e.verdicts = append(e.verdicts, make([]verdict, 64+len(e.verdicts))...)
	}
	return &e.verdicts[id]
}

// suspects is the list for the next text; nil if there is nothing to look for. A client that is defining something is not
// sure of what it has defined.
func (s *Server) suspects() *Suspects {
	if s.Suspects == nil {
		return nil
	}
	if s.Defining {
		return Everything
	}
	if x := s.Suspects.Load(); x != nil {
		return x
	}
	return Everything
}

// hidden notes that such state may have come, or gone, without a word of it in the text.
func (f *feed) hidden(p Pins) {
	if p &^= Notifying | MayNotify; p == 0 {
		return
	}
	t := &f.s.Touched
	t.once = false
	t.Unknown = t.Unknown || p&PinSettings != 0
	t.State |= p & (askable | PinPrepare)
	if sure := p & (PinSeed | PinLoad); sure != 0 {
		f.stay(sure)
	}
}

// ownSettings adds what may be the names of settings of one's own in a text with code in it: words joined by a dot. Postgres
// lists such settings nowhere; to ask for one that is none does no harm. They are asked for together with other state. It reports
// whether all could be added: there is room, and they are no bytes that Postgres would not take in a question.
func (t *Touched) ownSettings(text []byte) (all bool) {
	all = true
	for i := 0; i < len(text); {
		if !inWord[text[i]] {
			i++
			continue
		}
		begin, dots := i, 0
		for ; i < len(text) && (inWord[text[i]] || text[i] == '.' && i+1 < len(text) && inWord[text[i+1]]); i++ {
			if text[i] == '.' {
				dots++
			}
		}
		if letter := text[begin] | 0x20; dots > 0 && i-begin <= maxNameLen && (letter >= 'a' && letter <= 'z' || text[begin] == '_') {
			var lower [maxNameLen]byte
			all = utf8.Valid(text[begin:i]) && t.add(appendLower(lower[:0], text[begin:i]), TouchedSet, maxGuessed) && all
		}
	}
	return all
}

// appendLower appends a word in lower case, as SQL reads it.
func appendLower(to, word []byte) []byte {
	for _, b := range word {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		to = append(to, b)
	}
	return to
}

// define notes that the transaction may have made suspects.
func (f *feed) define() {
	if !f.s.Defining {
		f.s.Defining = true
		if f.e.Defines != nil {
			f.e.Defines(f.s)
		}
	}
}

// defines reports whether a text may make suspects: it defines code, or something that calls a suspect, of the kinds p, or a
// function of Postgres that leaves state.
func defines(st *sql.Statement, text []byte, p Pins) bool {
	switch {
	case st.Defines&sql.DefinesCode != 0, st.Effects.Has(sql.DoBlock) && containsFold(text, "create"):
		return true
	}
	return st.Defines != 0 && (p&Hidden != 0 || st.Effects.Has(settling|sql.AdvisoryLock|sql.AdvisoryUnlock|sql.Seeds|sql.Notifies|sql.Unknown))
}

// containsFold reports whether a text contains a word, given in lower case, in any case.
func containsFold(text []byte, word string) bool {
	for len(text) >= len(word) {
		i := bytes.IndexAny(text[:len(text)-len(word)+1], word[:1]+strings.ToUpper(word[:1]))
		if i < 0 {
			return false
		}
		if strings.EqualFold(string(text[i:i+len(word)]), word) {
			return true
		}
		text = text[i+1:]
	}
	return false
}
