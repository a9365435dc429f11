package prober

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/pgmux/caddy-pgmux/routing"
)

// partingTime is how long a connection that is closed may take to say so.
const partingTime = 100 * time.Millisecond

// errWontTell is of a server that would not even say whether it is in recovery.
var errWontTell = errors.New("the server does not let us ask whether it is in recovery")

// connection is a logged-in connection to one upstream.
type connection struct {
	conn   net.Conn
	server *pgproto3.Frontend
	parts  []part // that the server answers
	known  values // what does not change
}

// newConnection finds out what the server answers. The connection is closed if that cannot be found out.
func newConnection(ctx context.Context, conn net.Conn) (*connection, error) {
	c := &connection{conn: conn, server: pgproto3.NewFrontend(bufio.NewReader(conn), conn)}
	c.server.SetMaxBodyLen(maxMessageBytes)
	if err := c.examine(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// examine asks for each part by itself, if we may.
func (c *connection) examine(ctx context.Context) error {
	permitted, err := c.permitted(ctx)
	if err != nil {
		return err
	}
	if len(permitted) == 0 || permitted[0].name != recovery {
		return errWontTell
	}
	texts := make([]string, len(permitted))
	for i, p := range permitted {
		texts[i] = question([]part{p})
	}
	answers, err := c.exchange(ctx, texts...)
	if err != nil {
		return err
	}
	for i, p := range permitted {
		if err := c.learn(p, answers[i]); err != nil {
			return err
		}
	}
	return nil
}

// permitted are the parts for which we may call what they call.
func (c *connection) permitted(ctx context.Context) ([]part, error) {
	var all []part
	all = append(append(all, eachTime...), once...)
	names := functions(all)
	answers, err := c.exchange(ctx, permissions(names))
	if err == nil {
		err = answers[0].complete(len(names))
	}
	if err != nil {
		return nil, fmt.Errorf("asking which functions we may call: %w", err)
	}
	forbidden := map[string]bool{}
	for i, name := range names {
		forbidden[name] = answers[0].row[i] != "t"
	}
	var permitted []part
	for _, p := range all {
		if !anyOf(p.functions, forbidden) {
			permitted = append(permitted, p)
		}
	}
	return permitted, nil
}

func anyOf(names []string, set map[string]bool) bool {
	for _, name := range names {
		if set[name] {
			return true
		}
	}
	return false
}

// learn takes in how the server has answered one part. Where it does not know such things, the part is left out from now on.
func (c *connection) learn(p part, a answer) error {
	err := a.complete(1)
	switch {
	case wontTell(a.refused) && p.name == recovery:
		return fmt.Errorf("%w: %w", errWontTell, err)
	case wontTell(a.refused):
		return nil
	case err != nil:
		return err
	case p.name == cluster || p.name == block:
		c.known[p.name] = a.row[0]
		return nil
	}
	c.parts = append(c.parts, p)
	return nil
}

// wontTell tells whether an error will be the same next time: a permission, a function that is not there, or that this Postgres, or
// what passes itself off as one, does not support.
func wontTell(e *pgproto3.ErrorResponse) bool {
	return e != nil && (strings.HasPrefix(e.Code, "42") || e.Code == "0A000" || e.Code == "55000")
}

// ask asks the question, under a new mark.
func (c *connection) ask(ctx context.Context, mark func() uint64) (routing.Report, error) {
	m, began := mark(), time.Now()
	answers, err := c.exchange(ctx, question(c.parts))
	if err == nil {
		err = answers[0].complete(len(c.parts))
	}
	if err != nil {
		return routing.Report{}, err
	}
	took := time.Since(began)
	all := c.known
	for i, p := range c.parts {
		all[p.name] = answers[0].row[i]
	}
	r, err := all.report(m)
	r.Latency = took
	return r, err
}

// close says farewell, which a server that hangs does not delay.
func (c *connection) close() {
	c.conn.SetDeadline(time.Now().Add(partingTime))
	c.server.Send(&pgproto3.Terminate{})
	_ = c.server.Flush() // whether or not it hears us
	c.conn.Close()
}
