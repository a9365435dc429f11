package fleet

import "github.com/pgmux/caddy-pgmux/querycache"

// tables is what a member knows of the tables of its database: what is under way here, what of it the others have been told, and where in the
// log each was written last (rules 1 to 7).
type tables struct {
	known map[string]*table
	// whole is the database as a whole; it is also in known, without a name.
	whole *table
	// touched is the names of which something has been noted since the last record.
	touched []string
	// spare is memory for it.
	spare []string
	// floor: whatever is not known was written there, or before.
	floor uint64
	// folded counts the changes under way that are counted for the whole, as there was no room for their tables.
	folded int
	// folds: others were told of the whole in the place of too many tables.
	folds bool
	// sent is the records that were not read back yet, in order.
	sent []sent
}

// table is one of them.
type table struct {
	pending int // changes under way here
	// told: the others believe that changes are under way here.
	told bool
	// touched, changed: since the last record something was noted, and it was a change that others have to be told.
	touched, changed bool
	// carrier is the record that tells of the last that was noted; 0: it was read back.
	carrier uint64
	// last is the position where it was written last.
	last uint64
}

// sent is a record that was not read back yet.
type sent struct {
	seq   uint64
	names []string
	at    int64 // when it was taken
}

const (
	// maxTables bounds the tables that are told apart.
	maxTables = 8192
	// maxSent bounds the records that were not read back; no more are taken meanwhile.
	maxSent = 1024
)

func newTables() tables {
	whole := &table{}
	return tables{known: map[string]*table{"": whole}, whole: whole}
}

// note takes an Op of our own.
func (t *tables) note(op querycache.Op, name string) {
	x, op, name := t.locate(op, name)
	switch op {
	case querycache.OpBegin:
		x.pending++
	case querycache.OpEnd:
		x.pending, x.changed = max(x.pending-1, 0), true
	case querycache.OpCancel:
		x.pending = max(x.pending-1, 0)
	case querycache.OpChange:
		x.changed = true
	}
	t.touch(x, name)
}

func (t *tables) touch(x *table, name string) {
	if !x.touched {
		x.touched = true
		t.touched = append(t.touched, name)
	}
}

// locate is which table an Op counts for: the whole database if there is no room for one more.
func (t *tables) locate(op querycache.Op, name string) (*table, querycache.Op, string) {
	if name == overflow || len(name) > maxName {
		name = ""
	}
	ends := op == querycache.OpEnd || op == querycache.OpCancel
	switch x := t.known[name]; {
	case x != nil:
		return x, op, name
	case ends && t.folded > 0:
		t.folded--
		return t.whole, op, ""
	case t.hasRoom():
		x = &table{}
		t.known[name] = x
		return x, op, name
	case ends: // of what nobody has seen begin
		return t.whole, querycache.OpChange, ""
	case op == querycache.OpBegin:
		t.folded++
	}
	return t.whole, op, ""
}

// hasRoom makes room if there is none: it forgets the tables with which nothing is under way. They were written at the floor then.
func (t *tables) hasRoom() bool {
	if len(t.known) < maxTables {
		return true
	}
	for name, x := range t.known {
		if x != t.whole && x.isIdle() {
			t.floor = max(t.floor, x.last)
			delete(t.known, name)
		}
	}
	return len(t.known) < maxTables
}

func (x *table) isIdle() bool { return x.pending == 0 && !x.told && !x.touched && x.carrier == 0 }

// heard notes that others have written a table, at a position.
func (t *tables) heard(name string, position uint64) {
	x := t.known[name]
	if x == nil {
		if !t.hasRoom() {
			t.floor = max(t.floor, position)
			return
		}
		x = &table{}
		t.known[name] = x
	}
	x.last = max(x.last, position)
}

// current reports whether nothing of these tables, nor the database as a whole, was written behind a position (rule 6).
func (t *tables) current(names []string, position uint64) bool {
	if position < t.floor || !t.whole.isCurrent(position) {
		return false
	}
	for _, name := range names {
		if x := t.known[name]; name == overflow || x != nil && !x.isCurrent(position) {
			return false
		}
	}
	return true
}

func (x *table) isCurrent(position uint64) bool {
	return !x.touched && x.carrier == 0 && x.last <= position
}
