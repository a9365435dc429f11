package console

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"
)

// portal is a statement that can be executed. As there are no transactions, it ends with the next Sync or Query, like a portal of Postgres outside
// of one; rows that nobody has fetched end with it. Of those there is one result at most: it may be long.
type portal struct {
	*statement
	formats []int16
	rest    *answer // what it has returned and nobody has fetched; nil: it has not run
}

func (s *session) bind(m *pgproto3.Bind) error {
	stmt := s.prepared[m.PreparedStatement]
	_, there := s.portals[m.DestinationPortal]
	switch {
	case stmt == nil:
		return noStatement(m.PreparedStatement)
	case len(m.Parameters) > 0:
		return noParameters(len(m.Parameters))
	case !there && len(s.portals) >= maxPrepared:
		return tooManyPrepared("portals")
	case len(m.DestinationPortal) > maxName:
		return nameTooLong("portal")
	}
	p := &portal{statement: stmt}
	if c := stmt.returns(); c != nil {
		if err := c.checkFormats(m.ResultFormatCodes); err != nil {
			return err
		}
		p.formats = slices.Clone(m.ResultFormatCodes)
	}
	s.endPortal(m.DestinationPortal)
	s.portals[m.DestinationPortal] = p
	s.send(&pgproto3.BindComplete{})
	return nil
}

// execute runs a portal, once; a limit lets it be fetched in pieces.
func (s *session) execute(ctx context.Context, name string, limit int) error {
	p := s.portals[name]
	switch {
	case p == nil:
		return noPortal(name)
	case p.empty():
		s.send(&pgproto3.EmptyQueryResponse{})
		return nil
	case p.rest == nil && s.unfinished != nil:
		return secondResult()
	}
	if p.rest == nil {
		a, err := s.run(ctx, p.statement)
		if err != nil {
			return err
		}
		p.rest = &a
	}
	s.fetch(p, limit)
	return nil
}

// fetch sends so many rows, or all of them if the limit is 0.
func (s *session) fetch(p *portal, limit int) {
	a := p.rest
	if a.table == nil || limit <= 0 || len(a.table.rows) <= limit {
		s.answer(*a, p.formats)
		p.rest = &answer{tag: a.tag}
		s.finished(p)
		return
	}
	for _, row := range a.table.rows[:limit] {
		s.send(a.table.dataRow(row, p.formats))
	}
	a.table.rows = a.table.rows[limit:]
	s.unfinished = p
	s.send(&pgproto3.PortalSuspended{})
}

// finished is that nothing is left of a portal's result.
func (s *session) finished(p *portal) {
	if s.unfinished == p {
		s.unfinished = nil
	}
}

// endPortal ends one, if it is there.
func (s *session) endPortal(name string) {
	if p := s.portals[name]; p != nil {
		s.finished(p)
		delete(s.portals, name)
	}
}

// endPortals ends all.
func (s *session) endPortals() {
	clear(s.portals)
	s.unfinished = nil
}

func noPortal(name string) *problem {
	return &problem{state: invalidCursorName, message: fmt.Sprintf("portal \"%s\" does not exist", excerpt(name))}
}

func secondResult() *problem {
	return &problem{
		state: limitExceeded, message: "another portal of the session has rows that were not fetched",
		hint: "Fetch them all, close that portal, or send Sync, which ends it.",
	}
}
