package prober

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// maxMessageBytes bounds one message of an answer: notices can be long.
	maxMessageBytes = 64 << 10
	// maxMessages bounds those of one answer.
	maxMessages = 1000
)

// answer is what a server has said to one query.
type answer struct {
	row     []string // the first; NULLs are empty
	refused *pgproto3.ErrorResponse
}

// complete tells what is wrong with the answer to a question for so many columns.
func (a *answer) complete(columns int) error {
	if a.refused != nil {
		return &serverError{a.refused}
	}
	if len(a.row) != columns {
		return fmt.Errorf("the server answers with %d columns where %d were asked for", len(a.row), columns)
	}
	return nil
}

// serverError is a server's ErrorResponse to a question.
type serverError struct{ *pgproto3.ErrorResponse }

func (e *serverError) Error() string { return fmt.Sprintf("%s (SQLSTATE %s)", e.Message, e.Code) }

// exchange sends all queries at once and reads their answers. After an error the connection is of no more use.
func (c *connection) exchange(ctx context.Context, texts ...string) ([]answer, error) {
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for _, text := range texts {
		c.server.Send(&pgproto3.Query{String: text})
	}
	if err := c.server.Flush(); err != nil {
		return nil, orEnd(ctx, fmt.Errorf("sending a question: %w", err))
	}
	answers := make([]answer, len(texts))
	for i := range answers {
		if err := c.read(&answers[i]); err != nil {
			return nil, orEnd(ctx, err)
		}
	}
	return answers, nil
}

// orEnd is the context's error, if that is what has ended an exchange.
func orEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// read reads one answer, up to its ReadyForQuery.
func (c *connection) read(a *answer) error {
	for range maxMessages {
		m, err := c.server.Receive()
		if err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		switch m := m.(type) {
		case *pgproto3.ReadyForQuery:
			return nil
		case *pgproto3.DataRow:
			a.take(m)
		case *pgproto3.ErrorResponse:
			refused := *m
			a.refused = &refused
			if m.SeverityUnlocalized == "FATAL" || m.SeverityUnlocalized == "PANIC" {
				return &serverError{&refused}
			}
		}
	}
	return fmt.Errorf("the server answers with more than %d messages", maxMessages)
}

// take takes the first row.
func (a *answer) take(m *pgproto3.DataRow) {
	if a.row != nil {
		return
	}
	a.row = make([]string, len(m.Values))
	for i, v := range m.Values {
		a.row[i] = string(v)
	}
}
