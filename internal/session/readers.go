package session

import (
	"strings"

	"github.com/pgmux/caddy-pgmux/internal/sql"
)

// readers is what of a database lets a text be a read, and what does not.
type readers struct {
	// known: the catalog has told all of it.
	known bool
	// functions is the names of functions of users that only read, whatever their arguments.
	functions map[string]bool
	// writers is those of functions of users that may not, though Postgres has functions of the same name that do.
	writers map[string]bool
	// relations is the names of what is not read.
	relations map[string]bool
	// unread is the words that make a text no read wherever they stand; everything, that none is.
	unread     *Suspects
	everything bool
}

// KnowReaders says that the catalog has told all that the other methods were called with, and nothing is missing.
func (x *Suspects) KnowReaders() { x.readers.known = true }

// AddReader adds a function of users that only reads.
func (x *Suspects) AddReader(name string) {
	if x.readers.functions == nil {
		x.readers.functions = map[string]bool{}
	}
	x.readers.functions[name] = true
}

// AddWriter adds a function of users that may not.
func (x *Suspects) AddWriter(name string) {
	if !sql.Reads(name) {
		return // who is no reader is none
	}
	if x.readers.writers == nil {
		x.readers.writers = map[string]bool{}
	}
	x.readers.writers[name] = true
}

// AddUnread adds a name that makes a text no read by being mentioned; the empty name is every text's.
func (x *Suspects) AddUnread(name string) {
	if name == "" {
		x.readers.everything = true
		return
	}
	if x.readers.unread == nil {
		x.readers.unread = &Suspects{}
	}
	x.readers.unread.Add(name, 1)
	x.readers.everything = x.readers.everything || x.readers.unread.any != 0
}

// AddUnreadRelation adds a table, view or sequence that a text must not read from. In which encoding a name beyond ASCII comes is the
// client's choice, so that is looked for in every word.
func (x *Suspects) AddUnreadRelation(name string) {
	if strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 }) >= 0 {
		x.AddUnread(name)
		return
	}
	if x.readers.relations == nil {
		x.readers.relations = map[string]bool{}
	}
	x.readers.relations[name] = true
}

// ReadsOnly reports whether a text only reads, on a standby as on its primary, though it is strict: it reports false for much that a
// standby would run.
//
//  1. The grammar says so: f.Class is ClassReads.
//  2. The catalog has told what it knows, and has told it recently: there is a list, and it is not [Everything].
//  3. Every function that is called is Postgres's own and known to read (sql.Reads), with no function of a user of the same name that
//     may not; or a function of users that is known to read.
//  4. Nothing is read from that the catalog warns of: views that call what does not read, or lock rows, tables with such policies,
//     unlogged tables, sequences; nor a view of Postgres that says what the server or the session does, such as pg_stat_activity.
//  5. No function is mentioned that may not read and can be called as if it were a column: t.f.
//  6. The database has no operator, cast, type or domain that runs what does not read: which a text uses does not show.
//
// Of the text the normal form is wanted (sql.NormalForm); the text itself does as well, and says false also for words in strings.
func (x *Suspects) ReadsOnly(f *sql.Facts, form []byte) bool {
	if f.Class != sql.ClassReads || x == nil || !x.readers.known || x.readers.everything {
		return false
	}
	r := &x.readers
	for _, name := range f.Functions {
		if r.writers[name] || !sql.Reads(name) && !r.functions[name] {
			return false
		}
	}
	for _, name := range f.Relations {
		if r.relations[name] || sql.UncertainRelation(name) || strings.HasSuffix(name, "_seq") {
			return false
		}
	}
	return r.unread == nil || r.unread.Mentioned(form) == 0
}
