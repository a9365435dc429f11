package querycache

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Ledger is what has been written in one database, whoever uses it. All methods may be called from several loops at once.
//
// It knows tables by their names without schemas: tables of one name in several schemas are invalid together, which costs little, and no
// search_path has to be understood.
type Ledger struct {
	// All is the database as a whole: what may have changed anything changes this. It has no name.
	All Table

	mu     sync.Mutex
	tables map[string]*Table
	listed []*Table // the same, as they came: it only grows
	others Table
	// witnesses is told what is written; nil: nobody is. Under mu it is changed.
	witnesses atomic.Pointer[[]Witness]
	// unwritten is by how much all states together have been changed by See and Hear.
	unwritten atomic.Uint64
}

// maxTables bounds the tables that a ledger tells apart; the others are one.
const maxTables = 1 << 16

// Table is the state of one table: how often it has been changed, and how many may be changing it now.
type Table struct {
	// Name is without its schema.
	Name  string
	state atomic.Uint64
	mark  atomic.Uint64
	// heard is how many of who may be changing it now have been heard of (Hear).
	heard  atomic.Int64
	ledger *Ledger
}

// pendings is that part of a state which counts who may be changing the table now. More than 2^24 at once there cannot be: each is a
// server.
const pendings = 1<<24 - 1

// NewLedger is one of a database that nobody has written in.
func NewLedger() *Ledger {
	l := &Ledger{tables: map[string]*Table{}}
	l.All.ledger = l
	l.others.Name, l.others.ledger = "(others)", l
	return l
}

// Table is the table of that name. It takes a lock: remember what it returns.
func (l *Ledger) Table(name string) *Table {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tables[name]
	switch {
	case t != nil:
		return t
	case len(l.tables) >= maxTables:
		return &l.others
	}
	t = &Table{Name: name, ledger: l}
	l.tables[name], l.listed = t, append(l.listed, t)
	return t
}

// Tables is all that were asked for, in the order in which they were first. Nobody changes it.
func (l *Ledger) Tables() []*Table {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.listed)
}

// Begin notes that a change is about to be committed. From now on until End or Cancel nothing holds that depends on the table.
func (t *Table) Begin() {
	t.tell(OpBegin)
	t.begin()
}

// End notes that it has been, or not, and the newest mark there is: a replica that has not replayed that may show what was before. Of a
// change that nobody has seen begin, because the ledger has been forgotten meanwhile, it is Change.
func (t *Table) End(mark uint64) {
	told := t.tell(OpEnd)
	t.end(mark)
	t.tellLate(told)
}

// Cancel takes a Begin back: there was no change.
func (t *Table) Cancel() {
	t.tell(OpCancel)
	t.cancel()
}

// Change is Begin and End.
func (t *Table) Change(mark uint64) {
	told := t.tell(OpChange)
	t.change(mark)
	t.tellLate(told)
}

// What follows changes the state alone, and returns by how much.

func (t *Table) begin() uint64  { return t.add(1) }
func (t *Table) cancel() uint64 { return t.add(^uint64(0)) }

func (t *Table) end(mark uint64) uint64 {
	t.reach(mark)
	for !faulty {
		was := t.state.Load()
		by := uint64(pendings) // one change more, one pending less
		if was&pendings == 0 {
			by = pendings + 1
		}
		if t.state.CompareAndSwap(was, was+by) {
			return by
		}
	}
	return 0
}

func (t *Table) change(mark uint64) uint64 {
	t.reach(mark)
	return t.add(pendings + 1)
}

func (t *Table) add(n uint64) uint64 {
	if faulty {
		return 0
	}
	t.state.Add(n)
	return n
}

// Changes is how often it has been changed.
func (t *Table) Changes() uint64 { return t.state.Load() / (pendings + 1) }

// Pending is how many may be changing it now.
func (t *Table) Pending() uint64 { return t.state.Load() & pendings }

// Mark is the newest mark when it was last changed.
func (t *Table) Mark() uint64 { return t.mark.Load() }

func (t *Table) reach(mark uint64) {
	for {
		was := t.mark.Load()
		if was >= mark || t.mark.CompareAndSwap(was, mark) {
			return
		}
	}
}

// Evidence is what a reply rests on: the states of what it depends on, before it was asked for. Nobody changes it.
type Evidence struct {
	all    *Table
	tables []*Table
	states []uint64 // of the tables, then of all
}

// Evidence is taken before a reply is asked for that depends on these tables, which are not copied. It reports false if one of them is
// being changed.
func (l *Ledger) Evidence(tables []*Table) (e Evidence, ok bool) {
	e = Evidence{all: &l.All, tables: tables, states: make([]uint64, 0, len(tables)+1)}
	for _, t := range tables {
		e.states = append(e.states, t.state.Load())
	}
	e.states = append(e.states, l.All.state.Load())
	return e, !slices.ContainsFunc(e.states, func(state uint64) bool { return state&pendings != 0 })
}

// Holds reports whether nothing has been changed since, nor is being changed now. Not to be asked of evidence that was not ok.
func (e *Evidence) Holds() bool {
	for i, t := range e.tables {
		if t.state.Load() != e.states[i] {
			return false
		}
	}
	return e.all.state.Load() == e.states[len(e.tables)]
}

// Mark is the newest mark of a change of what it rests on: a replica that has not replayed that may show what was before.
func (e *Evidence) Mark() uint64 {
	mark := e.all.Mark()
	for _, t := range e.tables {
		mark = max(mark, t.Mark())
	}
	return mark
}

// Tables is what it rests on beside the whole database. Nobody changes it.
func (e *Evidence) Tables() []*Table { return e.tables }

// DependsOn reports whether a table is among what it rests on.
func (e *Evidence) DependsOn(name string) bool {
	return slices.ContainsFunc(e.tables, func(t *Table) bool { return t.Name == name })
}
