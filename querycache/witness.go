package querycache

import "slices"

// What this process knows to be written, others may want to know, and what others write, this process hears of.
//
//  1. Who watches a ledger is told of each Begin, End, Cancel and Change before it takes effect, whoever writes.
//  2. What the others learn of by themselves (See) is told as OpSeen.
//  3. What is heard of the others (Hear) is told nobody: or it would go round for ever.
//  4. Whoever begins to watch amid a change is told how it ends, at least.
//
// While nobody watches, it costs a look at a pointer.

// Watch has a witness told what is written from now on. It returns a sum of all that has been written, what was seen and heard left aside: if
// that is what Unwatch returned, or 0 of a ledger that nobody has watched before, no witness has missed anything.
func (l *Ledger) Watch(w Witness) (sum uint64) {
	l.watched(func(list []Witness) []Witness { return append(list, w) })
	return l.sum()
}

// Unwatch has it told nothing any more, and returns that sum. A call of Note may be under way.
func (l *Ledger) Unwatch(w Witness) (sum uint64) {
	sum = l.sum()
	l.watched(func(list []Witness) []Witness { return slices.DeleteFunc(list, func(v Witness) bool { return v == w }) })
	return sum
}

// watched replaces the list of witnesses by another, made of a copy.
func (l *Ledger) watched(change func([]Witness) []Witness) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Witness
	if was := l.witnesses.Load(); was != nil {
		list = slices.Clone(*was)
	}
	if list = change(list); len(list) == 0 {
		l.witnesses.Store(nil)
		return
	}
	l.witnesses.Store(&list)
}

// sum is of the states of all tables, but for what has changed them unwritten.
func (l *Ledger) sum() (sum uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.tables {
		sum += t.state.Load()
	}
	return sum + l.others.state.Load() + l.All.state.Load() - l.unwritten.Load()
}

// Watched reports whether anybody is told.
func (l *Ledger) Watched() bool { return l.witnesses.Load() != nil }

// Told reports whether others know a table by its name; else what happens to it is told of the whole database.
func (t *Table) Told() bool { return t.ledger == nil || t != &t.ledger.others }

// tell tells the witnesses, and reports whether there were any.
func (t *Table) tell(op Op) bool {
	if t.ledger == nil {
		return false
	}
	list := t.ledger.witnesses.Load()
	if list == nil {
		return false
	}
	if !t.Told() {
		t = &t.ledger.All // by others it is known by its name
	}
	for _, w := range *list {
		w.Note(op, t)
	}
	return true
}

// tellLate tells of a change that is over, if nobody could be told before, and somebody can now: in the sum that he was given it may not be.
func (t *Table) tellLate(told bool) {
	if !told {
		t.tell(OpChange)
	}
}

// See is what op says, of a change that the others learn of by themselves. For each OpBegin there is one OpEnd or OpCancel.
func (t *Table) See(op Op, mark uint64) {
	t.tell(OpSeen)
	t.apply(op, mark)
}

// Hear is what op says, as others do it: nobody is told. An OpEnd or OpCancel of which the OpBegin was not heard takes nobody else's back: the
// first is a change, the second nothing.
func (t *Table) Hear(op Op, mark uint64) {
	switch op {
	case OpBegin:
		t.apply(op, mark)
		t.heard.Add(1) // behind it: who ends it finds it begun
		return
	case OpEnd:
		if !t.hasHeard() {
			op = OpChange
		}
	case OpCancel:
		if !t.hasHeard() {
			return
		}
	}
	t.apply(op, mark)
}

// hasHeard takes one of the beginnings that have been heard, if there is one.
func (t *Table) hasHeard() bool {
	for {
		n := t.heard.Load()
		if n == 0 {
			return false
		}
		if t.heard.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// apply is what op says, though nothing is written here.
func (t *Table) apply(op Op, mark uint64) {
	var by uint64
	switch op {
	case OpBegin:
		by = t.begin()
	case OpEnd:
		by = t.end(mark)
	case OpCancel:
		by = t.cancel()
	default:
		by = t.change(mark)
	}
	if t.ledger != nil {
		t.ledger.unwritten.Add(by)
	}
}
