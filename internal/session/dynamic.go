package session

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/pgwire"
	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// Code that says EXECUTE of what it is given, such as a trigger with EXECUTE NEW.sql, may leave anything, and Postgres cannot be
// asked for all of it: it lists no settings of one's own, no seed, no LOAD. What it is given stands in the client's texts, in
// strings, or in the values of its parameters; so those are looked through for them. The settings follow the client then, and a
// server that was given a seed or a library stays with it.
//
// What is put together otherwise is not found so. The engine sees to it that nobody else sees it (engine/soiled.go).

// foresee notes what a text may leave that is given to code that may execute it.
func (f *feed) foresee(text []byte) {
	f.s.Touched.ownSettings(text)
	f.lasts(text)
}

// lasts has the server stay with its client where the dynamic SQL in a text leaves what lasts.
func (f *feed) lasts(text []byte) {
	if p := lasting(text); p != 0 {
		f.stay(p)
	}
}

// foreseeGiven is foresee for a client's own text: what is executed stands in its strings.
func (f *feed) foreseeGiven(text []byte) {
	if i := bytes.IndexAny(text, "'$"); i >= 0 {
		f.foresee(text[i:])
	}
}

// foreseeExecuted is foreseeGiven for what the EXECUTEs run of the text that was read last.
func (f *feed) foreseeExecuted() {
	for i := range f.e.reading.mentions {
		if m := &f.e.reading.mentions[i]; m.effect == sql.SQLExecute && m.id != prepared.None {
			f.foreseeGiven(f.e.Statements.Text(m.id))
		}
	}
}

// foreseeBound is foresee for a statement that was read when it was prepared, and the values in the body of a Bind.
func (f *feed) foreseeBound(id prepared.StmtID, values []byte) {
	x := f.s.suspects()
	if x == nil || id == prepared.None {
		return
	}
	if v := f.e.verdict(id); v.by != x || !v.pins.Has(PinSettings) {
		return
	}
	if f.e.effectsOf(id).Has(sql.SQLExecute) {
		f.foreseeExecuted()
	}
	f.foreseeGiven(f.e.Statements.Text(id))
	f.foreseeValues(values)
}

// foreseeValues is foresee for the values in a Bind, behind its names, or in a FunctionCall, as far as they are there. A text is the
// same in both formats.
func (f *feed) foreseeValues(b []byte) {
	if len(b) < 2 {
		return
	}
	formats := 2 + 2*int(binary.BigEndian.Uint16(b))
	if len(b) < formats+2 {
		return
	}
	for b = b[formats+2:]; len(b) > 4; {
		n := int(int32(binary.BigEndian.Uint32(b)))
		b = b[4:]
		if n > 0 {
			n = min(n, len(b))
			f.foresee(b[:n])
			b = b[n:]
		}
	}
}

// functionValues is where the values begin in a FunctionCall: behind the function's ID.
const functionValues = pgwire.HeaderLen + 4

// lasting is what the dynamic SQL in a text may leave that lasts as long as the session: LOAD of a string, setseed, SET seed.
func lasting(text []byte) (p Pins) {
	var before []byte // the word before
	for i := 0; i < len(text); {
		if !inWord[text[i]] {
			i++
			continue
		}
		begin := i
		for i++; i < len(text) && inWord[text[i]]; i++ {
		}
		word, rest := text[begin:i], bytes.TrimLeft(text[i:], blank)
		apart := len(rest) < len(text)-i
		switch {
		case is(word, "setseed"):
			p |= PinSeed
		case is(word, "seed") && (is(before, "set_config") || is(before, "set") || is(before, "local") || is(before, "session")):
			p |= PinSeed
		case is(word, "load") && apart && begins(rest, "'$%\\") && beginsStatement(bytes.TrimRight(text[:begin], blank), before):
			p |= PinLoad
		}
		before = word
	}
	return p
}

// is compares a word with one in lower case.
func is(word []byte, lower string) bool {
	return len(word) == len(lower) && bytes.EqualFold(word, []byte(lower))
}

// begins reports whether a text begins with one of these bytes.
func begins(text []byte, with string) bool {
	return len(text) > 0 && strings.IndexByte(with, text[0]) >= 0
}

// beginsStatement reports whether a statement may begin behind this, of which the last word is given.
func beginsStatement(text, last []byte) bool {
	if len(text) == 0 || strings.IndexByte("'$;\"", text[len(text)-1]) >= 0 {
		return true
	}
	return is(last, "begin") || is(last, "then") || is(last, "else") || is(last, "loop")
}
