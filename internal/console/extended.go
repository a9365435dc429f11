package console

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// The extended protocol, which PgBouncer's console does not speak and which drivers that prepare everything need: a statement is a command,
// without parameters, and what it returns is known before it runs.

// maxPrepared bounds the statements, and the portals, of a session: drivers that prepare everything keep some hundred.
const maxPrepared = 1000

// extended takes a message of the extended protocol; others end the session.
func (s *session) extended(ctx context.Context, message pgproto3.FrontendMessage) error {
	if _, flush := message.(*pgproto3.Flush); flush {
		s.flush()
		return nil
	}
	err, known := s.extendedMessage(ctx, message)
	switch {
	case ends(err):
		return err
	case !known:
		return &problem{state: protocolViolation, message: "unsupported packet type for admin console: " + typeName(message)}
	case err != nil:
		s.refuse(err)
		s.skipping = true
	}
	return nil
}

// typeName is the name of a message as the documentation of Postgres has it.
func typeName(m pgproto3.FrontendMessage) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
}

func (s *session) extendedMessage(ctx context.Context, message pgproto3.FrontendMessage) (err error, known bool) {
	switch m := message.(type) {
	case *pgproto3.Parse:
		return s.unlessSkipping(func() error { return s.parse(m) }), true
	case *pgproto3.Bind:
		return s.unlessSkipping(func() error { return s.bind(m) }), true
	case *pgproto3.Describe:
		return s.unlessSkipping(func() error { return s.describe(m) }), true
	case *pgproto3.Execute:
		return s.unlessSkipping(func() error { return s.execute(ctx, m.Portal, int(m.MaxRows)) }), true
	case *pgproto3.Close:
		return s.unlessSkipping(func() error { return s.close(m) }), true
	}
	return nil, false
}

func (s *session) unlessSkipping(do func() error) error {
	if s.skipping {
		return nil
	}
	return do()
}

func (s *session) parse(m *pgproto3.Parse) error {
	stmt, err := parse(m.Query)
	if err != nil {
		return err
	}
	switch _, there := s.prepared[m.Name]; {
	case there && m.Name != "":
		return &problem{state: duplicatePreparedState, message: fmt.Sprintf("prepared statement \"%s\" already exists", excerpt(m.Name))}
	case !there && len(s.prepared) >= maxPrepared:
		return tooManyPrepared("statements")
	case len(m.Name) > maxName:
		return nameTooLong("prepared statement")
	case len(m.ParameterOIDs) > 0:
		return noParameters(len(m.ParameterOIDs))
	}
	s.prepared[m.Name] = stmt
	s.send(&pgproto3.ParseComplete{})
	return nil
}

func (s *session) describe(m *pgproto3.Describe) error {
	if m.ObjectType == 'S' {
		stmt := s.prepared[m.Name]
		if stmt == nil {
			return noStatement(m.Name)
		}
		s.send(&pgproto3.ParameterDescription{})
		s.describeRows(stmt, nil)
		return nil
	}
	p := s.portals[m.Name]
	if p == nil {
		return noPortal(m.Name)
	}
	s.describeRows(p.statement, p.formats)
	return nil
}

func (s *session) describeRows(stmt *statement, formats []int16) {
	if c := stmt.returns(); c != nil {
		s.send(c.describe(formats))
		return
	}
	s.send(&pgproto3.NoData{})
}

func (s *session) close(m *pgproto3.Close) error {
	if m.ObjectType == 'S' {
		delete(s.prepared, m.Name)
	} else {
		s.endPortal(m.Name)
	}
	s.send(&pgproto3.CloseComplete{})
	return nil
}

func noStatement(name string) *problem {
	return &problem{state: invalidStatementName, message: fmt.Sprintf("prepared statement \"%s\" does not exist", excerpt(name))}
}

func noParameters(n int) *problem {
	return &problem{
		state: protocolViolation, message: fmt.Sprintf("%d parameters were sent, but commands of the console take none", n),
		hint: "Write names into the command itself, in double quotes where they are more than letters, digits and _.",
	}
}

func tooManyPrepared(what string) *problem {
	return &problem{state: limitExceeded, message: fmt.Sprintf("the session has %d %s, and may not have more", maxPrepared, what), hint: "Close some."}
}

func nameTooLong(what string) *problem {
	return &problem{state: limitExceeded, message: fmt.Sprintf("the name of a %s has more than %d bytes", what, maxName)}
}
