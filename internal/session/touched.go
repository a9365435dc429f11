package session

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Touched is what the present client's texts may have changed in the session of its server since that was last known.
// It is where to look, not what is there: that Postgres is asked when the transaction is over, so that rollbacks,
// savepoints, and values that only Postgres can compute are as it says.
type Touched struct {
	// Unknown: settings whose names no text has shown. All: RESET ALL or DISCARD ALL.
	Unknown, All bool
	// State is the kinds of state to ask about: that may have come, or gone.
	State Pins

	names []byte // how, a name, a zero byte; each name once
	count int
	// once: one text alone has done it, of which Postgres makes the same whenever it is executed in the same session.
	// text is its hash.
	once bool
	text uint64
}

// maxTouched bounds the names of settings that are remembered, and maxSettingName each: two identifiers and a dot. With maxGuessed of
// them no more is added that only may be one, so that there is room for those that are.
const (
	maxTouched     = 48
	maxGuessed     = 32
	maxSettingName = 127
)

// textSeed makes hashes of texts unpredictable.
var textSeed = maphash.MakeSeed()

// Settings reports whether settings may have changed.
func (t *Touched) Settings() bool { return t.count > 0 || t.Unknown || t.All }

// Named reports whether a text has named a setting.
func (t *Touched) Named() bool { return t.count > 0 }

// Any reports whether anything may have changed.
func (t *Touched) Any() bool { return t.Settings() || t.State != 0 }

// TouchedHow is what has shown that a setting may have changed.
type TouchedHow byte

// A text has reset it; a text has given it a value; or Postgres has reported that it changed, and no text has named it.
const (
	TouchedReset    TouchedHow = 'r'
	TouchedSet      TouchedHow = 's'
	TouchedReported TouchedHow = 'o'
)

// Each calls f with the name of every setting that may have changed, in lower case. The name is valid during the call.
func (t *Touched) Each(f func(name []byte, how TouchedHow)) {
	for rest := t.names; len(rest) > 0; {
		i := bytes.IndexByte(rest, 0)
		f(rest[1:i], TouchedHow(rest[0]))
		rest = rest[i+1:]
	}
}

// has reports whether a setting may have changed that is named so, in lower case.
func (t *Touched) has(setting string) (found bool) {
	t.Each(func(name []byte, _ TouchedHow) { found = found || string(name) == setting })
	return found
}

// Once is the hash of the text that has done all of it, if what comes of that depends on nothing but the session.
func (t *Touched) Once() (text uint64, ok bool) { return t.text, t.once }

// Forget begins anew: all is known.
func (t *Touched) Forget() { *t = Touched{names: t.names[:0]} }

// Touch adds a setting that Postgres has reported to have changed. Where a text has named it, that is no news.
func (t *Touched) Touch(name []byte) {
	named := t.count
	t.Unknown = !t.add(name, TouchedReported, maxTouched) || t.Unknown
	t.once = t.once && t.count == named && !t.Unknown
}

// name adds a setting that a text has named; false if there is no room.
func (t *Touched) name(name []byte, set bool) bool {
	if set {
		return t.add(name, TouchedSet, maxTouched)
	}
	return t.add(name, TouchedReset, maxTouched)
}

// add adds a setting, if there are fewer than most.
func (t *Touched) add(name []byte, how TouchedHow, most int) bool {
	for rest := t.names; len(rest) > 0; {
		i := bytes.IndexByte(rest, 0)
		if bytes.Equal(rest[1:i], name) {
			if how == TouchedSet || how == TouchedReset && rest[0] == byte(TouchedReported) {
				rest[0] = byte(how)
			}
			return true
		}
		rest = rest[i+1:]
	}
	if t.count >= most || len(name) > maxSettingName || bytes.IndexByte(name, 0) >= 0 {
		return false
	}
	t.count++
	t.names = append(append(append(t.names, byte(how)), name...), 0)
	return true
}

// settling is the effects that change settings.
const settling = sql.SetsSession | sql.Resets | sql.CallsSetConfig | sql.DiscardsAll | sql.SetsUnknown

// hiding is the effects of texts in which anything may hide.
const hiding = sql.DoBlock

// touching is every effect after which something is asked.
const touching = settling | hiding | sql.Temp | sql.AdvisoryLock | sql.AdvisoryUnlock | sql.HoldCursor | sql.Listens | sql.Unlistens |
	sql.Closes | sql.Drops | sql.Discards

// touch notes what a text that goes to the server may change there. st is what was found in it.
func (f *feed) touch(st *sql.Statement, text []byte) {
	t := &f.s.Touched
	if t.once && st.Effects&(touching|sql.Begins|sql.Ends) != 0 {
		t.once = false
	}
	if st.Effects&touching == 0 {
		return
	}
	first := !t.Any() && st.Single() && st.Effects&^(sql.SetsSession|sql.Resets|sql.DiscardsAll) == 0 &&
		f.s.Status == 'I' && !f.s.open && f.s.owesNothing()
	if st.Effects.Has(settling) {
		f.touchSettings(st)
	}
	t.Unknown = t.Unknown || st.Effects.Has(hiding|sql.SetsUnknown)
	if st.Effects.Has(hiding) {
		if !t.ownSettings(text) && containsFold(text, "set") {
			f.pin(sql.SetsUnknown)
		}
		f.lasts(text)
	}
	t.State |= askedAfter(f.keeping(st.Effects), f.s.Pins)
	if t.once = first && t.Settings() && !t.Unknown; t.once {
		t.text = maphash.Bytes(textSeed, text)
	}
}

// owesNothing reports whether nothing is owed, or only the answer to what makes the session the client's: if that fails, the
// server is lost.
func (s *Server) owesNothing() bool {
	return s.owed.len() == 0 || s.owed.len() == 1 && s.owed.first() == oweQueryOurs
}

// touchBound is touch for a statement that is executed now, by a portal, and was read when it was prepared. effects is what it
// does, and what those do that its EXECUTEs run.
func (f *feed) touchBound(id prepared.StmtID, portal []byte, effects sql.Effects) {
	if id == prepared.None {
		return
	}
	text := f.e.Statements.Text(id)
	st := f.look(text, false)
	st.Effects |= effects &^ (mayDraw | runsNone | mayReshape)
	f.touch(st, text)
	f.restoreBehind(st, portal)
}

// touchSettings notes the settings that a text names.
func (f *feed) touchSettings(st *sql.Statement) {
	t := &f.s.Touched
	if len(st.Changes()) == 0 {
		t.Unknown = true // the text of what is executed is elsewhere
	}
	for _, ch := range st.Changes() {
		switch ch.Kind {
		case sql.ChangeResetLocal, sql.ChangeSetLocal:
			continue // it ends with the transaction
		case sql.ChangeResetAll, sql.ChangeDiscardAll:
			t.All = true
			if f.c.Meaning == 0 && f.s.influx == 0 {
				continue // nothing that matters is set
			}
		default:
			if !t.name(ch.Name, ch.Kind == sql.ChangeSet) {
				f.pin(sql.SetsUnknown)
			}
		}
		f.s.flux(f.e, ch.Name)
		if st.Effects.Has(sql.Multi) && readsBy(ch.Name) {
			f.pin(sql.Unknown) // what follows it in the text may be cut otherwise
		}
	}
}

// readsBy reports whether a setting changes how texts are read.
func readsBy(name []byte) bool {
	return string(name) == "standard_conforming_strings" || string(name) == "client_encoding"
}

// askedAfter is the kinds of state that a text may have made or, where it was there, ended.
func askedAfter(e sql.Effects, there Pins) (p Pins) {
	if e.Has(hiding) {
		p |= askable | PinPrepare
	}
	p |= pinsOf(e) & askable
	for _, m := range [...]struct {
		ends sql.Effects
		pin  Pins
	}{
		{sql.Drops | sql.Discards, PinTemp},
		{sql.AdvisoryUnlock, PinLock},
		{sql.Closes, PinCursor},
		{sql.Unlistens, PinListen},
	} {
		if e.Has(m.ends) {
			p |= m.pin & there
		}
	}
	return p
}

// largeObjects is the functions that FunctionCall is meant for: those of large objects, which leave nothing beyond the
// transaction.
var largeObjects = map[uint32]bool{
	715: true, 952: true, 953: true, 954: true, 955: true, 956: true, 957: true, 958: true, 964: true, 1004: true,
	3170: true, 3171: true, 3172: true, 3457: true, 3458: true, 3459: true, 3460: true,
}

// touchFunction is touch for a FunctionCall: of another function nobody knows what it leaves.
func (f *feed) touchFunction(frame []byte) {
	if len(frame) >= pgwire.HeaderLen+4 && largeObjects[binary.BigEndian.Uint32(frame[pgwire.HeaderLen:])] {
		return
	}
	f.callSequences(frame)
	f.hidden(asking)
	f.foreseeValues(frame[min(functionValues, len(frame)):])
}

// The functions of sequences that FunctionCall may name.
const (
	oidNextval   = 1574
	oidCurrval   = 1575
	oidSetval    = 1576
	oidSetvalIs  = 1765
	oidLastval   = 2559
	firstUserOID = 16384
)

// callSequences is sequences for a FunctionCall.
func (f *feed) callSequences(frame []byte) {
	var oid uint32
	if len(frame) >= pgwire.HeaderLen+4 {
		oid = binary.BigEndian.Uint32(frame[pgwire.HeaderLen:])
	}
	switch oid {
	case oidCurrval, oidLastval:
		f.sequences(sql.SequenceState, 0, false, true)
	case oidNextval, oidSetval, oidSetvalIs:
		f.sequences(0, 0, true, true)
	default:
		if oid >= firstUserOID {
			f.sequences(0, anything, true, true)
		}
	}
}
