package sql

// beginning passes everything before a statement and its first word, after EXPLAIN also the first word of what it
// explains. It stops at whatever is no word.
func (s *scanner) beginning(i int) int {
	s.explained = false
	for within(i, s.text) {
		k := classes[s.text[i]]
		switch {
		case k == classLetter:
			var begun bool
			if i, begun = s.beginWord(i); begun {
				return i
			}
		case k == classSpace, k == classOpen:
			i++
		case k == classSemicolon:
			s.explained = false
			i++
		case k == classMinus && isLineComment(s.text, i), k == classSlash && isBlockComment(s.text, i):
			i = s.pass(k, i)
		default:
			s.begin(Other)
			return i
		}
	}
	return i
}

// begin counts a statement whose kind is known.
func (s *scanner) begin(k Kind) {
	if s.explained {
		return // counted as EXPLAIN
	}
	s.statements++
	if s.statements == 1 {
		s.st.Kind = k
	}
}

// beginWord takes the word at i as the first of a statement. It returns where the scan goes on, and whether the
// statement has begun: after EXPLAIN it begins again.
func (s *scanner) beginWord(i int) (int, bool) {
	j := wordEnd(s.text, i)
	w := pack(s.text, i, j)
	if s.explained && (w == kwAnalyze || w == kwAnalyse || w == kwVerbose) {
		return j, false
	}
	s.first, s.start = w, i
	s.prev = i
	kind, effects := opening(w)
	s.begin(kind)
	s.st.Effects |= effects
	if kind == Select {
		return j, true
	}
	if j-i == 1 {
		return i, true // not SQL, but it may be the E of a string
	}
	if w == kwExplain {
		s.explained = true
		return s.explain(j), false
	}
	return s.beginOther(w, i, j), true
}

// beginOther reads on where the first word alone, text[i:j], does not say enough.
func (s *scanner) beginOther(w uint64, i, j int) int {
	switch w {
	case kwSet:
		s.set(j)
	case kwReset:
		s.resetSetting(j)
	case kwShow:
		s.show(j)
	case kwCreate:
		s.st.Defines |= DefinesAnything
		s.create(j)
	case kwAlter:
		s.st.Defines |= DefinesAnything
		s.alter(j)
	case kwCommit, kwRollback:
		s.end(w, j)
	case kwDiscard:
		s.discard(j)
	case kwPrepare:
		return s.prepare(j)
	case kwExecute:
		return s.mention(SQLExecute, s.next(j), j)
	case 0:
		if is(s.text[i:j], "deallocate") {
			return s.deallocate(j)
		}
		if is(s.text[i:j], "savepoint") && s.statements == 1 {
			s.st.Kind = Transaction
		}
	}
	return j
}

// opening is what the first word alone says of a statement.
func opening(w uint64) (Kind, Effects) {
	switch w {
	case kwSelect, kwValues, kwTable:
		return Select, 0
	case kwWith:
		return With, 0
	case kwInsert:
		return Insert, 0
	case kwUpdate:
		return Update, 0
	case kwDelete:
		return Delete, 0
	case kwMerge:
		return Merge, 0
	case kwCopy:
		return Copy, 0
	case kwExplain:
		return Explain, 0
	case kwShow:
		return Show, 0
	case kwBegin, kwStart:
		return Transaction, Begins
	case kwEnd, kwAbort:
		return Transaction, Ends
	case kwCommit, kwRollback, kwRelease:
		return Transaction, 0
	case kwCreate, kwAlter:
		return Definition, 0
	case kwDrop:
		return Definition, Drops
	case kwLock:
		return Lock, 0
	case kwClose:
		return Other, Closes
	case kwNotify:
		return Other, Notifies
	case kwListen:
		return Other, Listens
	case kwUnlisten:
		return Other, Unlistens
	case kwLoad:
		return Other, Loads
	case kwDo, kwCall:
		return Other, DoBlock
	}
	return Other, 0
}

// explain passes EXPLAIN's options: what follows them begins a statement again.
func (s *scanner) explain(i int) int {
	t := s.next(i)
	if !s.isByte(t, '(') {
		return i
	}
	inside := s.next(t.end)
	switch s.packed(inside) {
	case kwSelect, kwValues, kwTable, kwWith:
		return i
	}
	if s.isByte(inside, '(') {
		return i
	}
	for t = inside; t.kind != endToken; t = s.next(t.end) {
		if s.isByte(t, ')') {
			return t.end
		}
	}
	return i // a syntax error; the scan finds why
}

// end tells the end of a transaction from ROLLBACK TO, COMMIT PREPARED and ROLLBACK PREPARED.
func (s *scanner) end(w uint64, i int) {
	t := s.next(i)
	if s.packed(t) == kwPrepared {
		return
	}
	if w == kwRollback {
		if s.packed(t) == kwWork || t.kind == wordToken && is(s.text[t.start:t.end], "transaction") {
			t = s.next(t.end)
		}
		if s.packed(t) == kwTo {
			return
		}
	}
	s.st.Effects |= Ends
}

func (s *scanner) discard(i int) {
	if s.packed(s.next(i)) == kwAll {
		s.change(DiscardsAll, ChangeDiscardAll, nil)
		return
	}
	s.st.Effects |= Discards
}
