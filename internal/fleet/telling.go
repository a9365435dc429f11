package fleet

// isDue reports whether there is something for the log.
func (t *tables) isDue() bool { return len(t.touched) > 0 && !t.isFull() }

// isBusy reports whether changes are under way here.
func (t *tables) isBusy() bool {
	for _, x := range t.known {
		if x.pending > 0 {
			return true
		}
	}
	return false
}

// isFull: no more records are taken before one is read back.
func (t *tables) isFull() bool { return len(t.sent) >= maxSent }

// take fills in a record with what the others do not know, or all that they should if it is a state, and counts it as sent.
func (t *tables) take(r *record, now int64) {
	if r.kind == tells {
		r.tables = t.news()
		if t.folds || len(r.tables) > maxTold {
			r.kind = states
		}
	}
	if r.kind != tells {
		r.tables = t.state()
	}
	for _, name := range t.touched {
		x := t.known[name]
		x.touched, x.changed, x.carrier = false, false, r.seq
	}
	t.sent = append(t.sent, sent{seq: r.seq, names: t.touched, at: now})
	t.touched, t.spare = t.spare, nil
}

// news is what the others do not know of the tables that were touched.
func (t *tables) news() (news []told) {
	for _, name := range t.touched {
		x := t.known[name]
		if pending := x.pending > 0; x.changed || pending != x.told {
			news = append(news, told{name: name, pending: pending, changed: x.changed})
			x.told = pending
		}
	}
	return news
}

// state is all that is under way, and what has been changed: the whole database if that is too much.
func (t *tables) state() (all []told) {
	sum := told{}
	for name, x := range t.known {
		x.told = x.pending > 0
		if x.told || x.changed {
			all = append(all, told{name: name, pending: x.told, changed: x.changed})
			sum.pending, sum.changed = sum.pending || x.told, sum.changed || x.changed
		}
	}
	if t.folds = len(all) > maxTold; t.folds {
		return []told{sum}
	}
	return all
}

// echoed notes that a record of ours was read back, at a position, and when it was taken; false: it is not the next.
func (t *tables) echoed(seq, position uint64) (at int64, ok bool) {
	if len(t.sent) == 0 || t.sent[0].seq != seq {
		return 0, false
	}
	for _, name := range t.sent[0].names {
		x := t.known[name]
		x.last = max(x.last, position)
		if x.carrier == seq {
			x.carrier = 0
		}
	}
	at, t.spare = t.sent[0].at, t.sent[0].names[:0]
	t.sent = t.sent[1:]
	return at, true
}

// unsend has what was not read back be told once more (rule 10), as changes: nobody knows what of it was heard.
func (t *tables) unsend() {
	t.sent = nil
	for name, x := range t.known {
		if x.told = false; x.carrier != 0 {
			x.carrier, x.changed = 0, true
			t.touch(x, name)
		}
	}
}

// joinedAt notes that our join record was read back at a position (rule 7).
func (t *tables) joinedAt(position uint64) { t.floor = max(t.floor, position) }

// anew forgets where tables were written: positions are those of another log from now on. Before joinedAt nothing is current.
func (t *tables) anew() {
	t.floor = 0
	for _, x := range t.known {
		x.last = 0
	}
}
