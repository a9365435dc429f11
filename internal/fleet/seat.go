package fleet

import "github.com/pgmux/caddy-pgmux/querycache"

// Seat is who tells a Member what is written here, as long as somebody does: from Joined, or later, until Close. A member may have several:
// each tells of everything, and what one has told begin only that one ends.
type Seat struct {
	*Member
	// begun counts the changes of each table that are under way; nil: it is closed. Under Member.mu.
	begun map[string]int
}

// Seat is a new one.
func (m *Member) Seat() *Seat { return &Seat{Member: m, begun: map[string]int{}} }

// Note implements querycache.Witness. What comes when the seat is closed is told as a change: nobody would tell how it ends.
func (s *Seat) Note(op querycache.Op, t *querycache.Table) {
	s.mu.Lock()
	s.tables.note(s.count(op, t.Name), t.Name)
	s.mu.Unlock()
	s.awake()
}

// count is what an Op is, by what the seat has told before: the end of what it has not told begin is a change, and takes nobody else's back.
func (s *Seat) count(op querycache.Op, name string) querycache.Op {
	begun := s.begun[name]
	switch {
	case op == querycache.OpBegin && s.begun != nil:
		s.begun[name] = begun + 1
	case op == querycache.OpBegin:
		return querycache.OpChange
	case op != querycache.OpEnd && op != querycache.OpCancel:
	case begun == 0:
		return querycache.OpChange
	case begun == 1:
		delete(s.begun, name)
	default:
		s.begun[name] = begun - 1
	}
	return op
}

// Close ends what the seat has told begin: whether it is committed, others are not going to hear from it.
func (s *Seat) Close() {
	s.mu.Lock()
	for name, n := range s.begun {
		for range n {
			s.tables.note(querycache.OpEnd, name)
		}
	}
	s.begun = nil
	s.mu.Unlock()
	s.awake()
}

// awake has what was noted be told.
func (m *Member) awake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Interface guard
var _ querycache.Witness = (*Seat)(nil)
