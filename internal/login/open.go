package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Open connects and logs in to a server as [Dial] does, and leaves the connection as it is, for questions that are asked by code
// that waits. There is nothing unread, and no deadline.
func Open(ctx context.Context, t Target) (net.Conn, error) { return open(ctx, t, "user") }

// open is Open; who is what the configuration calls the user.
func open(ctx context.Context, t Target, who string) (net.Conn, error) {
	conn, err := dial(ctx, t.Address)
	if err != nil {
		return nil, err
	}
	s := &serverLogin{target: t}
	release := keepTo(ctx, conn)
	if err := release(s.run(ctx, conn)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("logging in to upstream %s as %s %q, database %q: %w", t.Address, who, t.User, t.Database, explain(err))
	}
	return s.reader.conn, nil
}

// Reach connects to an upstream and says nothing: all that can be found out without a login. Postgres does not log it.
func Reach(ctx context.Context, address string) error {
	conn, err := dial(ctx, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// tooManyConnections is of a server that has no room for us now, and serves those who are in.
const tooManyConnections = "53300"

// RefusesUs tells of an error of a login whether the server is well, and it is us that it does not take: the user, the password, the
// database, a setting, or one more connection. A server that starts, stops or has lost something says other things (57P03 and its
// class, 58, XX, the rest of 53).
func RefusesUs(err error) bool {
	var server *ServerError
	if errors.As(err, &server) {
		return server.Permanent() || server.SQLState == tooManyConnections || strings.HasPrefix(server.SQLState, "08")
	}
	var secret *secretError
	return errors.As(err, &secret)
}

// IsFull tells of an error of a login whether the server has no room for one more connection.
func IsFull(err error) bool {
	var server *ServerError
	return errors.As(err, &server) && server.SQLState == tooManyConnections
}

// RefusesDatabase tells of an error that RefusesUs whether it is for the database: the same user may be let in to another.
func RefusesDatabase(err error) bool {
	var server *ServerError
	if !errors.As(err, &server) {
		return false
	}
	switch server.SQLState {
	case undefinedDatabase, insufficientPrivilege, objectNotInPrerequisiteState:
		return true
	}
	return false
}

// secretError is of a secret that does not do for what the server asks.
type secretError struct{ configurationError }

func secretless(format string, args ...any) error {
	return &secretError{configurationError{fmt.Errorf(format, args...)}}
}
