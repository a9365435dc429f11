package session

import "github.com/pgmux/caddy-pgmux/internal/prepared"

// Which query it was that has been answered, is told to who wants to know (Env.OnRan): for each that Server.Queries counts, once, as soon
// as its last reply has come. So every entry of what is owed for a query says what it runs:
//
//  1. An Execute runs the statement of which its portal was bound. There are seldom portals with names: the last few are known.
//  2. A simple Query runs its text, of which the beginning is kept until it is answered.
//  3. What runs is not known of a FunctionCall, of what the server knows by the client's own names, and of clients in whose encoding
//     nobody can read a text.

// MaxRanText bounds the text of a simple Query that is kept, in bytes. One of that length may be the beginning of a longer one.
const MaxRanText = 2 << 10

// maxRanTexts bounds what is kept of all simple Queries that one server owes; of those behind it the text is not known.
const maxRanTexts = 2 * MaxRanText

// Ran is a query that has been answered. Whoever is told of one may look at it until he returns.
type Ran struct {
	// Stmt is the statement whose text it is; None: of a simple Query, or not known.
	Stmt prepared.StmtID
	// Text is what ran, nil if that is not known.
	Text []byte
	Kind QueryKind
	// Rows is what its CommandCompletes say: rows returned, or changed.
	Rows uint64
	// Failed: its reply was an error.
	Failed bool
}

// Cut reports whether Text may be the beginning of a longer one.
func (r *Ran) Cut() bool { return r.Stmt == prepared.None && len(r.Text) >= MaxRanText }

// subject is what an entry of an Execute or of a Query runs.
type subject struct {
	// stmt is the statement of an Execute, without a reference; None: of a Query, or not known.
	stmt prepared.StmtID
	// at and length are where the text of a Query lies in Owed.texts. Of an Execute, at is stmt's Sum, which tells whether that ID is still
	// its, and length how many rows it asks for, 0: all of them.
	at, length uint32
}

// subjectOf is a statement as the subject of a portal.
func (e *Env) subjectOf(id prepared.StmtID) subject {
	if id == prepared.None {
		return subject{}
	}
	return subject{stmt: id, at: e.Statements.Sum(id)}
}

// keepText keeps the text of a Query for whoever is told that it has run.
func (f *feed) keepText(o *owed, text []byte) {
	if f.e.OnRan != nil && !f.c.Unreadable {
		f.s.owed.keepText(o, text)
	}
}

// keepText keeps the beginning of a text for an entry, as long as anything is owed.
func (q *Owed) keepText(o *owed, text []byte) {
	if len(q.texts) >= maxRanTexts {
		return
	}
	text = text[:min(len(text), MaxRanText)]
	o.runs = subject{at: uint32(len(q.texts)), length: uint32(len(text))}
	q.texts = append(q.texts, text...)
}

// count counts a query that has been answered, and tells what it was.
func (s *Server) count(e *Env, runs subject) {
	s.Queries++
	s.Kinds[s.kind]++
	if e.OnRan != nil {
		s.tellRan(e, runs)
	}
	s.kind, s.ranRows, s.ranFailed = KindOther, 0, false
}

// tellRan tells what an entry has run.
func (s *Server) tellRan(e *Env, runs subject) {
	r := &e.ran
	*r = Ran{Kind: s.kind, Rows: s.ranRows, Failed: s.ranFailed}
	switch {
	case runs.stmt == prepared.None:
		if runs.length > 0 {
			r.Text = s.owed.texts[runs.at : runs.at+runs.length]
		}
	case e.Statements.Recall(runs.stmt, runs.at):
		r.Stmt, r.Text = runs.stmt, e.Statements.Text(runs.stmt)
	}
	e.OnRan(s, r)
	e.release(r.Stmt)
	r.Text = nil
}

// failed counts an Execute that meets an error: what comes behind it is skipped, and has not run.
func (s *Server) failed(e *Env) {
	switch s.owed.first() {
	case oweQuery, oweFunction:
		s.kind, s.ranRows, s.ranFailed = KindOther, 0, true
	case oweExecute:
		s.kind, s.ranRows, s.ranFailed = KindOther, 0, true
		s.count(e, s.owed.at(s.owed.head).runs)
	}
}

// rowsInTag is the number at the end of a CommandComplete's tag, 0 if there is none: INSERT 0 5, SELECT 5, COPY 5.
func rowsInTag(tag []byte) (rows uint64) {
	end := len(tag)
	if end > 0 && tag[end-1] == 0 {
		end--
	}
	unit := uint64(1)
	for i := end - 1; i >= 0 && tag[i]-'0' <= 9; i-- {
		rows += unit * uint64(tag[i]-'0')
		unit *= 10
	}
	return rows
}
