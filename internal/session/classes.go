package session

import (
	"bytes"

	"github.com/pgmux/caddy-pgmux/internal/prepared"
	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// The grammar is not asked on the way of a query. What it says of a text is asked for when a text of that fingerprint comes for the
// first time, and remembered (Readings); until then the text is one that writes.

// print is the fingerprint of a statement with that hash.
type print struct {
	hash prepared.Hash
	of   uint64
}

// class is what a text does, as far as known; id is of a statement that has it, or None.
func (e *Env) class(text []byte, id prepared.StmtID, list *SuspectList) sql.Class {
	if list == nil {
		return sql.ClassWrites // nobody looks for what functions do
	}
	of := e.fingerprint(text, id)
	class, ask := e.readings.Lookup(of, list.Load(), text)
	if ask && e.Ask != nil {
		e.Ask(of, text)
	}
	return class
}

// OnlyReads reports whether a text is known to only read; id is of a statement that has it, or None.
func (e *Env) OnlyReads(text []byte, id prepared.StmtID, list *SuspectList) bool {
	return e.class(text, id, list) == sql.ClassReads
}

// lastPrint is a text, and its fingerprint.
type lastPrint struct {
	text []byte
	of   uint64
}

// maxLastPrint bounds that text: it is copied.
const maxLastPrint = 1 << 10

// fingerprint is that of a text, which is remembered for statements, and of others for the last one: on its way it is asked for several
// times.
func (e *Env) fingerprint(text []byte, id prepared.StmtID) uint64 {
	if id == prepared.None {
		return e.last.fingerprint(text)
	}
	for int(id) >= len(e.prints) {
		e.prints = append(e.prints, make([]print, 64+len(e.prints))...)
	}
	p := &e.prints[id]
	if hash := e.Statements.Hash(id); p.hash != hash {
		*p = print{hash, sql.Fingerprint(text)}
	}
	return p.of
}

// FingerprintOf is that of a statement, 0 if it has none; false if that is not known yet, which costs a look at a table.
func (e *Env) FingerprintOf(id prepared.StmtID) (of uint64, known bool) {
	if int(id) >= len(e.prints) || id == prepared.None || e.prints[id].hash != e.Statements.Hash(id) {
		return 0, false
	}
	return e.prints[id].of, true
}

// ReadFingerprint is that of a text, of a statement where id is not None; 0 if it has none. It may read the whole text.
func (e *Env) ReadFingerprint(text []byte, id prepared.StmtID) uint64 { return e.fingerprint(text, id) }

// Fingerprint is that of a text of which there is no statement; false if it has none, or it would not be remembered for whoever asks next.
func (e *Env) Fingerprint(text []byte) (of uint64, ok bool) {
	if len(text) > maxLastPrint {
		return 0, false
	}
	of = e.last.fingerprint(text)
	return of, of != 0
}

func (l *lastPrint) fingerprint(text []byte) uint64 {
	if len(text) > maxLastPrint {
		return sql.Fingerprint(text)
	}
	if l.of == 0 || !bytes.Equal(l.text, text) {
		l.text, l.of = append(l.text[:0], text...), sql.Fingerprint(text)
	}
	return l.of
}

// Learn takes what the grammar says of texts of a fingerprint; nil: nothing, and it is to be asked again.
func (e *Env) Learn(of uint64, f *sql.Facts) {
	if f == nil {
		e.readings.Forget(of)
		return
	}
	e.readings.Learn(of, *f)
}
