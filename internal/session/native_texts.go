package session

import (
	"bytes"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/prepared"
)

// Of a server that is told what runs on it (Server.Tracks) it is remembered what its client's own names stand for there (native.go), so
// that Env.Runs can be told the text of a Bind, or of an EXECUTE. What is told is certain, or nothing is:
//
//  1. A name stands for a text once Postgres has said that it is prepared: with ParseComplete, or the tag PREPARE. While a message that would
//     give the name is on its way, nobody knows, for it may fail, but in the same batch: if it fails, that is skipped.
//  2. Postgres refuses to give a name that is taken. So a name stands for the same until it is taken away: by Close, DEALLOCATE or DISCARD.
//     It is forgotten when that is sent, whatever comes of it. A transaction that is rolled back takes and gives none.
//  3. Code that nobody can read may take names away, and give them again. Once it may run, up to the end of the transaction, because a
//     cursor or a trigger may run it as late as that, nothing is known, and nothing is remembered; then Postgres is asked (Server.AsksTexts).
//  4. Names beyond ASCII, or as long as Postgres cuts them, stand for nothing: which of them are the same, the client cannot tell. Such a
//     one that is taken away may be any.
//  5. What Postgres lists has been read by settings that may have changed meanwhile. It is taken where it says the same by all of them: it
//     is ASCII, without a backslash.

// maxNativeTexts bounds the names of which the texts are remembered, and maxNativeTextBytes the texts of one server, in bytes. What is beyond
// that is not known.
const (
	maxNativeTexts     = 256
	maxNativeTextBytes = 128 << 10
)

// nativeTexts is what the names stand for. The zero value: nothing is known.
type nativeTexts struct {
	of   map[string][]byte
	size int // bytes of the texts
	// awaited is what is on its way to be prepared, in order.
	awaited []awaitedText
	// doubted: by rule 3.
	doubted bool
}

// awaitedText is a text of a message that gives it a name, whose entry in Owed is at.
type awaitedText struct {
	name, text []byte
	at         uint32
}

// none reports whether there is nothing that could be doubted.
func (t *nativeTexts) none() bool { return len(t.of) == 0 && len(t.awaited) == 0 }

// text is what a name stands for on a server that owes q, nil if that is not certain.
func (t *nativeTexts) text(q *Owed, name []byte) []byte {
	for i := len(t.awaited) - 1; i >= 0; i-- {
		a := &t.awaited[i]
		switch {
		case !bytes.Equal(a.name, name) || !q.holdsAt(a.at): // or it has failed
		case q.sameBatch(a.at):
			return a.text
		default:
			return nil
		}
	}
	return t.of[string(name)]
}

// await notes that a message is on its way that gives a name, with an entry in q.
func (t *nativeTexts) await(q *Owed, name, text []byte, at uint32) {
	t.awaited = slices.DeleteFunc(t.awaited, func(a awaitedText) bool { return !q.holdsAt(a.at) })
	size := t.size + len(text)
	for i := range t.awaited {
		size += len(t.awaited[i].text)
	}
	switch {
	case t.doubted || !certainName(name):
	case len(t.of)+len(t.awaited) >= maxNativeTexts || size > maxNativeTextBytes:
		t.takeAway(name)
	default:
		t.awaited = append(t.awaited, awaitedText{bytes.Clone(name), bytes.Clone(text), at})
	}
}

// done takes what has come of the message at an entry. Of those before it nothing more will be heard.
func (t *nativeTexts) done(at uint32) {
	n := 0
	for ; n < len(t.awaited) && int32(at-t.awaited[n].at) >= 0; n++ {
		if a := &t.awaited[n]; a.at == at {
			t.learn(a.name, a.text)
		}
	}
	t.awaited = slices.Delete(t.awaited, 0, n)
}

// learn notes what a name stands for. It takes the text over.
func (t *nativeTexts) learn(name, text []byte) {
	t.drop(name)
	if len(t.of) >= maxNativeTexts || t.size+len(text) > maxNativeTextBytes {
		return
	}
	if t.of == nil {
		t.of = map[string][]byte{}
	}
	t.of[string(name)] = text
	t.size += len(text)
}

func (t *nativeTexts) drop(name []byte) {
	t.size -= len(t.of[string(name)])
	delete(t.of, string(name))
}

// clear notes that all are taken away.
func (t *nativeTexts) clear() { *t = nativeTexts{doubted: t.doubted} }

// takeAway notes that a name may be taken away.
func (t *nativeTexts) takeAway(name []byte) {
	switch {
	case t.none():
		return
	case !certainName(name):
		t.doubt()
		return
	}
	t.drop(name)
	t.awaited = slices.DeleteFunc(t.awaited, func(a awaitedText) bool { return bytes.Equal(a.name, name) })
}

// doubt notes that any name may stand for anything, up to the end of the transaction.
func (t *nativeTexts) doubt() {
	if !t.none() {
		*t = nativeTexts{doubted: true}
	}
}

// certainName reports whether a name is one in every encoding, not cut, and none of ours.
func certainName(name []byte) bool {
	return len(name) > 0 && len(name) < maxNameLen && isASCII(name) && !bytes.HasPrefix(name, []byte(prepared.ServerNamePrefix))
}

// DoubtTexts notes that what runs may change what the client's own names stand for.
func (s *Server) DoubtTexts() { s.texts.doubt() }

// TextsQuestion asks Postgres what the names stand for. What it answers is for LearnTexts. Operators are named with their schema, because the
// search_path is the client's.
const TextsQuestion = "SELECT name,statement,from_sql FROM pg_catalog.pg_prepared_statements" +
	" WHERE pg_catalog.octet_length(statement) OPERATOR(pg_catalog.<=) 8192 AND name OPERATOR(pg_catalog.!~~) '" +
	prepared.ServerNamePrefix + "%' LIMIT 256"

// AsksTexts reports whether TextsQuestion is to be asked, with AskRows, as soon as the server is Releasable, before its client goes on.
func (s *Server) AsksTexts() bool { return s.texts.doubted && s.Pins.Has(PinPrepare) }

// LearnTexts takes the answer, or that there is none (Failed).
func (s *Server) LearnTexts(e *Env) {
	s.texts = nativeTexts{}
	if s.Failed {
		return
	}
	s.Rows(func(columns [][]byte) {
		if len(columns) == 3 && certainName(columns[0]) && isASCII(columns[1]) && bytes.IndexByte(columns[1], '\\') < 0 &&
			e.runsItself(columns[1], string(columns[2]) == "t") {
			s.texts.learn(columns[0], bytes.Clone(columns[1]))
		}
	})
}
